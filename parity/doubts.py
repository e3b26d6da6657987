"""Which boxes noise keeps or drops: suppression in three values.

Every box is surely kept, surely dropped, or in doubt where noise within the margins could decide either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from parity.boxes import area, iou, silently
from parity.decode import LEAST_SHARE, Candidates
from parity.detections import Detections
from parity.match import Matches
from parity.preprocess import Geometry
from parity.restore import restore
from parity.spec import STRICT, PipelineSpec, Suppress, Suppressor
from parity.suppress import CLASS_OFFSET_PX, above_confidence, suppress

FLOAT32_STEP = float(np.finfo(np.float32).eps)  # of a number near 1
MOST_RIVALS = 1000  # of an image, the best; matrices of them are made
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Cause(StrEnum):
    """Why noise decides."""

    CONFIDENCE = "confidence"  # the score is as good as the threshold
    OVERLAP = "nms_overlap"  # the overlap with a better box is as good as the threshold
    ORDER = "nms_order"  # two boxes that overlap too much have as good as one score: whichever is better removes the other
    CASCADE = "cascade"  # a box that would remove it is in doubt itself
    CUT = "max_detections"  # the last places go to boxes with as good as one score


@dataclass(frozen=True, slots=True)
class NoiseMargins:
    """What noise may do to a coordinate, in pixels, and to the logit of a score: it scales as s (1 - s)."""

    box_px: float
    logit: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A box that noise keeps or drops: xyxy in image pixels.

    ``margin`` is how far it is from being decided by noise no more, from 0 to 1 of the margin; ``None`` where another's doubt decides.
    """

    box: tuple[float, float, float, float]
    score: float
    label: int
    kept: bool
    cause: Cause
    margin: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """Boxes that compete, (n, 4) xyxy with (n,) scores and labels, and what noise may do to each: pixels, and logits of the score."""

    boxes: Floats
    scores: Floats
    labels: NDArray[np.int64]
    error_px: Floats
    error_logit: Floats

    def take(self, which: Flags | NDArray[np.intp]) -> Rivals:
        """Some of them."""
        return Rivals(self.boxes[which], self.scores[which], self.labels[which], self.error_px[which], self.error_logit[which])


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """How far everything is from turning over, in margins: beyond 1 noise cannot do it. Of pairs: [better, worse].

    ``confidence`` is positive above the threshold, ``overlap`` where one would remove the other, ``order`` where the first is better.
    """

    confidence: Floats
    overlap: Floats
    order: Floats


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """What suppression surely does whatever noise does; what is neither is in doubt."""

    kept: Flags
    dropped: Flags


def log_odds(scores: NDArray[np.floating]) -> Floats:
    """The logit of scores in double precision; 0 and 1 stay finite."""
    shares = np.clip(scores.astype(np.float64), LEAST_SHARE, 1 - LEAST_SHARE)
    return np.asarray(np.log(shares) - np.log1p(-shares))


def in_doubt(rivals: Rivals, settings: Suppress) -> Iterator[tuple[int, Cause, float | None]]:
    """The rivals that noise keeps or drops: place, cause and margin."""
    if not len(rivals.scores):
        return
    away = distances(rivals, settings)
    states = suppression(away)
    cut = last_places(away, states, settings.max_detections)
    for place in np.flatnonzero(~(states.kept | states.dropped | cut.dropped) | (states.kept & ~cut.kept & ~cut.dropped)):
        cause, margin = cause_of(int(place), away, states)
        yield int(place), cause, margin


@silently
@np.errstate(divide="ignore")  # boxes that do not touch are infinitely far from removing each other
def distances(rivals: Rivals, settings: Suppress) -> Distances:
    """How far all rivals are from every threshold and from each other."""
    logits, errors = log_odds(rivals.scores), rivals.error_logit
    confidence = (logits - log_odds(np.array(settings.confidence))) / errors
    order = (logits[:, None] - logits[None, :]) / (errors[:, None] + errors[None, :])
    competes = (rivals.labels[:, None] == rivals.labels[None, :]) | settings.class_agnostic
    competes &= ~np.eye(len(logits), dtype=bool)
    if settings.iou is None:
        return Distances(confidence, np.full_like(order, -np.inf), order)
    shared = iou(rivals.boxes, rivals.boxes)
    overlap = (shared - settings.iou) / overlap_error(rivals, shared)
    return Distances(confidence, np.where(competes, overlap, -np.inf), order)


@silently
def overlap_error(rivals: Rivals, shared: Floats) -> Floats:
    """What noise may do to the overlaps (n, n) at most, to first order.

    Every side of the intersection and of the outline of the union moves by the error: an area changes by error x length of its border,
    and I / U by (change of I + I / U x change of U) / U.
    """
    boxes, areas = rivals.boxes, area(rivals.boxes)
    sides = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    inner = 2 * np.clip(sides, 0, None).sum(-1)
    borders = 2 * np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).sum(-1)
    outline = borders[:, None] + borders[None, :] - inner
    union = (areas[:, None] + areas[None, :]) / (1 + shared)
    error = np.maximum(rivals.error_px[:, None], rivals.error_px[None, :])
    change = error * (inner + shared * outline)
    return np.asarray(np.divide(change, union, out=np.full_like(shared, np.inf), where=union > 0))


def suppression(away: Distances) -> States:
    """Greedy suppression in three values: what is certain is found step by step until nothing more is."""
    may, must = (away.overlap > -1) & (away.order > -1), (away.overlap > 1) & (away.order > 1)
    exists = away.confidence > 1
    states = States(np.zeros_like(exists), away.confidence < -1)
    while True:
        dropped = states.dropped | must[states.kept].any(0)
        kept = exists & ~may[~dropped].any(0)
        if (dropped == states.dropped).all() and (kept == states.kept).all():
            return states
        states = States(kept, dropped)


