"""Boxes in network pixels to boxes in image pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.boxes import clip
from parity.detections import Detections
from parity.preprocess import Geometry
from parity.spec import PadRounding, Restore, RestoreGeometry


def restore(detections: Detections, geometry: Geometry, settings: Restore) -> Detections:
    """Undo the geometry as the settings say; equal to Ultralytics' ``scale_boxes`` at the default."""
    scale, offset = transform(geometry, settings)
    boxes = (detections.boxes - np.tile(offset, 2)) / np.tile(scale, 2)
    if settings.clip:
        boxes = clip(boxes, *geometry.image_size)
    if settings.integer:
        boxes = np.trunc(boxes)
    return Detections(boxes, detections.scores, detections.classes, detections.non_finite)


def transform(geometry: Geometry, settings: Restore) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset (x, y) with ``network = image * scale + offset``, by the geometry that the settings choose."""
    if settings.geometry is RestoreGeometry.NETWORK:
        return np.ones(2), np.zeros(2)
    if settings.geometry is RestoreGeometry.STRETCH:
        (height, width), (network_height, network_width) = geometry.image_size, geometry.network_size
        return np.array([network_width / width, network_height / height]), np.zeros(2)
    scale = np.array([geometry.scale_x, geometry.scale_y])
    if settings.geometry is RestoreGeometry.NO_PAD:
        return scale, np.zeros(2)
    exact = settings.pad_rounding is PadRounding.EXACT
    pads = (geometry.exact_pad_x, geometry.exact_pad_y) if exact else (geometry.pad_x, geometry.pad_y)
    return scale, np.array(pads)
