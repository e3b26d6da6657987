"""Which boxes noise keeps or drops: suppression in three values.

Every box is surely kept, surely dropped, or in doubt where noise within the margins could decide either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from parity.boxes import area, silently
from parity.decode import LEAST_SHARE, Candidates
from parity.detections import Detections
from parity.match import Matches
from parity.preprocess import Geometry
from parity.restore import restore
from parity.spec import STRICT, PipelineSpec, Suppress, Suppressor
from parity.suppress import CLASS_OFFSET_PX, above_confidence

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
    __pydantic_config__ = STRICT


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
    """How far everything is from turning over, in margins: beyond 1 noise cannot do it.

    ``confidence`` (n,) is positive above the threshold. ``threat`` (m,) and ``victim`` (m,) are all pairs of which the first may remove
    the second: ``overlap`` (m,) is positive where they overlap too much, ``order`` (m,) where the first is better.
    """

    logits: Floats
    errors: Floats
    confidence: Floats
    threat: NDArray[np.intp]
    victim: NDArray[np.intp]
    overlap: Floats
    order: Floats

    def order_of(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
        """How much better the first are than the second."""
        return (self.logits[first] - self.logits[second]) / (self.errors[first] + self.errors[second])


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
    away = distances(rivals, settings)
    states = suppression(away)
    within = last_places(away, states, settings.max_detections)
    for place in np.flatnonzero(~(states.dropped | within.dropped | (states.kept & within.kept))):
        cause, margin = cause_of(int(place), away, states)
        yield int(place), cause, margin


def distances(rivals: Rivals, settings: Suppress) -> Distances:
    """How far all rivals are from every threshold and from each other."""
    logits, errors = log_odds(rivals.scores), rivals.error_logit
    confidence = (logits - log_odds(np.array(settings.confidence))) / errors
    threat, victim = np.nonzero(touching(rivals, settings))
    order = (logits[threat] - logits[victim]) / (errors[threat] + errors[victim])
    shared, error = overlaps(rivals, threat, victim)
    overlap = (shared - (settings.iou or 0.0)) / error
    may = (order > -1) & (overlap > -1)
    return Distances(logits, errors, confidence, threat[may], victim[may], overlap[may], order[may])


def touching(rivals: Rivals, settings: Suppress) -> Flags:
    """Which pairs (n, n) overlap at all and compete; none where nothing is known of the overlap that is allowed."""
    if settings.iou is None:
        return np.zeros((len(rivals.scores),) * 2, bool)
    low, high = rivals.boxes[:, :2], rivals.boxes[:, 2:]
    touch = (rivals.labels[:, None] == rivals.labels[None, :]) | settings.class_agnostic
    for axis in range(2):
        before = low[:, None, axis] < high[None, :, axis]
        touch &= before & before.T
    touch &= ~np.eye(len(low), dtype=bool)
    return np.asarray(touch)


@silently
def overlaps(rivals: Rivals, first: NDArray[np.intp], second: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The overlap (m,) of pairs that touch, and what noise may do to it at most, to first order.

    Every side of the intersection and of the outline of the union moves by the error: an area changes by error x length of its border,
    and I / U by (change of I + I / U x change of U) / U.
    """
    one, two = rivals.boxes[first], rivals.boxes[second]
    sides = np.minimum(one[:, 2:], two[:, 2:]) - np.maximum(one[:, :2], two[:, :2])
    intersection = sides.prod(1)
    union = area(one) + area(two) - intersection
    shared = intersection / union
    inner, outer = 2 * sides.sum(1), 2 * (one[:, 2:] - one[:, :2] + two[:, 2:] - two[:, :2]).sum(1)
    error = np.maximum(rivals.error_px[first], rivals.error_px[second])
    return shared, error * (inner + shared * (outer - inner)) / union


def suppression(away: Distances) -> States:
    """Greedy suppression in three values: what is certain is found step by step until nothing more is."""
    must, exists = (away.overlap > 1) & (away.order > 1), away.confidence > 1
    states = States(np.zeros_like(exists), away.confidence < -1)
    while True:
        dropped, threatened = states.dropped.copy(), np.zeros_like(exists)
        dropped[away.victim[must & states.kept[away.threat]]] = True
        threatened[away.victim[~dropped[away.threat]]] = True
        kept = exists & ~threatened
        if (dropped == states.dropped).all() and (kept == states.kept).all():
            return states
        states = States(kept, dropped)


def last_places(away: Distances, states: States, most: int) -> States:
    """Which are surely among the best ``most``, and which surely are not."""
    alive = np.flatnonzero(~states.dropped)
    kept, dropped = np.ones_like(states.kept), np.zeros_like(states.kept)
    if len(alive) > most:
        order = away.order_of(alive[:, None], alive[None, :])
        np.fill_diagonal(order, -np.inf)
        kept[alive] = (order > -1).sum(0) < most
        dropped[alive] = ((order > 1) & states.kept[alive][:, None]).sum(0) >= most
    return States(kept, dropped)


