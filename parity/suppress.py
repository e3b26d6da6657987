"""Non-maximum suppression: candidate boxes to detections, still in network pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.decode import Candidates
from parity.detections import Detections
from parity.nms import nms
from parity.spec import Suppress, Suppressor

CLASS_OFFSET_PX = np.float32(7680)  # Ultralytics moves class k by k * 7680 px, in float32; its rounding is part of the result


def suppress(candidates: Candidates, settings: Suppress) -> Detections:
    """Cut at the confidence, remove duplicates where the graph has not, keep the best ``max_detections``.

    Equal to Ultralytics' ``non_max_suppression``: strictly above the confidence, kept up to and including the IoU threshold.
    """
    in_graph = settings.method is Suppressor.IN_GRAPH
    rows, columns = above_confidence(candidates, settings)
    scores = candidates.scores[rows, columns]
    if in_graph or len(scores) > settings.max_candidates:
        order = np.argsort(-scores, kind="stable")[: settings.max_candidates]
        rows, columns, scores = rows[order], columns[order], scores[order]
    boxes, labels = candidates.boxes.take(rows, axis=0), candidates.labels[rows, columns]
    kept = np.arange(len(scores))[: settings.max_detections] if in_graph else non_maximum_suppression(boxes, scores, labels, settings)
    return Detections(boxes.take(kept, axis=0).astype(np.float64), scores[kept].astype(np.float64), labels[kept], candidates.non_finite)


def above_confidence(candidates: Candidates, settings: Suppress) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the scores that count: each box's best class, or with multi-label every class."""
    scores = candidates.scores
    if settings.multi_label:  # of a flat array: numpy looks for places in two dimensions five times as long
        rows, columns = np.divmod(np.flatnonzero(scores > settings.confidence), max(scores.shape[1], 1))
        return rows, columns
    if not scores.size:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    best = scores.argmax(1)
    (rows,) = (scores[np.arange(len(best)), best] > settings.confidence).nonzero()
    return rows, best[rows]


def non_maximum_suppression(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], labels: NDArray[np.int64], settings: Suppress
) -> NDArray[np.int64]:
    """Indices of the kept of (n, 4) xyxy boxes, best score first; only boxes of one class remove each other, unless told otherwise."""
    if settings.iou is None:
        raise ValueError("NMS needs an IoU threshold")
    moved = boxes if settings.class_agnostic else (boxes.T + labels.astype(np.float32) * CLASS_OFFSET_PX).T
    return nms(moved, scores, iou=settings.iou, most=settings.max_detections)
