"""The settings of suppression under which the candidate keeps what it keeps, as changes of the reference's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity.diagnose.evidence import Evidence
from parity.diagnose.fingerprint import tolerance
from parity.diagnose.suspects import Hypothesis, Suspect, Suspects, one
from parity.spec import Suppress, Suppressor

IOUS = tuple(np.round(np.arange(0.15, 1.0, 0.1), 2).tolist())
STEPS = tuple(digit * 10.0**-place for place in range(1, 7) for digit in (1, 0.5))  # 0.1, 0.05, 0.01, ...
NOISE = 0.002  # of the detections, that rounding exchanges where hundreds of boxes have nearly one score


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings of suppression with their distance."""

    distance: float
    settings: Suppress


def opened(evidence: Evidence, hypothesis: Hypothesis) -> Hypothesis:
    """The pipeline with the confidence that the candidate's scores and their number allow."""
    own = hypothesis.spec.suppress
    confidence = loosest_confidence(evidence.lowest_score, own.confidence, noise=float(tolerance(evidence, np.zeros(1))[0]))
    return with_settings(hypothesis, replace(own, confidence=confidence, max_detections=capped(evidence) or own.max_detections))


def loosest_confidence(lowest: float, own: float, *, noise: float) -> float:
    """A threshold that the lowest score passes in any runtime, and where that allows not below the reference's own.

    A detection that the noise of another runtime drops would count against the very hypothesis that explains it.
    """
    return own if lowest - noise <= own <= lowest else as_threshold(lowest - noise)


def with_settings(hypothesis: Hypothesis, settings: Suppress) -> Hypothesis:
    """The pipeline with other settings of suppression."""
    return replace(hypothesis, spec=replace(hypothesis.spec, suppress=settings))


def as_threshold(score: float) -> float:
    """The nearest confidence to a score, which may be a logit or worse."""
    return min(max(score, 0.0), 1.0)


def capped(evidence: Evidence) -> int | None:
    """The number of detections at which several images stop, ``None`` where only one image has so many."""
    counts = [len(found) for found in evidence.candidate]
    return max(counts) if counts.count(max(counts)) > 1 else None


def nms_suspects(evidence: Evidence, hypothesis: Hypothesis, own: Suppress, indices: Sequence[int]) -> Suspects:
    """The settings of suppression that differ from the reference's ``own``."""
    if own.iou is None:
        return ()
    best = simplest(evidence, hypothesis, own, indices)
    if best.distance > NOISE:
        best = solved_candidates(evidence, hypothesis, best, indices)
    confidence = solved_confidence(evidence, with_settings(hypothesis, replace(best.settings, confidence=own.confidence)), indices)
    solved, swapped = replace(best.settings, confidence=confidence), replace(own, iou=own.confidence, confidence=own.iou)
    if solved.iou != own.iou and confidence != own.confidence:  # one slip before two
        distances = evidence.suppressed(hypothesis, [swapped, solved], indices)
        solved = swapped if distances[0] <= distances[1] else solved
    return tuple(differences(solved, own))


def simplest(evidence: Evidence, hypothesis: Hypothesis, own: Suppress, indices: Sequence[int]) -> Trial:
    """The first settings that leave nothing but noise: the reference's own, others, and others with a cap; else the nearest."""
    settings = hypothesis.spec.suppress
    uncapped = replace(settings, max_detections=own.max_detections)
    steps = [uncapped], list(grid(uncapped, own)), [settings], list(grid(settings, own))
    best = Trial(np.inf, uncapped)
    for trials in steps if settings != uncapped else steps[:2]:
        found = nearest(evidence, hypothesis, trials, indices)
        if len(trials) > 1:
            found = solved_iou(evidence, hypothesis, found.settings, own.iou or 0.0, indices)
        best = min(best, found, key=lambda trial: trial.distance)
        if best.distance <= NOISE:
            break
    return best


def grid(base: Suppress, own: Suppress) -> Iterator[Suppress]:
    """Settings to try: thresholds of classes apart and together, of the best class and of several, and no suppression at all."""
    others = replace(base, class_agnostic=not own.class_agnostic), replace(base, multi_label=not own.multi_label)
    for trial in (base, *others):
        yield from (replace(trial, iou=iou) for iou in (own.iou, *IOUS))
    yield replace(base, method=Suppressor.IN_GRAPH)