def cause_of(place: int, away: Distances, states: States) -> tuple[Cause, float | None]:
    """The nearest of all that may turn over; where nothing of its own is near, another's doubt decides."""
    if states.kept[place]:  # by suppression, so its place is in doubt
        others = np.flatnonzero(~states.dropped)
        others = others[others != place]
        nearest = {Cause.CUT: least(away.order_of(others, np.array(place)))}
    else:
        threats = (away.victim == place) & ~states.dropped[away.threat]
        nearest = {
            Cause.CONFIDENCE: abs(float(away.confidence[place])),
            Cause.OVERLAP: least(away.overlap[threats]),
            Cause.ORDER: least(away.order[threats]),
        }
    cause = min(nearest, key=lambda each: nearest[each])
    return (cause, nearest[cause]) if nearest[cause] <= 1 else (Cause.CASCADE, None)


def least(values: Floats) -> float:
    """The smallest distance either way."""
    return float(np.min(np.abs(values), initial=np.inf))


# A pipeline's own doubts ----------------------------------------------------------------------------------------------------------


def doubts_of(found: Candidates, kept: Detections, geometry: Geometry, spec: PipelineSpec, margins: NoiseMargins) -> Iterator[Doubt]:
    """The boxes of one image that noise keeps or drops, of what the network gave before suppression; margins in network pixels.

    ``kept`` is what suppression made of it.
    """
    rivals = rivals_before(found, spec.suppress, margins)
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
    rows, columns = above_confidence(found, replace(settings, confidence=lowered(settings.confidence, margins)))
    scores = found.scores[rows, columns].astype(np.float64)
    order = np.argsort(-scores, kind="stable")[:MOST_RIVALS]
    rows, columns = rows[order], columns[order]
    boxes, labels = found.boxes[rows].astype(np.float64), found.labels[rows, columns]
    moved = settings.method is Suppressor.NMS and not settings.class_agnostic
    farthest = np.abs(boxes).max(1, initial=0.0) + moved * labels * float(CLASS_OFFSET_PX)
    rounding = np.spacing(farthest.astype(np.float32)).astype(np.float64) / 2
    return Rivals(boxes, scores[order], labels, margins.box_px + rounding, error_of_logit(scores[order], margins, step=FLOAT32_STEP))


def lowered(confidence: float, margins: NoiseMargins) -> float:
    """The lowest score that noise may lift to a confidence."""
    from scipy.special import expit  # noqa: PLC0415 - slow to import, which the networks can run beside

    return float(expit(log_odds(np.array(confidence)) - margins.logit))


def error_of_logit(scores: Floats, margins: NoiseMargins, *, step: float) -> Floats:
    """What noise may do to logits, with what a step down does to the score: where it is nearly 1, that is the larger part.

    A score of 1 stays one step from certainty, and is not brought near any threshold.
    """
    return margins.logit + log_odds(scores) - log_odds(scores - step)


def doubt(box: Floats, rivals: Rivals, place: int, *, kept: bool, cause: Cause, margin: float | None) -> Doubt:
    """A rival in doubt as a value."""
    x1, y1, x2, y2 = box.tolist()
    return Doubt((x1, y1, x2, y2), float(rivals.scores[place]), int(rivals.labels[place]), kept, cause, margin)


def doubts_between(matches: Matches, settings: Suppress, margins: NoiseMargins, *, score_step: float) -> Iterator[Doubt]:
    """The doubts of two sides of which only the detections are known: those of the reference, beside what only the candidate has.

    NoiseMargins in image pixels; ``score_step`` is what rounding may do to a score. What its own side kept beside a box that surely
    overlaps it too much is in no doubt, nor is a class flip in one of order: suppression explains neither.
    """
    alone = np.concatenate([matches.ghosts, matches.class_flips[:, 1]])
    if not len(alone) + len(matches.missed):
        return
    reference, others, flips = matches.reference, matches.candidate, matches.class_flips
    unexplained = np.concatenate([kept_beside(reference, settings, margins), kept_beside(others, settings, margins)[alone]])
    flipped = np.concatenate([np.isin(np.arange(len(reference)), flips[:, 0]), np.isin(alone, flips[:, 1])])
    scores = np.concatenate([reference.scores, others.scores[alone]])
    rivals = Rivals(
        np.concatenate([reference.boxes, others.boxes[alone]]),
        scores,
        np.concatenate([reference.classes, others.classes[alone]]),
        np.full(len(scores), margins.box_px),
        error_of_logit(scores, margins, step=score_step + FLOAT32_STEP),
    )
    for place, cause, margin in in_doubt(rivals, settings):
        if not unexplained[place] and not (flipped[place] and cause is Cause.ORDER):
            yield doubt(rivals.boxes[place], rivals, place, kept=place < len(reference), cause=cause, margin=margin)


def kept_beside(side: Detections, settings: Suppress, margins: NoiseMargins) -> Flags:
    """Which detections (n,) of a side surely overlap another of it too much: it kept both, so no order of their scores removed one."""
    nothing = np.zeros(len(side))
    rivals = Rivals(side.boxes, side.scores, side.classes, nothing + margins.box_px, nothing)
    first, second = np.nonzero(touching(rivals, settings))
    shared, error = overlaps(rivals, first, second)
    return np.isin(np.arange(len(side)), first[shared - (settings.iou or 0.0) > error])
