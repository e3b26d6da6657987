"""Causes that the images at hand cannot tell apart: exchanged for one that was found, they give the same detections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from parity.diagnose.evidence import Evidence
from parity.diagnose.suspects import Hypothesis, Suspect, Suspects, box_readings, coordinate_choices, preprocessing, with_all

MOST_LOOKED_AT, MOST_RUN = 64, 8  # other images that are searched for one that would tell two causes apart


def alternatives(evidence: Evidence, healthy: Hypothesis, suspects: Suspects) -> Iterator[tuple[str, Suspect]]:
    """By fault, what could stand in its place: other names of the same network input, or of the same boxes."""
    others = list(preprocessing(healthy.spec.preprocess))
    boxes = [suspect for line in coordinate_choices(healthy.spec) for suspect in line if suspect] + list(box_readings())
    for place, suspect in enumerate(suspects):
        rest = (*suspects[:place], *suspects[place + 1 :])
        taken = frozenset[tuple[str, str]]().union(*(each.touches for each in rest))
        for other in (*others, *boxes):
            if other.fault == suspect.fault or other.touches & taken:
                continue
            exchanged, found = with_all(healthy, (*rest, other)), with_all(healthy, suspects)
            if (other in boxes or same_input(evidence, exchanged, found, evidence.chosen)) and evidence.agrees(exchanged, evidence.chosen):
                yield suspect.fault, other


def separating_image(evidence: Evidence, one: Hypothesis, other: Hypothesis) -> int | None:
    """The first of the other images on which two pipelines detect something else: a few are run, those of another network input first."""
    chosen = set(evidence.chosen)
    rest = [index for index in range(len(evidence.images)) if index not in chosen][:MOST_LOOKED_AT]
    order = sorted(rest, key=lambda index: same_input(evidence, one, other, [index]))
    return next((index for index in order[:MOST_RUN] if not same_detections(evidence, one, other, index)), None)


def same_detections(evidence: Evidence, one: Hypothesis, other: Hypothesis, index: int) -> bool:
    """Whether two pipelines give the same detections on an image."""
    first, second = evidence.simulate(one, index), evidence.simulate(other, index)
    return len(first) == len(second) and np.array_equal(first.boxes, second.boxes) and np.array_equal(first.classes, second.classes)


def same_input(evidence: Evidence, one: Hypothesis, other: Hypothesis, indices: Sequence[int]) -> bool:
    """Whether two pipelines hand the network the same tensor of every one of the images."""
    for index in indices:
        first, second = evidence.tensor(one, index)[0], evidence.tensor(other, index)[0]
        if first.shape != second.shape or not np.array_equal(first, second):
            return False
    return True
