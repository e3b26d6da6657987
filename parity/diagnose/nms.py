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
JUST_BELOW = 1e-6
NOISE = 0.002  # of the detections, that rounding exchanges where hundreds of boxes have nearly one score


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings of suppression with their distance."""

    distance: float
    settings: Suppress


def opened(evidence: Evidence, hypothesis: Hypothesis) -> Hypothesis:
    """The pipeline with the confidence that the candidate's scores and their number allow."""
    own = hypothesis.spec.suppress
    counts = capped(evidence)
    settings = replace(own, confidence=as_threshold(evidence.lowest_score - JUST_BELOW), max_detections=counts or own.max_detections)
    return with_settings(hypothesis, settings)


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
    open_settings = hypothesis.spec.suppress
    caps = dict.fromkeys((own.max_detections, open_settings.max_detections))
    best = nearest(evidence, hypothesis, [replace(open_settings, max_detections=cap) for cap in caps], indices)
    if best.distance > NOISE:
        trials = [best.settings, *(trial for cap in caps for trial in grid(open_settings, own, cap=cap))]
        best = nearest(evidence, hypothesis, trials, indices)
        best = solved_iou(evidence, hypothesis, best.settings, own.iou, indices)
    if best.distance > NOISE:
        best = solved_candidates(evidence, hypothesis, best, indices)
    confidence = solved_confidence(evidence, with_settings(hypothesis, replace(best.settings, confidence=own.confidence)), indices)
    solved, swapped = replace(best.settings, confidence=confidence), replace(own, iou=own.confidence, confidence=own.iou)
    if solved.iou != own.iou and confidence != own.confidence:  # one slip before two
        distances = evidence.suppressed(hypothesis, [swapped, solved], indices)
        solved = swapped if distances[0] <= distances[1] else solved
    return tuple(differences(solved, own))


def grid(settings: Suppress, own: Suppress, *, cap: int) -> Iterator[Suppress]:
    """Settings to try: thresholds of classes apart and together, and no suppression at all."""
    base = replace(settings, max_detections=cap)
    others: tuple[dict[str, bool], ...] = {}, {"class_agnostic": not own.class_agnostic}, {"multi_label": not own.multi_label}
    for other in others:
        yield from (replace(base, iou=iou, **other) for iou in (own.iou, *IOUS))
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
