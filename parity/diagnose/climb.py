"""Faults up to the network and in the reading of its scores: climb by a distance of scores, stop by their fingerprint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from parity.boxes import silently
from parity.diagnose.evidence import Evidence
from parity.diagnose.fingerprint import FOUND, fingerprint, score_distance
from parity.diagnose.labels import label_suspect
from parity.diagnose.rounded import is_bfloat16, is_float16
from parity.diagnose.suspects import (
    Hypothesis,
    Suspect,
    Suspects,
    network_size,
    one,
    one_scale,
    pad_value,
    precisions,
    preprocessing,
    score_readings,
    with_all,
)
from parity.diagnose.tampering import LARGEST_BYTE
from parity.spec import LARGEST_PIXEL, Preprocess, Suppressor

GLANCED, SCREENED = 2, 4  # images that a fault is first tried on, and then the best of them
PROMISING = 8
DEEPEST = 4  # faults at once
BEAM = 2
LEAST_GAIN = 0.01  # of the detections, that a further fault has to explain
LEAST_STEP = 0.04  # of the distance, that a further fault has to take away
ROUNDED = 0.97  # of the scores that are numbers of a lower precision: noise can round one to its neighbour
LOW_OF_TWO, HIGH_OF_TWO = 0.5 - 1e-4, 0.7311  # where a second sigmoid leaves every score
COARSE, OFF_GRID = 0.005, 2e-3  # the least step of a grid that scores are taken to lie on, and how far from it
FEW_SCORES = 4  # of a head on one scale, whose step is about 1
PRECISIONS = frozenset(suspect.fault for suspect in precisions())
NUISANCE = "nuisance"  # settings of NMS, only to climb by: they are solved when the scores are known
NUISANCE_IOUS = (0.3, 0.5, 0.9)

Rating = tuple[float, Suspects]


@dataclass(frozen=True, slots=True)
class Slope:
    """A climb: from a pipeline, on images, with classes or without."""

    evidence: Evidence
    start: Hypothesis
    screened: Sequence[int]
    labels: bool

    def rate(self, chosen: Suspects, indices: Sequence[int] | None = None) -> float:
        """The distance of a set of faults."""
        return score_distance(self.evidence, with_all(self.start, chosen), indices or self.screened, labels=self.labels)


def up_to_the_network(evidence: Evidence, start: Hypothesis, indices: Sequence[int]) -> Suspects:
    """Faults of preprocessing, of the reading of scores, and of labels, that give the candidate its scores and classes.

    What needs no run of the network is tried first; labels that are shifted before preprocessing, since exchanged colours look like them.
    """
    readings: list[Suspects] = [(), *((suspect,) for suspect in possible_readings(evidence, start, indices))]
    precise = [each for each in readings[1:] if each[0].fault in PRECISIONS]
    shares = {chosen: fingerprint(evidence, with_all(start, chosen), indices) for chosen in readings}
    found = next((chosen for chosen in (*precise, *readings) if shares[chosen] >= enough(chosen)), None)
    if found is not None:
        return found
    for chosen in (*precise, *readings):
        if (relabelled := with_labels(evidence, start, chosen, indices)) is not None:
            return relabelled
    best, best_share = max(((chosen, shares[chosen]) for chosen in readings), key=lambda each: each[1])
    for labels in (True, False):
        climbed = climb(evidence, start, indices, labels=labels)
        solved = climbed if labels else with_labels(evidence, start, climbed, indices) or climbed
        share = fingerprint(evidence, with_all(start, solved), indices)
        if share > best_share + LEAST_GAIN:
            best, best_share = solved, share
        if share >= enough(solved):
            break
    return best


def enough(chosen: Suspects) -> float:
    """The share of the candidate's scores that has to be found: of rounded numbers a few fall to a neighbour."""
    return ROUNDED if any(suspect.fault in PRECISIONS for suspect in chosen) else FOUND


def with_labels(evidence: Evidence, start: Hypothesis, chosen: Suspects, indices: Sequence[int]) -> Suspects | None:
    """Faults with the table of classes that their scores show; ``None`` where scores do not agree without classes, or no table holds."""
    hypothesis = with_all(start, chosen)
    if fingerprint(evidence, hypothesis, indices, labels=False) < enough(chosen):
        return None
    table = label_suspect(evidence, hypothesis, indices)
    return None if table is None else (*chosen, table)


def possible_readings(evidence: Evidence, start: Hypothesis, indices: Sequence[int]) -> Iterator[Suspect]:
    """Readings of the raw head that the candidate's scores allow, with the steps of a grid that they lie on."""
    yield from (suspect for suspect in score_readings() if possible(evidence, suspect))
    shown = [index for index in indices if len(evidence.candidate[index]) > 1]
    counts = Counter(steps for index in shown if (steps := grid_steps(evidence, start, index)))
    if counts:
        steps, times = counts.most_common(1)[0]
        if times * 2 > len(shown) and steps != LARGEST_BYTE:
            yield one_scale(steps)


def grid_steps(evidence: Evidence, start: Hypothesis, index: int) -> int | None:
    """In how many steps a grid that holds all scores of an image reaches the raw head's largest number; ``None`` without a grid."""
    scores = np.unique(evidence.candidate[index].scores)
    apart = np.diff(scores).min(initial=float(scores[0]))
    numbers = np.round(scores / apart)
    if apart < COARSE or np.abs(scores - numbers * apart).max() > OFF_GRID:
        return None
    step, largest = float(np.mean(scores / numbers)), float(np.abs(evidence.run(evidence.tensor(start, index)[0])).max())
    return round(largest / step) if np.isfinite(largest) else None


