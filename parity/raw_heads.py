"""What a network says of every anchor, in one layout, and how far two networks are apart in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently, xywh_to_xyxy
from parity.decode import ACTIVATIONS, READERS, Outputs
from parity.errors import ParityError
from parity.limits import EVALUATION_CONFIDENCE, Limits
from parity.spec import BoxFormat, BoxUnits, Head, HeadLayout

Array = NDArray[np.float32]
Boxes = NDArray[np.float64]
RAW = frozenset({HeadLayout.CHANNELS_FIRST, HeadLayout.CHANNELS_LAST, HeadLayout.OBJECTNESS})
SEEN = EVALUATION_CONFIDENCE  # the boxes of anchors below this score enter no evaluation, and wander with rounding
LARGEST = 1e9  # in place of what is not finite, so that it counts as far off
LEAST_WEIGHT = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class RawHead:
    """What a network says of every anchor: ``boxes`` (n, 4) xyxy in network pixels, ``scores`` (n, classes) as probabilities."""

    boxes: Boxes
    scores: Boxes


@silently
def read_head(outputs: Outputs, head: Head, *, classes: int, size: tuple[int, int]) -> RawHead | None:
    """Outputs by their layout, every anchor in its place; ``None`` where the shape does not fit."""
    try:
        rows = READERS[head.layout](outputs, classes)
    except (ParityError, IndexError):
        return None
    return RawHead(to_pixels(rows.boxes, head, size), np.asarray(ACTIVATIONS[head.activation](rows.scores), np.float64))


def to_pixels(boxes: Array, head: Head, size: tuple[int, int]) -> Boxes:
    """Boxes as a network wrote them, as xyxy in network pixels."""
    corners = np.asarray(xywh_to_xyxy(boxes) if head.box_format is BoxFormat.XYWH else boxes, np.float64)
    return corners * np.array([size[1], size[0]] * 2, np.float64) if head.box_units is BoxUnits.NORMALISED else corners


@silently
def same(reference: RawHead, candidate: RawHead | None, limits: Limits) -> bool:
    """Whether scores, and the boxes of anchors that count, differ by no more than rounding."""
    if candidate is None or candidate.scores.shape != reference.scores.shape:
        return False
    difference = largest_difference(reference, candidate)
    return difference[0] <= limits.box.value and difference[1] <= limits.score.value


@silently
def largest_difference(reference: RawHead, candidate: RawHead) -> tuple[float, float]:
    """The largest differences of boxes in pixels, of anchors that count, and of scores."""
    counting = np.maximum(reference.scores, candidate.scores).max(axis=1) >= SEEN
    boxes = np.abs(reference.boxes - candidate.boxes)[counting]
    return float(boxes.max(initial=0.0)), float(np.abs(reference.scores - candidate.scores).max(initial=0.0))


def distance(reference: RawHead | None, candidate: RawHead | None, limits: Limits) -> float:
    """How far a head is off in all."""
    return LARGEST if reference is None or candidate is None else sum(distances(reference, candidate, limits))


@silently
def distances(reference: RawHead, candidate: RawHead, limits: Limits) -> tuple[float, float]:
    """How far scores and boxes are off beyond rounding, each as a share of its size; boxes count by the reference's score."""
    if candidate.scores.shape != reference.scores.shape or candidate.boxes.shape != reference.boxes.shape:
        return LARGEST, LARGEST
    scores, boxes = (
        np.clip(np.nan_to_num(np.abs(one - other), nan=LARGEST) - limit.value, 0, LARGEST)
        for one, other, limit in (
            (reference.scores, candidate.scores, limits.score),
            (reference.boxes, candidate.boxes, limits.box),
        )
    )
    weight = reference.scores.max(axis=1) + LEAST_WEIGHT
    sides = np.abs(reference.boxes[:, 2:] - reference.boxes[:, :2]).mean(axis=1)
    return float(scores.sum() / weight.sum()), float((weight * boxes.mean(axis=1)).sum() / ((weight * sides).sum() + LEAST_WEIGHT))
