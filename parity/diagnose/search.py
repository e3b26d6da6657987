"""The search for the faults that turn the reference's pipeline into the candidate's.

Faults between images first, then scores and classes by their fingerprint, then coordinates and NMS, which need no network; at last every
fault that the result does not need is dropped, and the ones that these images cannot tell from it are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from parity.detections import Detections
from parity.diagnose.alternatives import alternatives
from parity.diagnose.climb import up_to_the_network
from parity.diagnose.coordinates import coordinate_suspects
from parity.diagnose.evidence import Evidence
from parity.diagnose.fingerprint import score_distance
from parity.diagnose.labels import label_suspect
from parity.diagnose.naming import PARTIAL
from parity.diagnose.nms import nms_suspects, opened
from parity.diagnose.order import STRONG, Order, batch_order, image_order
from parity.diagnose.suspects import Hypothesis, Suspect, Suspects, at_cut, one, preprocessing, score_readings, with_all
from parity.diagnose.tampering import Cut
from parity.faults import fault
from parity.spec import Fit, PipelineSpec, RestoreGeometry

LEAST_PART = 0.005  # of the detections
CLEAR = 0.1  # of the distance between scores, that a fault between images leaves at most to be looked at first
LATE = at_cut("buffer_reuse_or_early_free", Cut.IMAGES, "previous")


@dataclass(frozen=True, slots=True)
class Finding:
    """The faults that explain a candidate: ``explains`` of the distance is gone on the images they were not fitted on.

    ``alternatives`` has, by fault, what the images cannot tell from it.
    """

    suspects: Suspects
    before: float
    after: float
    confirmed: bool
    alternatives: tuple[tuple[str, Suspect], ...] = ()

    @property
    def explains(self) -> float:
        """The share of the distance that the faults explain, from 0 to 1; one image alone is fitted and judged on."""
        return max(0.0, 1 - self.after / self.before) if self.before else 0.0


def diagnose(evidence: Evidence, spec: PipelineSpec, reference: Sequence[Detections] | None = None) -> Finding | None:
    """What turns the reference's pipeline into the candidate; ``None`` for a healthy pair and for what cannot be named.

    ``reference`` are the reference's own detections of all images, where they are known.
    """
    healthy, evidence = Hypothesis(spec), replace(evidence, floor=spec.suppress.confidence)
    if all(evidence.compare(healthy, index).agrees for index in evidence.chosen):
        return None
    if not any(map(len, evidence.candidate)):
        return nothing_found(evidence, healthy)
    known = reference or [evidence.simulate(healthy, index) for index in range(len(evidence.images))]
    best: Finding | None = None
    for attempt in attempts(evidence, healthy, known):
        found = attempt()
        best = max((each for each in (best, found) if each is not None), key=lambda each: (each.confirmed, each.explains), default=None)
        if best is not None and best.confirmed:
            break
    return best


def proven(evidence: Evidence, healthy: Hypothesis, suspects: Suspects) -> Finding | None:
    """The suspects that are needed, if together they give the candidate on every image."""
    if not suspects or not evidence.agrees(with_all(healthy, suspects), evidence.chosen):
        return None
    kept = needed(evidence, healthy, suspects, evidence.chosen)
    return Finding(kept, evidence.distance(healthy, evidence.chosen), 0.0, confirmed=True) if kept else None


def attempts(evidence: Evidence, healthy: Hypothesis, known: Sequence[Detections]) -> Iterator[Callable[[], Finding | None]]:
    """Ways to look at the candidate, the likely one first: its images in their order, or with a fault between them."""
    if (batch := batch_order(known, evidence.candidate)) is not None:
        yield partial(ordered, evidence, healthy, batch)
        return
    between: list[tuple[float, Callable[[], Finding | None]]] = []
    if (shuffled := image_order(known, evidence.candidate)) is not None:
        between.append((shuffled.left, partial(ordered, evidence, healthy, shuffled)))
    if (left := left_by(evidence, healthy, LATE.applied(healthy))) < STRONG:
        between.append((left, partial(searched, evidence, healthy, (LATE,))))
    between.sort(key=lambda each: each[0])
    yield from (attempt for left, attempt in between if left < CLEAR)
    yield partial(searched, evidence, healthy, ())
    yield from (attempt for left, attempt in between if left >= CLEAR)


def left_by(evidence: Evidence, healthy: Hypothesis, suspected: Hypothesis) -> float:
    """The share of the distance between scores that a suspicion leaves."""
    before, after = (score_distance(evidence, opened(evidence, each), evidence.chosen) for each in (healthy, suspected))
    return after / before if before else 1.0


def nothing_found(evidence: Evidence, healthy: Hypothesis) -> Finding | None:
    """The single faults that leave nothing to detect, which a candidate without detections cannot tell apart: none is confirmed."""
    too_high = one("conf_threshold", "suppress", "confidence", 1.0, confidence=1.0)
    every = (*preprocessing(healthy.spec.preprocess), *score_readings(), too_high)
    blind = [suspect for suspect in every if evidence.agrees(suspect.applied(healthy), evidence.chosen)]
    if not blind:
        return None
    first, *others = sorted(blind, key=lambda suspect: -fault(suspect.fault).frequency)
    unlike = tuple((first.fault, other) for other in others if other.fault != first.fault)
    return Finding((first,), evidence.distance(healthy, evidence.chosen), 0.0, confirmed=False, alternatives=unlike)


def ordered(evidence: Evidence, healthy: Hypothesis, order: Order) -> Finding | None:
    """The faults beside one between images: every image's results are brought home, and images without their own are left out."""
    home: list[Detections] = list(evidence.candidate)
    for index, source in enumerate(order.source):
        home[source] = evidence.candidate[index]
    telling = [index for index in evidence.chosen if index in order.telling] or list(order.telling)
    put_right = evidence.on(telling, candidate=home)
    if all(put_right.compare(healthy, index).agrees for index in telling):
        return Finding((order.suspect,), before=evidence.distance(healthy, evidence.chosen), after=0.0, confirmed=True)
    found = searched(put_right, healthy, ())
    return None if found is None else replace(found, suspects=(order.suspect, *found.suspects))