@silently
def possible(evidence: Evidence, reading: Suspect) -> bool:
    """Whether the candidate's scores lie where a reading of the raw head leaves them."""
    low, high = evidence.lowest_score, evidence.highest_score
    scores = np.concatenate([evidence.candidate[index].scores for index in evidence.chosen])
    return {
        "double_sigmoid": low >= LOW_OF_TWO and high <= HIGH_OF_TWO,
        "missing_sigmoid": low < 0 or high > 1,
        "output_layout_not_transposed": high > 1,
        "int8_io_not_dequantised": high > 1 and bool((scores == np.round(scores)).all()),
        "int8_head_concat_one_scale": len(np.unique(np.round(scores, 2))) <= FEW_SCORES,
        "fp16_precision": is_float16(scores.astype(np.float32)),
        "bf16_or_fp16_plugin_default": is_bfloat16(scores.astype(np.float32)),
    }.get(reading.fault, True)


def climb(evidence: Evidence, start: Hypothesis, indices: Sequence[int], *, labels: bool) -> Suspects:
    """Faults, one more at a time, on the images that need an explanation most."""
    slope = Slope(evidence, start, worst_images(evidence, start, indices, labels=labels), labels)
    beam: list[Rating] = [(slope.rate(()), ())]
    best = beam[0]
    for _ in range(DEEPEST):
        beam = sorted(((slope.rate(chosen), chosen) for chosen in map(partial(refined, slope), nearest(slope, beam))), key=rating)
        if not beam or beam[0][0] > best[0] * (1 - LEAST_STEP):
            break
        best = beam[0]
        if fingerprint(evidence, with_all(start, best[1]), indices, labels=labels) >= enough(best[1]):
            break
    return tuple(suspect for suspect in best[1] if suspect.fault != NUISANCE)


def rating(rated: Rating) -> float:
    """What a beam is sorted by."""
    return rated[0]


def worst_images(evidence: Evidence, start: Hypothesis, indices: Sequence[int], *, labels: bool) -> list[int]:
    """The images whose scores the pipeline explains least."""
    shown = [index for index in indices if len(evidence.candidate[index])] or list(indices)
    return sorted(shown, key=lambda index: fingerprint(evidence, start, [index], labels=labels))[:SCREENED]


def nearest(slope: Slope, beam: Sequence[Rating]) -> list[Suspects]:
    """The most promising of all sets with one fault more: at a glance first, then on all images that are screened."""
    glanced = {chosen: slope.rate(chosen, slope.screened[:GLANCED]) for chosen in extensions(slope, beam)}
    promising = sorted(glanced, key=lambda chosen: glanced[chosen])[:PROMISING]
    rated = {chosen: slope.rate(chosen) for chosen in promising}
    return sorted(rated, key=lambda chosen: rated[chosen])[:BEAM]


def extensions(slope: Slope, beam: Sequence[Rating]) -> Iterator[Suspects]:
    """Every chosen set with one fault more; what one fault changes no other does."""
    for _, chosen in beam:
        taken = frozenset[tuple[str, str]]().union(*(suspect.touches for suspect in chosen))
        hypothesis = with_all(slope.start, chosen)
        for suspect in moves(slope):
            if not taken & suspect.touches and suspect.applied(hypothesis) != hypothesis:
                yield (*chosen, suspect)


def moves(slope: Slope) -> Iterator[Suspect]:
    """All that can be tried at a step."""
    yield from preprocessing(slope.start.spec.preprocess)
    yield from possible_readings(slope.evidence, slope.start, slope.screened)
    yield from (one(NUISANCE, "suppress", "iou", iou) for iou in NUISANCE_IOUS)
    yield one(NUISANCE, "suppress", "method", Suppressor.IN_GRAPH)


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers between those of a fault that were tried: how one becomes a suspect, and where they lie."""

    fault: str
    parameter: str
    make: Callable[[int], Suspect]
    first_step: int
    last_step: int
    bounds: tuple[int, int]


def scales(own: Preprocess) -> tuple[Scale, ...]:
    """The faults that are solved for a number: a gray of the padding, and the side of the network in whole strides."""
    sides = (own.stride, 2 * max(own.size))
    return (
        Scale("pad_value", "pad_value", pad_value, 32, 1, (0, LARGEST_PIXEL)),
        Scale("wrong_imgsz", "side_px", network_size, 2 * own.stride, own.stride, sides),
    )


def refined(slope: Slope, chosen: Suspects) -> Suspects:
    """The faults with their numbers solved."""
    for scale in scales(slope.start.spec.preprocess):
        place = next((i for i, suspect in enumerate(chosen) if suspect.fault == scale.fault), None)
        if place is not None:
            chosen = bracketed(slope, chosen, place, scale)
    return chosen


def bracketed(slope: Slope, chosen: Suspects, place: int, scale: Scale) -> Suspects:
    """The best number by halving the bracket around the one that was tried."""

    def at(value: int) -> Suspects:
        return (*chosen[:place], scale.make(value), *chosen[place + 1 :])

    @cache
    def rate(value: int) -> float:
        return slope.rate(at(value))

    low, high = scale.bounds
    centre, step = int(float(dict(chosen[place].parameters)[scale.parameter])), scale.first_step
    while step >= scale.last_step:
        centre = min((value for value in (centre, centre - step, centre + step) if low <= value <= high), key=rate)
        step //= 2
    return at(centre)