def last_places(away: Distances, states: States, most: int) -> States:
    """Which of the kept are surely among the best ``most``, and which are surely not."""
    before = (away.order > 1) & states.kept[:, None]
    perhaps = (away.order > -1) & ~states.dropped[:, None] & ~np.eye(len(states.kept), dtype=bool)
    return States(perhaps.sum(0) < most, before.sum(0) >= most)


def cause_of(place: int, away: Distances, states: States) -> tuple[Cause, float | None]:
    """The nearest of all that may turn over; where nothing of its own is near, another's doubt decides."""
    alive = ~states.dropped
    alive[place] = False
    near_order = np.abs(away.order[:, place])
    if states.kept[place]:  # by suppression, so its place is in doubt
        margin = np.min(near_order[alive], initial=np.inf)
        return (Cause.CUT, float(margin)) if margin <= 1 else (Cause.CASCADE, None)
    threats = alive & (away.overlap[:, place] > -1) & (away.order[:, place] > -1)
    nearest = {
        Cause.CONFIDENCE: abs(float(away.confidence[place])),
        Cause.OVERLAP: float(np.min(np.abs(away.overlap[threats, place]), initial=np.inf)),
        Cause.ORDER: float(np.min(near_order[threats], initial=np.inf)),
    }
    cause = min(nearest, key=lambda each: nearest[each])
    return (cause, nearest[cause]) if nearest[cause] <= 1 else (Cause.CASCADE, None)


# A pipeline's own doubts ----------------------------------------------------------------------------------------------------------


def doubts_of(found: Candidates, geometry: Geometry, spec: PipelineSpec, margins: NoiseMargins) -> Iterator[Doubt]:
    """The boxes of one image that noise keeps or drops, of what the network gave before suppression; margins in network pixels."""
    rivals = rivals_before(found, spec.suppress, margins)
    kept = suppress(found, spec.suppress)
    chosen = list(in_doubt(rivals, spec.suppress))
    places = np.array([place for place, *_ in chosen], np.intp)
    rows = Detections(rivals.boxes[places], rivals.scores[places], rivals.labels[places])
    boxes = restore(rows, geometry, spec.restore).boxes
    for (place, cause, margin), box in zip(chosen, boxes, strict=True):
        same = (kept.boxes == rivals.boxes[place]).all(1) & (kept.scores == rivals.scores[place]) & (kept.classes == rivals.labels[place])
        yield doubt(box, rivals, place, kept=bool(same.any()), cause=cause, margin=margin)


def rivals_before(found: Candidates, settings: Suppress, margins: NoiseMargins) -> Rivals:
    """All that suppression looks at, and what noise may lift above the confidence.

    Suppression moves class k by k x 7680 px in float32, whose rounding (0.03 px for class 79) noise can tip as well.
    """
    lowest = float(expit(log_odds(np.array(settings.confidence)) - margins.logit))
    rows, columns = above_confidence(found, replace(settings, confidence=lowest))
    scores = found.scores[rows, columns].astype(np.float64)
    order = np.argsort(-scores, kind="stable")[:MOST_RIVALS]
    rows, columns = rows[order], columns[order]
    boxes, labels = found.boxes[rows].astype(np.float64), found.labels[rows, columns]
    moved = settings.method is Suppressor.NMS and not settings.class_agnostic
    farthest = np.abs(boxes).max(1, initial=0.0) + moved * labels * float(CLASS_OFFSET_PX)
    rounding = np.spacing(farthest.astype(np.float32)).astype(np.float64) / 2
    return Rivals(boxes, scores[order], labels, margins.box_px + rounding, error_of_logit(scores[order], margins, step=FLOAT32_STEP))


def error_of_logit(scores: Floats, margins: NoiseMargins, *, step: float) -> Floats:
    """What noise may do to logits, with a rounding step of the score: near 0 and 1 that is the larger part."""
    return margins.logit + step / np.clip(scores * (1 - scores), LEAST_SHARE, None)


def doubt(box: Floats, rivals: Rivals, place: int, *, kept: bool, cause: Cause, margin: float | None) -> Doubt:
    """A rival in doubt as a value."""
    x1, y1, x2, y2 = box.tolist()
    return Doubt((x1, y1, x2, y2), float(rivals.scores[place]), int(rivals.labels[place]), kept, cause, margin)


def doubts_between(matches: Matches, settings: Suppress, margins: NoiseMargins, *, score_step: float) -> Iterator[Doubt]:
    """The doubts of two sides of which only the detections are known: those of the reference, beside what only the candidate has.

    NoiseMargins in image pixels; ``score_step`` is what rounding may do to a score.
    """
    alone = np.concatenate([matches.ghosts, matches.class_flips[:, 1]])
    if not len(alone) + len(matches.missed):
        return
    reference, others = matches.reference, matches.candidate
    scores = np.concatenate([reference.scores, others.scores[alone]])
    rivals = Rivals(
        np.concatenate([reference.boxes, others.boxes[alone]]),
        scores,
        np.concatenate([reference.classes, others.classes[alone]]),
        np.full(len(scores), margins.box_px),
        error_of_logit(scores, margins, step=score_step + FLOAT32_STEP),
    )
    for place, cause, margin in in_doubt(rivals, settings):
        yield doubt(rivals.boxes[place], rivals, place, kept=place < len(reference), cause=cause, margin=margin)