def searched(evidence: Evidence, healthy: Hypothesis, given: Suspects) -> Finding | None:
    """The faults of every stage beside those that are given, fitted on half of the images and judged on the other."""
    start = with_all(healthy, given)
    differing = [index for index in evidence.chosen if not evidence.compare(healthy, index).agrees]
    differing.sort(key=lambda index: -len(evidence.candidate[index]))  # so that both halves have something to tell
    fitted = sorted({*differing[::2], *evidence.chosen[::2]} - set(differing[1::2]))
    judged = differing[1::2] or differing
    stages = search(evidence, start, fitted)
    suspects = needed(evidence, healthy, (*given, *stages), fitted)
    if not suspects:
        return None
    before, after = (evidence.distance(each, judged) for each in (healthy, with_all(healthy, suspects)))
    confirmed = evidence.agrees(with_all(healthy, suspects), evidence.chosen)
    if not confirmed:  # both halves may show other classes, and other overlaps
        learned = needed(evidence, healthy, learned_anew(evidence, healthy, suspects), evidence.chosen)
        confirmed = evidence.agrees(with_all(healthy, learned), evidence.chosen)
        suspects = learned if confirmed else suspects
    finding = Finding(suspects, before, after, confirmed)
    if not confirmed and finding.explains < PARTIAL:
        return None
    return replace(finding, alternatives=tuple(alternatives(evidence, healthy, suspects)) if confirmed else ())


def search(evidence: Evidence, start: Hypothesis, indices: Sequence[int]) -> Suspects:
    """Faults of every stage, those of a later one found with the earlier ones in place."""
    loose = opened(evidence, start)
    network = up_to_the_network(evidence, loose, indices)
    after = coordinate_suspects(evidence, with_all(loose, network), indices)
    return with_thresholds(evidence, start, as_one(network, after), indices)


def as_one(network: Suspects, after: Suspects) -> Suspects:
    """Both stages' faults; a picture of exchanged sides whose boxes are restored as if it had none is one fault."""
    swapped = next((suspect for suspect in network if ("preprocess", "fit", Fit.SWAPPED) in suspect.values), None)
    healthy = next((suspect for suspect in after if ("restore", "geometry", RestoreGeometry.LETTERBOX) in suspect.values), None)
    if swapped is None or healthy is None:
        return (*network, *after)
    both = replace(swapped, values=(*swapped.values, *healthy.values))
    return (*(both if each is swapped else each for each in network), *(each for each in after if each is not healthy))


def learned_anew(evidence: Evidence, healthy: Hypothesis, suspects: Suspects) -> Suspects:
    """The faults with a table of classes and the thresholds of NMS solved on all images."""
    others = tuple(suspect for suspect in suspects if suspect.tamper is None or suspect.tamper.cut is not Cut.LABELS)
    table = None
    if len(others) < len(suspects):
        table = label_suspect(evidence, with_all(opened(evidence, healthy), before_nms(others)), evidence.chosen)
    kept = suspects if table is None else (*others, table)
    return with_thresholds(evidence, healthy, kept, evidence.chosen)


def with_thresholds(evidence: Evidence, start: Hypothesis, suspects: Suspects, indices: Sequence[int]) -> Suspects:
    """The faults with those of NMS solved anew."""
    others = before_nms(suspects)
    loose = with_all(opened(evidence, start), others)
    return (*others, *nms_suspects(evidence, loose, start.spec.suppress, indices))


def before_nms(suspects: Suspects) -> Suspects:
    """The faults that are not settings of NMS."""
    return tuple(suspect for suspect in suspects if all(part != "suppress" for part, _, _ in suspect.values))


def needed(evidence: Evidence, healthy: Hypothesis, suspects: Suspects, indices: Sequence[int]) -> Suspects:
    """The faults without those that the result does not need."""
    kept, distance = suspects, evidence.distance(with_all(healthy, suspects), indices)
    tolerated = distance + LEAST_PART * (distance > 0)  # where noise leaves a rest, no fault is named for a part of it
    for suspect in reversed(suspects):
        fewer = tuple(each for each in kept if each is not suspect)
        if evidence.distance(with_all(healthy, fewer), indices) <= tolerated:
            kept = fewer
    return kept
