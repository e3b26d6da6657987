"""Boxes as (n, 4) arrays: overlap, clipping, changes of format. Array in, array out.

Coordinates near the largest float overflow to infinity or NaN without a warning: ``Detections`` counts such boxes.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Boxes = TypeVar("Boxes", NDArray[np.float32], NDArray[np.float64])

silently = np.errstate(over="ignore", invalid="ignore")


@silently
def iou(reference: NDArray[np.float64], candidate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every pair, (n, m), of xyxy boxes; 0 where both are empty."""
    top_left = np.maximum(reference[:, None, :2], candidate[None, :, :2])
    bottom_right = np.minimum(reference[:, None, 2:], candidate[None, :, 2:])
    intersection = np.clip(bottom_right - top_left, 0, None).prod(-1)
    union = area(reference)[:, None] + area(candidate)[None, :] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))


@silently
def area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area in square pixels, (n,); 0 for a box whose corners are exchanged."""
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1))


@silently
def xywh_to_xyxy(boxes: Boxes) -> Boxes:
    """Centre and size to corners."""
    half, corners = boxes[:, 2:] / 2, np.empty_like(boxes)
    np.subtract(boxes[:, :2], half, out=corners[:, :2])
    np.add(boxes[:, :2], half, out=corners[:, 2:])
    return corners


@silently
def xyxy_to_corner_size(boxes: Boxes) -> Boxes:
    """Corners to the top left corner and the size, as COCO files store boxes."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


@silently
def corner_size_to_xyxy(boxes: Boxes) -> Boxes:
    """The top left corner and the size, as COCO files store boxes, to corners."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def clip(boxes: Boxes, height: int, width: int) -> Boxes:
    """Boxes cut at the image's border."""
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))
