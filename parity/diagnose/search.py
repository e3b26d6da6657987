"""The search for the faults that turn the reference's pipeline into the candidate's.

Scores and classes first, by their fingerprint; then preprocessing, by climbing; then coordinates and NMS, which need no network; at last
every fault that the result does not need is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from parity.diagnose.evidence import MOST_ANCHORS, Evidence
from parity.diagnose.fingerprint import FOUND, fingerprint, score_distance, tolerance
from parity.diagnose.suspects import Suspect, activations, class_offsets, coordinates, one, pad_value, preprocessing, with_all
from parity.spec import LARGEST_PIXEL, PipelineSpec, Suppressor

SCREENED = 4  # images that a preprocessing is first tried on
DEEPEST = 4  # faults of preprocessing at once
BEAM = 2
LEAST_GAIN = 0.01  # of the detections, that a further fault has to explain
LEAST_STEP = 0.05  # of the distance, that a further fault of preprocessing has to take away
IOUS = tuple(np.round(np.arange(0.2, 0.96, 0.05), 2).tolist())
JUST_BELOW = 1e-6
PARTIAL = 0.9
LOW_OF_TWO, HIGH_OF_TWO = 0.5 - 1e-4, 0.7311  # where a second sigmoid leaves every score


@dataclass(frozen=True, slots=True)
class Finding:
    """The faults that explain a candidate: ``explains`` of the distance is gone on the images they were not fitted on."""

    suspects: tuple[Suspect, ...]
    before: float
    after: float
    confirmed: bool

    @property
    def explains(self) -> float:
        """The share of the distance that the faults explain, from 0 to 1."""
        return max(0.0, 1 - self.after / self.before) if self.before else 0.0


def diagnose(evidence: Evidence, spec: PipelineSpec) -> Finding | None:
    """What turns the reference's pipeline into the candidate; ``None`` for a healthy pair and for what cannot be named."""
    everything = range(len(evidence.images))
    differing = [index for index in everything if not evidence.compare(spec, index).agrees]
    if not differing or not any(map(len, evidence.candidate)):
        return None
    fitted = sorted({*differing[::2], *everything[::2]} - set(differing[1::2]))
    judged = differing[1::2] or differing
    suspects = needed(evidence, spec, search(evidence, spec, fitted), fitted)
    if not suspects:
        return None
    found = with_all(spec, suspects)
    confirmed = evidence.agrees(found, everything)
    finding = Finding(suspects, evidence.distance(spec, judged), evidence.distance(found, judged), confirmed)
    return finding if confirmed or finding.explains >= PARTIAL else None