def solved_candidates(evidence: Evidence, hypothesis: Hypothesis, best: Trial, indices: Sequence[int]) -> Trial:
    """The roundest number of boxes before NMS that leaves less of the distance, if one does.

    It is at least the rank of the last detection that an image shows among the image's anchors.
    """
    ranks = [rank for index in indices if (rank := last_rank(evidence, hypothesis, index))]
    lowest = max(ranks, default=0)
    if not lowest or lowest >= best.settings.max_candidates:
        return best
    caps = sorted({lowest, *(step * (lowest // step + 1) for step in (5, 10, 50, 100))})
    trial = nearest(
        evidence,
        hypothesis,
        [replace(best.settings, max_candidates=cap, iou=iou) for cap in caps for iou in {best.settings.iou, hypothesis.spec.suppress.iou}],
        indices,
    )
    return trial if trial.distance < best.distance else best


def last_rank(evidence: Evidence, hypothesis: Hypothesis, index: int) -> int:
    """How many anchors of an image have the score of its last detection or a better one; 0 without detections."""
    found = evidence.candidate[index]
    if not len(found):
        return 0
    best = evidence.candidates(hypothesis, index).scores.max(axis=1, initial=-np.inf)
    return int((best >= found.scores[-1] - tolerance(evidence, found.scores[-1:])[0]).sum())


def nearest(evidence: Evidence, hypothesis: Hypothesis, trials: Sequence[Suppress], indices: Sequence[int]) -> Trial:
    """The settings of the least distance, of equal ones the first."""
    distances = evidence.suppressed(hypothesis, trials, indices)
    place = int(np.argmin(distances))
    return Trial(distances[place], trials[place])


def solved_iou(evidence: Evidence, hypothesis: Hypothesis, settings: Suppress, own: float, indices: Sequence[int]) -> Trial:
    """The roundest of the thresholds around that serve best; the reference's own where it does as well."""
    if settings.method is not Suppressor.NMS:
        return nearest(evidence, hypothesis, [settings], indices)
    centre = settings.iou or own
    around = np.round(np.arange(centre - 0.05, centre + 0.051, 0.01), 2).tolist()
    ious = [own, *(iou for iou in around if 0 < iou <= 1)]
    distances = evidence.suppressed(hypothesis, [replace(settings, iou=iou) for iou in ious], indices)
    best = [iou for iou, distance in zip(ious, distances, strict=True) if distance <= min(distances)]
    return Trial(min(distances), replace(settings, iou=own if own in best else roundest(min(best), max(best))))


def solved_confidence(evidence: Evidence, hypothesis: Hypothesis, indices: Sequence[int]) -> float:
    """The roundest number between the lowest score that is shown and the highest that is not; the spec's own where that lies there."""
    lowest, own = evidence.lowest_score, hypothesis.spec.suppress.confidence
    simulated = np.concatenate([evidence.simulate(hypothesis, index).scores for index in indices])
    hidden = simulated[simulated < lowest - tolerance(evidence, simulated)]
    if not len(hidden) and own <= lowest:
        return own
    return as_threshold(roundest(float(hidden.max()) if len(hidden) else 0.0, lowest))


def differences(found: Suppress, own: Suppress) -> Iterator[Suspect]:
    """The faults that turn one set of settings into another."""
    part = "suppress"
    if found.method is not own.method:
        yield one("end2end_or_embedded_nms_mismatch", part, "method", found.method)
    elif found.iou == own.confidence and found.confidence == own.iou != own.confidence:
        yield Suspect("iou_conf_args_swapped", ((part, "iou", found.iou), (part, "confidence", found.confidence)))
        found = replace(found, confidence=own.confidence)
    elif found.iou != own.iou:
        yield one("nms_iou_threshold", part, "iou", found.iou, iou=found.iou or 0.0)
    if found.class_agnostic != own.class_agnostic:
        yield one("class_agnostic_vs_per_class", part, "class_agnostic", found.class_agnostic)
    if found.confidence != own.confidence:
        yield one("conf_threshold", part, "confidence", found.confidence, confidence=found.confidence)
    if found.multi_label != own.multi_label:
        yield one("multi_label", part, "multi_label", found.multi_label)
    for name in ("max_detections", "max_candidates"):
        number = getattr(found, name)
        if number != getattr(own, name):
            yield one("topk_max_det_caps", part, name, number, **{name: number})


def roundest(low: float, high: float) -> float:
    """The roundest number of a range: a multiple of the largest step, and of several the one nearest to the middle."""
    for step in STEPS:
        value = round(round((low + high) / 2 / step) * step, 6)
        if low <= value <= high:
            return float(value)
    return (low + high) / 2
