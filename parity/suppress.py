"""Non-maximum suppression: candidate boxes to detections, still in network pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently
from parity.decode import Candidates
from parity.detections import Detections
from parity.spec import Suppress, Suppressor

CLASS_OFFSET_PX = np.float32(7680)  # Ultralytics moves class k by k * 7680 px, in float32; its rounding is part of the result


def suppress(candidates: Candidates, settings: Suppress) -> Detections:
    """Cut at the confidence, remove duplicates where the graph has not, keep the best ``max_detections``.

    Equal to Ultralytics' ``non_max_suppression``: strictly above the confidence, kept up to and including the IoU threshold.
    """
    rows, columns = above_confidence(candidates, settings)
    scores = candidates.scores[rows, columns]
    order = np.argsort(-scores, kind="stable")[: settings.max_candidates]
    rows, columns = rows[order], columns[order]
    boxes, scores, labels = candidates.boxes[rows], candidates.scores[rows, columns], candidates.labels[rows, columns]
    kept: slice | NDArray[np.intp] = slice(settings.max_detections)
    if settings.method is Suppressor.NMS:
        kept = non_maximum_suppression(boxes, labels, settings)
    return Detections.best_first(boxes[kept], scores[kept], labels[kept], non_finite=candidates.non_finite)


def above_confidence(candidates: Candidates, settings: Suppress) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the scores that count: each box's best class, or with multi-label every class."""
    if settings.multi_label:
        rows, columns = np.nonzero(candidates.scores > settings.confidence)
        return rows, columns
    if not candidates.scores.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    best = candidates.scores.argmax(1)
    rows = np.flatnonzero(candidates.scores[np.arange(len(best)), best] > settings.confidence)
    return rows, best[rows]


@silently  # two empty boxes on one place: 0 / 0 is not above any threshold
def non_maximum_suppression(boxes: NDArray[np.float32], labels: NDArray[np.int64], settings: Suppress) -> NDArray[np.intp]:
    """Indices of the kept boxes of (n, 4) xyxy rows that are best score first.

    The same float32 arithmetic in the same order as torchvision's ``nms``, so that an overlap at the threshold falls the same way.
    """
    if settings.iou is None:
        raise ValueError("NMS needs an IoU threshold")
    offset = np.zeros(len(labels), np.float32) if settings.class_agnostic else labels.astype(np.float32) * CLASS_OFFSET_PX
    x1, y1, x2, y2 = np.ascontiguousarray((boxes + offset[:, None]).T, np.float32)
    areas = (x2 - x1) * (y2 - y1)
    left, kept = np.arange(len(boxes)), list[np.intp]()
    while len(left) and len(kept) < settings.max_detections:
        best, left = left[0], left[1:]
        kept.append(best)
        width = np.clip(np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left]), 0, None)
        height = np.clip(np.minimum(y2[best], y2[left]) - np.maximum(y1[best], y1[left]), 0, None)
        intersection = width * height
        overlap = intersection / (areas[best] + areas[left] - intersection)
        left = left[~(overlap.astype(np.float64) > settings.iou)]
    return np.array(kept, np.intp)
