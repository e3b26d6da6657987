"""Faults of boxes, read off detections and anchors of equal score: every combination is tried, since none needs the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from parity.detections import Detections
from parity.diagnose.evidence import Evidence
from parity.diagnose.fingerprint import tolerance
from parity.diagnose.suspects import Hypothesis, Suspect, Suspects, box_readings, coordinate_choices, with_all
from parity.diagnose.tampering import Cut, tampered_labels
from parity.spec import Restore

FEW = 40  # detections of an image, those with the fewest anchors of their score: they say as much as all
MOST_TWINS = 20  # anchors of one score, beyond which a box says nothing
COST = 0.005  # of the detections, that a further fault has to explain
MOST_TOGETHER = 3  # faults of coordinates
ALL = 0.999
GLANCED, PROMISING = 3, 24  # images that every combination is tried on, and combinations that are tried on all


@dataclass(frozen=True, slots=True, eq=False)
class Twins:
    """Anchors and detections of one image that have the same score and class: ``rows`` of ``anchors`` and ``columns`` of the detections."""

    index: int
    anchors: Detections
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    detections: int


def coordinate_suspects(evidence: Evidence, hypothesis: Hypothesis, indices: Sequence[int]) -> Suspects:
    """The fewest faults after the network under which most boxes fall where the candidate has them."""
    best = Rated(-1.0, ())
    for reading in readings(hypothesis):
        best = max(best, fewest(evidence, hypothesis, reading, indices), key=worth)
        if best.share >= ALL:
            break
    return best.suspects


@dataclass(frozen=True, slots=True)
class Rated:
    """Faults with the share of the candidate's boxes that they explain."""

    share: float
    suspects: Suspects


def worth(rated: Rated) -> float:
    """The share that faults explain, less their cost."""
    return rated.share - COST * len(rated.suspects)


def readings(hypothesis: Hypothesis) -> list[Suspects]:
    """Ways to read the raw head that leave its scores: as it is, and wrong ones where the head is not misread already."""
    taken = {("cut", tamper.cut.value) for tamper in hypothesis.tampering}
    return [(), *((suspect,) for suspect in box_readings() if not suspect.touches & taken)]


def fewest(evidence: Evidence, hypothesis: Hypothesis, reading: Suspects, indices: Sequence[int]) -> Rated:
    """The best combination under one reading: on a few images first, and no larger one where all is explained."""
    read, memory = with_all(hypothesis, reading), dict[tuple[Hypothesis, int], Twins]()

    def rate(chosen: Suspects, where: Sequence[int]) -> Rated:
        return Rated(covered(evidence, with_all(read, chosen), where, memory), (*reading, *chosen))

    every = choices(read)
    if (rated := rate((), indices)).share >= ALL:
        return rated
    glanced = sorted(every, key=lambda chosen: -worth(rate(chosen, telling(evidence, indices))))
    return max((rate(chosen, indices) for chosen in glanced[:PROMISING]), key=worth)


def telling(evidence: Evidence, indices: Sequence[int]) -> Sequence[int]:
    """A few images of different shapes that have detections."""
    shown = [index for index in indices if len(evidence.candidate[index])] or list(indices)
    return shown[:: max(len(shown) // GLANCED, 1)][:GLANCED]


def choices(hypothesis: Hypothesis) -> list[Suspects]:
    """Every combination of faults of coordinates that change the pipeline, the smallest first."""
    lines = list(coordinate_choices(hypothesis.spec))
    sets = [tuple(suspect for suspect in chosen if suspect is not None) for chosen in product(*lines)]
    small = [chosen for chosen in sets if len(chosen) <= MOST_TOGETHER and all(changes(hypothesis, suspect) for suspect in chosen)]
    return sorted(small, key=len)


def changes(hypothesis: Hypothesis, suspect: Suspect) -> bool:
    """Whether a fault makes another pipeline."""
    return suspect.applied(hypothesis) != hypothesis


def covered(evidence: Evidence, hypothesis: Hypothesis, indices: Sequence[int], memory: dict[tuple[Hypothesis, int], Twins]) -> float:
    """The share of the candidate's detections that have the box of an anchor of their score and class."""
    inside = total = 0
    for index in indices:
        twins = remembered(evidence, hypothesis, index, memory)
        found, gain = evidence.candidate[index], evidence.look(hypothesis, index).geometry.gain
        boxes = evidence.finished(twins.anchors, hypothesis, index).boxes
        near = evidence.limits.box.value / gain + evidence.rounding.box_px
        close = np.abs(boxes[twins.rows] - found.boxes[twins.columns]).max(axis=1, initial=0.0) <= near
        inside += len(np.unique(twins.columns[close]))
        total += twins.detections
    return inside / total if total else 0.0


def remembered(evidence: Evidence, hypothesis: Hypothesis, index: int, memory: dict[tuple[Hypothesis, int], Twins]) -> Twins:
    """The twins of an image, which are the same however boxes are restored."""
    spec = hypothesis.spec
    before = Hypothesis(replace(spec, restore=Restore()), tuple(each for each in hypothesis.tampering if each.cut is not Cut.BOXES))
    if (before, index) not in memory:
        memory[before, index] = twins_of(evidence, before, index)
    return memory[before, index]


def twins_of(evidence: Evidence, hypothesis: Hypothesis, index: int) -> Twins:
    """Anchors in network pixels and detections of equal score and class."""
    raw, found = evidence.candidates(hypothesis, index), evidence.candidate[index]
    if not len(raw.scores) or not len(found):
        return Twins(index, Detections.none(), np.empty(0, np.intp), np.empty(0, np.intp), 0)
    label = raw.scores.argmax(axis=1)
    every = np.arange(len(label))
    scores, classes = raw.scores[every, label], tampered_labels(raw.labels[every, label], hypothesis.tampering)
    near = np.abs(scores[:, None] - found.scores[None]) <= tolerance(evidence, found.scores)
    near &= classes[:, None] == found.classes[None]
    counts = near.sum(axis=0)
    telling = np.argsort(counts + (counts == 0) * len(label), kind="stable")[:FEW]
    telling = telling[(counts[telling] > 0) & (counts[telling] <= MOST_TWINS)]
    rows, place = np.nonzero(near[:, telling])
    used, rows = np.unique(rows, return_inverse=True)
    order = np.argsort(-scores[used], kind="stable")
    anchors = Detections.best_first(raw.boxes[used][order], scores[used][order], raw.labels[used, label[used]][order])
    return Twins(index, anchors, np.argsort(order)[rows], telling[place], len(telling))
