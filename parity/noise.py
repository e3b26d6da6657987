"""How far two runs of one network are apart for reasons that do not matter: at the raw head, and at the detections."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from parity.boxes import iou
from parity.decode import Candidates
from parity.detections import Detections
from parity.doubts import FLOAT32_STEP, log_odds
from parity.limits import SAME_BOX_IOU
from parity.match import Matches, at_least_a_pixel, match
from parity.spec import STRICT

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class HeadNoise:
    """The largest differences of two raw heads: boxes in network pixels, scores, and the logits of scores.

    Boxes and logits are those of the ``anchors`` that suppression looks at; a box that nothing believes in may lie anywhere.
    """

    box_px: float
    score: float
    logit: float
    anchors: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class DetectionNoise:
    """The largest differences of matched detections, and how many of all ``detections`` appeared or disappeared."""

    box_network_px: float
    box_image_px: float
    score: float
    logit: float
    detections: int
    appeared: int
    disappeared: int
    __pydantic_config__ = STRICT

    @property
    def edges(self) -> int:
        """How many are on one side only."""
        return self.appeared + self.disappeared


def head_noise(reference: Candidates, other: Candidates, *, confidence: float) -> HeadNoise:
    """The differences of one image's raw heads; infinite where they are not of one shape, as where numbers were left out."""
    if reference.scores.shape != other.scores.shape or not reference.scores.size:
        return HeadNoise(np.inf, np.inf, np.inf, 0)
    scores = np.abs(reference.scores.astype(np.float64) - other.scores)
    counts = np.minimum(reference.scores, other.scores) > confidence
    boxes = np.abs(reference.boxes.astype(np.float64) - other.boxes)[counts.any(1)]
    logits = logit_change(reference.scores[counts], other.scores[counts])
    return HeadNoise(largest(boxes), largest(scores), largest(logits), len(boxes))


def detection_noise(reference: Detections, other: Detections, *, gain: float) -> DetectionNoise:
    """The differences of one image's detections; ``gain`` is network pixels for one image pixel.

    A pair that hardly overlaps is two boxes: one disappeared and another appeared in its place.
    """
    matches = match(reference, other)
    same = pair_overlap(matches) >= SAME_BOX_IOU
    others = int((~same).sum()) + len(matches.class_flips)
    drift = largest(matches.drift_px[same])
    first, second = matches.pairs[same].T
    return DetectionNoise(
        box_network_px=drift * gain,
        box_image_px=drift,
        score=largest(matches.score_change[same]),
        logit=largest(logit_change(reference.scores[first], other.scores[second])),
        detections=len(reference),
        appeared=len(matches.ghosts) + others,
        disappeared=len(matches.missed) + others,
    )


def pair_overlap(matches: Matches) -> NDArray[np.float64]:
    """The overlap of every pair."""
    first, second = matches.pairs.T
    boxes = at_least_a_pixel(matches.reference.boxes[first]), at_least_a_pixel(matches.candidate.boxes[second])
    return np.array([iou(one[None], two[None])[0, 0] for one, two in zip(*boxes, strict=True)], np.float64)


def logit_change(reference: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far the logits of scores are apart, less what a rounding step of float32 does to the score.

    That step is nothing at 0.5 and more than all other noise where a score is nearly 1, and would stand for a noise of all scores.
    """
    apart = np.abs(reference.astype(np.float64) - other)
    share = 1 - np.divide(FLOAT32_STEP, apart, out=np.ones_like(apart), where=apart > FLOAT32_STEP)
    return np.asarray(np.abs(log_odds(reference) - log_odds(other)) * share)


def largest(values: NDArray[np.float64]) -> float:
    """The largest value, 0 of none; unlike ``max``, this keeps NaN."""
    return float(np.max(values, initial=0.0))


def worst_head(measured: Iterable[HeadNoise]) -> HeadNoise:
    """The largest differences over all images."""
    rows = list(measured)
    box, score, logit = (over(rows, pick) for pick in (lambda row: row.box_px, lambda row: row.score, lambda row: row.logit))
    return HeadNoise(box, score, logit, sum(row.anchors for row in rows))


def worst_detections(measured: Iterable[DetectionNoise]) -> DetectionNoise:
    """The largest differences over all images, and the sums of what is counted."""
    rows = list(measured)
    return DetectionNoise(
        box_network_px=over(rows, lambda row: row.box_network_px),
        box_image_px=over(rows, lambda row: row.box_image_px),
        score=over(rows, lambda row: row.score),
        logit=over(rows, lambda row: row.logit),
        detections=sum(row.detections for row in rows),
        appeared=sum(row.appeared for row in rows),
        disappeared=sum(row.disappeared for row in rows),
    )


def over(rows: list[Row], pick: Callable[[Row], float]) -> float:
    """The largest number of all rows."""
    return largest(np.array([pick(row) for row in rows], np.float64))
