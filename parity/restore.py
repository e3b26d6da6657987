"""Boxes in network pixels to boxes in image pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.boxes import clip
from parity.detections import Detections
from parity.preprocess import TIE_BREAK, Geometry
from parity.spec import PadRounding, Restore, RestoreGeometry


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
    if settings.geometry in {RestoreGeometry.LETTERBOX, RestoreGeometry.SWAPPED}:
        return letterboxed(believed, network, settings.pad_rounding)
    scale = np.array([geometry.scale_x, geometry.scale_y])
    if settings.geometry is RestoreGeometry.NO_PAD:
        return scale, np.zeros(2)
    exact = settings.pad_rounding is PadRounding.EXACT
    pads = (geometry.exact_pad_x, geometry.exact_pad_y) if exact else (geometry.pad_x, geometry.pad_y)
    return scale, np.array(pads)


def letterboxed(
    image: NDArray[np.int_], network: NDArray[np.int_], rounding: PadRounding
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (x, y) of a centred letterbox of an image in a network, both (width, height)."""
    gain = float((network / image).min())
    pads = (network - image * gain) / 2
    return np.full(2, gain), pads if rounding is PadRounding.EXACT else np.round(pads - TIE_BREAK)
