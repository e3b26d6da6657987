"""Non-maximum suppression: candidate boxes to detections, still in network pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently
from parity.decode import Candidates
from parity.detections import Detections
from parity.spec import Suppress, Suppressor

MOST_PAIRS = 8_000  # that are looked at in one go: more rounds cost more than what they leave out
SLACK = 1e-3  # of an overlap, for rounding
LEAST_SHARE = 1e-9  # of a width, where any overlap is too much
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
    return Detections(boxes[kept].astype(np.float64), scores[kept].astype(np.float64), labels[kept].astype(np.int64), candidates.non_finite)


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
    Boxes are settled by blocks: what an earlier block removed is not looked at again.
    """
    if settings.iou is None:
        raise ValueError("NMS needs an IoU threshold")
    offset = np.zeros(len(labels), np.float32) if settings.class_agnostic else labels.astype(np.float32) * CLASS_OFFSET_PX
    moved = np.asarray(boxes + offset[:, None], np.float32)
    left, kept, bound = np.arange(len(boxes)), np.empty(0, np.intp), largest_float32(settings.iou)
    while len(left) and len(kept) < settings.max_detections:
        among = moved[left]
        block, better, worse = rivals(among, settings.iou)
        removes = overlaps(among, better, worse) > bound
        alive = survivors(better[removes], worse[removes], len(left))
        kept = np.concatenate([kept, left[:block][alive[:block]]])
        left = left[block:][alive[block:]]
    return kept[: settings.max_detections]


def rivals(boxes: NDArray[np.float32], threshold: float) -> tuple[int, NDArray[np.intp], NDArray[np.intp]]:
    """Of how many first boxes, and all pairs of one of them and a later box that may overlap it by more than a threshold.

    An overlap above t has more than t of either width, so the left edges lie near each other: by (1 - t) of the width that is cut.
    """
    x1, width = boxes[:, 0].astype(np.float64), (boxes[:, 2] - boxes[:, 0]).astype(np.float64)
    share = max(threshold - SLACK, LEAST_SHARE)
    order = x1.argsort()
    lefts = x1[order]
    start = lefts.searchsorted(x1 - (1 - share) / share * width)
    count = np.maximum(lefts.searchsorted(x1 + (1 - share) * width, side="right") - start, 0)
    ends = np.cumsum(count)
    block = max(int(np.searchsorted(ends, MOST_PAIRS, side="right")), 1)
    first = np.repeat(np.arange(block), count[:block])
    second = order[np.arange(len(first)) - np.repeat(ends[:block] - count[:block] - start[:block], count[:block])]
    later = first < second
    return block, first[later], second[later]


def overlaps(boxes: NDArray[np.float32], first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float32]:
    """Intersection over union (m,) of pairs of (n, 4) boxes, in torchvision's order of operations."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    areas = (x2 - x1) * (y2 - y1)
    intersection = np.maximum(np.minimum(x2[first], x2[second]) - np.maximum(x1[first], x1[second]), 0)
    intersection *= np.maximum(np.minimum(y2[first], y2[second]) - np.maximum(y1[first], y1[second]), 0)
    return np.asarray(intersection / (areas[first] + areas[second] - intersection))


def survivors(better: NDArray[np.intp], worse: NDArray[np.intp], boxes: int) -> NDArray[np.bool_]:
    """Which boxes (n,) no surviving better one removes; every turn settles at least one more of a chain of removals."""
    alive, settled = np.ones(boxes, bool), False
    while not settled:
        following = np.ones(boxes, bool)
        following[worse[alive[better]]] = False
        alive, settled = following, np.array_equal(alive, following)
    return alive


def largest_float32(bound: float) -> np.float32:
    """The largest float32 that is not above a bound: being above it is being above the bound."""
    nearest = np.float32(bound)
    return nearest if float(nearest) <= bound else np.nextafter(nearest, np.float32(-np.inf))