def search(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> tuple[Suspect, ...]:
    """Faults of every stage, those of a later one found with the earlier ones in place."""
    open_spec = replace(spec, suppress=replace(spec.suppress, confidence=as_threshold(lowest_score(evidence) - JUST_BELOW)))
    network = up_to_the_network(evidence, open_spec, indices)
    seen = with_all(open_spec, network)
    after = coordinate_suspects(evidence, seen, indices)
    nms = nms_suspects(evidence, with_all(seen, after), spec, indices)
    return (*network, *after, *nms)


def as_threshold(score: float) -> float:
    """The nearest confidence to a score, which may be a logit or worse."""
    return min(max(score, 0.0), 1.0)


def lowest_score(evidence: Evidence) -> float:
    """The lowest score that the candidate shows."""
    return min(float(found.scores[-1]) for found in evidence.candidate if len(found))


def up_to_the_network(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> tuple[Suspect, ...]:
    """Faults of preprocessing, activation and labels that give the candidate its scores and classes.

    Labels that are shifted are tried by themselves first and with preprocessing last: exchanged colours look like them.
    """
    activation = tuple(suspect for suspect in activations() if in_range(evidence, suspect))
    starts = [activation, *((*activation, offset) for offset in class_offsets(spec))]
    best, best_share = activation, fingerprint(evidence, with_all(spec, activation), indices)
    for chosen in starts:
        share = fingerprint(evidence, with_all(spec, chosen), indices)
        if share >= FOUND:
            return chosen
    for start in starts:
        chosen = (*climb(evidence, with_all(spec, start), indices), *start)
        share = fingerprint(evidence, with_all(spec, chosen), indices)
        if share > best_share + LEAST_GAIN:
            best, best_share = chosen, share
        if share >= FOUND:
            break
    return best


def in_range(evidence: Evidence, activation: Suspect) -> bool:
    """Whether the candidate's scores lie where an activation too much or too little leaves them."""
    low, high = lowest_score(evidence), max(float(found.scores[0]) for found in evidence.candidate if len(found))
    return low >= LOW_OF_TWO and high <= HIGH_OF_TWO if activation.fault == "double_sigmoid" else low < 0 or high > 1


def climb(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> tuple[Suspect, ...]:
    """Faults of preprocessing, one more at a time, on the images that need an explanation most."""
    screened = worst_images(evidence, spec, indices)
    beam: list[tuple[float, tuple[Suspect, ...]]] = [(score_distance(evidence, spec, screened), ())]
    best = beam[0]
    for _ in range(DEEPEST):
        longer = {chosen: score_distance(evidence, with_all(spec, chosen), screened) for chosen in extensions(beam, spec)}
        nearest = sorted(longer, key=lambda chosen: longer[chosen])[:BEAM]
        beam = [rated(evidence, spec, refined(evidence, spec, chosen, screened), screened) for chosen in nearest]
        if not beam or beam[0][0] > best[0] * (1 - LEAST_STEP):
            break
        best = beam[0]
        if fingerprint(evidence, with_all(spec, best[1]), indices) >= FOUND:
            break
    return best[1]


def rated(evidence: Evidence, spec: PipelineSpec, chosen: tuple[Suspect, ...], indices: Sequence[int]) -> tuple[float, tuple[Suspect, ...]]:
    """A set of faults with its distance."""
    return score_distance(evidence, with_all(spec, chosen), indices), chosen


def worst_images(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> list[int]:
    """The images whose scores the pipeline explains least."""
    shown = [index for index in indices if len(evidence.candidate[index])] or list(indices)
    return sorted(shown, key=lambda index: fingerprint(evidence, spec, [index]))[:SCREENED]


def extensions(beam: Sequence[tuple[float, tuple[Suspect, ...]]], spec: PipelineSpec) -> Iterator[tuple[Suspect, ...]]:
    """Every chosen set with one fault more; a field is changed once."""
    for _, chosen in beam:
        taken = {name for suspect in chosen for name, _ in suspect.values}
        for suspect in preprocessing(spec):
            if not taken & {name for name, _ in suspect.values}:
                yield (*chosen, suspect)


def refined(evidence: Evidence, spec: PipelineSpec, chosen: tuple[Suspect, ...], screened: Sequence[int]) -> tuple[Suspect, ...]:
    """The pad value between the ones that were tried, by halving the bracket."""
    place = next((i for i, suspect in enumerate(chosen) if suspect.fault == "pad_value"), None)
    if place is None:
        return chosen

    def at(value: int) -> tuple[Suspect, ...]:
        return (*chosen[:place], pad_value(value), *chosen[place + 1 :])

    @cache
    def rate(value: int) -> float:
        return score_distance(evidence, with_all(spec, at(value)), screened)

    centre, step = int(dict(chosen[place].parameters)["pad_value"]), 8
    while step:
        centre = min((value for value in (centre, centre - step, centre + step) if 0 <= value <= LARGEST_PIXEL), key=rate)
        step //= 2
    return at(centre)


def coordinate_suspects(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> tuple[Suspect, ...]:
    """The faults after the network, one more at a time, under which most boxes fall where the candidate has them."""
    loose = replace(spec, suppress=replace(spec.suppress, method=Suppressor.IN_GRAPH, iou=None, max_detections=MOST_ANCHORS))
    found: tuple[Suspect, ...] = ()
    best = evidence.covered(loose, indices)
    while True:
        rated = [(evidence.covered(with_all(loose, (*found, suspect)), indices), suspect) for suspect in coordinates(spec)]
        share, suspect = max(rated, key=lambda each: each[0])
        if share < best + LEAST_GAIN:
            return found
        best, found = share, (*found, suspect)


def nms_suspects(evidence: Evidence, spec: PipelineSpec, healthy: PipelineSpec, indices: Sequence[int]) -> tuple[Suspect, ...]:
    """The settings of suppression under which the candidate keeps what it keeps, as changes of the reference's own."""
    own, part = healthy.suppress, "suppress"
    if own.iou is None:
        return ()
    grid = [replace(spec.suppress, iou=iou, class_agnostic=agnostic) for agnostic in (own.class_agnostic, True) for iou in (own.iou, *IOUS)]
    chosen = min(grid, key=lambda trial: evidence.distance(replace(spec, suppress=trial), indices))
    chosen = replace(chosen, iou=solved_iou(evidence, replace(spec, suppress=chosen), own.iou, indices))
    confidence = solved_confidence(evidence, replace(spec, suppress=replace(chosen, confidence=own.confidence)), indices)
    counts = [len(found) for found in evidence.candidate]
    found = [
        one("nms_iou_threshold", part, "iou", chosen.iou, iou=chosen.iou or 0.0),
        one("class_agnostic_vs_per_class", part, "class_agnostic", chosen.class_agnostic),
        one("conf_threshold", part, "confidence", confidence, confidence=confidence),
        one("topk_max_det_caps", part, "max_detections", max(counts), max_detections=max(counts)),
    ]
    capped = counts.count(max(counts)) > 1 and max(counts) < own.max_detections
    return tuple(each for each in found if each.applied(healthy) != healthy and (capped or each.fault != "topk_max_det_caps"))


def solved_iou(evidence: Evidence, spec: PipelineSpec, own: float, indices: Sequence[int]) -> float:
    """The roundest of the thresholds around the spec's that serve best; the reference's own where it does as well."""
    around = np.round(np.arange((spec.suppress.iou or own) - 0.05, (spec.suppress.iou or own) + 0.051, 0.01), 2)
    trials = {iou: replace(spec, suppress=replace(spec.suppress, iou=iou)) for iou in (own, *around.tolist()) if 0 < iou <= 1}
    rated = {iou: evidence.distance(trial, indices) for iou, trial in trials.items()}
    best = [iou for iou, distance in rated.items() if distance <= min(rated.values())]
    return own if own in best else roundest(min(best), max(best))


def solved_confidence(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> float:
    """The roundest number between the lowest score that is shown and the highest that is not; the spec's own where that lies there."""
    lowest = lowest_score(evidence)
    simulated = np.concatenate([evidence.simulate(spec, index).scores for index in indices])
    hidden = simulated[simulated < lowest - tolerance(evidence)]
    own = spec.suppress.confidence
    if not len(hidden) and own <= lowest:
        return own
    return as_threshold(roundest(float(hidden.max()) if len(hidden) else 0.0, lowest))


def roundest(low: float, high: float) -> float:
    """The number of fewest decimals within an interval."""
    for decimals in range(1, 7):
        step = 10.0**-decimals
        value = round(np.ceil(round(low / step, 6)) * step, decimals)
        if low <= value <= high:
            return float(value)
    return (low + high) / 2


def needed(evidence: Evidence, spec: PipelineSpec, suspects: tuple[Suspect, ...], indices: Sequence[int]) -> tuple[Suspect, ...]:
    """The faults without those that the result does not need."""
    kept, distance = suspects, evidence.distance(with_all(spec, suspects), indices)
    for suspect in reversed(suspects):
        fewer = tuple(each for each in kept if each is not suspect)
        if evidence.distance(with_all(spec, fewer), indices) <= distance:
            kept = fewer
    return kept
