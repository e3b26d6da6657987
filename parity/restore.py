"""Boxes in network pixels to boxes in image pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.boxes import clip
from parity.detections import Detections
from parity.preprocess import TIE_BREAK, Geometry
from parity.spec import PadRounding, Restore, RestoreGeometry

Pair = NDArray[np.int_]
OF_THE_RATIO = frozenset({PadRounding.RATIO, PadRounding.RATIO_EXACT})


def restore(detections: Detections, geometry: Geometry, settings: Restore) -> Detections:
    """Undo the geometry as the settings say; equal to Ultralytics' ``scale_boxes`` at the default."""
    scale, offset = transform(geometry, settings)
    boxes = (detections.boxes - np.tile(offset, 2)) / np.tile(scale, 2)
    if settings.clip:
        boxes = clip(boxes, *believed_size(geometry, settings))
    if settings.integer:
        boxes = np.trunc(boxes)
    return Detections(boxes, detections.scores, detections.classes, detections.non_finite)


def believed_size(geometry: Geometry, settings: Restore) -> tuple[int, int]:
    """The image's (height, width) as the restoring step has it."""
    height, width = geometry.image_size
    return (width, height) if settings.geometry is RestoreGeometry.SWAPPED else (height, width)


def transform(geometry: Geometry, settings: Restore) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (x, y) with ``network = image * scale + offset``, by the geometry that the settings choose."""
    believed, network = np.array(believed_size(geometry, settings)[::-1]), np.array(geometry.network_size[::-1])
    if settings.geometry is RestoreGeometry.NETWORK:
        return np.ones(2), np.zeros(2)
    if settings.geometry is RestoreGeometry.STRETCH:
        return network / believed, np.zeros(2)
    rounding = settings.pad_rounding
    if settings.geometry in {RestoreGeometry.LETTERBOX, RestoreGeometry.SWAPPED} or rounding in OF_THE_RATIO:
        return letterboxed(believed, network, rounding)
    scale = np.array([geometry.scale_x, geometry.scale_y])
    if settings.geometry is RestoreGeometry.NO_PAD:
        return scale, np.zeros(2)
    applied = np.array([geometry.pad_x, geometry.pad_y])
    exact = np.array([geometry.exact_pad_x, geometry.exact_pad_y])
    return scale, {PadRounding.EXACT: exact, PadRounding.OTHER: np.round(2 * exact) - applied}.get(rounding, applied)


def letterboxed(image: Pair, network: Pair, rounding: PadRounding) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (x, y) of a centred letterbox of an image in a network, both (width, height)."""
    gain = float((network / image).min())
    resized = image * gain if rounding in OF_THE_RATIO else np.maximum(np.round(image * gain), 1)
    exact = (network - resized) / 2
    applied = np.maximum(np.round(exact - TIE_BREAK), 0)
    pads = {PadRounding.EXACT: exact, PadRounding.RATIO_EXACT: exact, PadRounding.OTHER: 2 * exact - applied}
    return resized / image, pads.get(rounding, applied)
