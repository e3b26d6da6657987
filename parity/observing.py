"""Run both sides of a contest on all images: what ships of each, and what the labels say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from parity.accuracy import Recorded
from parity.candidates import Cut, Detector, ModelDetector
from parity.comparison import ImageComparison, Rounding, compare_image
from parity.contests import Contest
from parity.environment import give_memory_back
from parity.open_gate import Gate, class_map, reference_spec, with_thresholds
from parity.pipeline import Shipped
from parity.records import Recorder, evaluation, record
from parity.request import size_label
from parity.spec import Suppress
from parity.verdict import Check, Status

REPEATED_IMAGES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What one side said of all images: what ships of each, and its records (``None`` without labels); more is not kept."""

    images: list[Shipped]
    recorded: Recorded | None


@dataclass(frozen=True, slots=True, eq=False)
class BothSides:
    """What both sides said, how they were asked, and how they compare on every image."""

    thresholds: Suppress
    cut: Cut
    reference: Observed
    candidate: Observed
    comparisons: list[ImageComparison]


def observe_contest(gate: Gate, contest: Contest) -> BothSides:
    """Run both sides, cut alike for AP; the reference once for all candidates that are cut so, and then on a few images again."""
    cut, thresholds = contest.reference.shows.alike(contest.candidate.shows), deployed_thresholds(gate, contest)
    key = (contest.size, cut, thresholds)
    if key not in gate.observed:
        gate.observed[key] = observe(gate, contest.reference, f"reference {size_label(contest.size)}", cut, thresholds)
    repeat_reference(gate, contest, gate.observed[key].images, thresholds)
    comparisons = list[ImageComparison]()

    def compare(second: Shipped) -> None:
        pair = gate.observed[key].images[len(comparisons)], second
        comparisons.append(compare_pair(gate, contest, pair, thresholds))

    candidate = observe(gate, contest.candidate, contest.id, cut, thresholds, follow=compare)
    return BothSides(thresholds, cut, gate.observed[key], candidate, comparisons)


def nothing_more(image: Shipped) -> None:
    """Do nothing with an image that was observed."""
    del image


def observe(
    gate: Gate, side: Detector, label: str, cut: Cut, thresholds: Suppress, *, follow: Callable[[Shipped], None] = nothing_more
) -> Observed:
    """Run one side on all images; while the next ones are with the network, each is recorded and handed to ``follow``."""
    data, images = gate.dataset, list[Shipped]()
    recorder = None if data.truths is None else Recorder.of(data, class_map(gate))
    stream = side.observe(data.images, deployed=thresholds, evaluated=cut)
    for seen in gate.track(stream, label, len(data)):
        images.append(seen.shipped)
        follow(seen.shipped)
        if recorder is not None:
            recorder.add(seen.evaluated)
    if len(images) != len(data):
        raise ValueError(f"{label} answered for {len(images)} images of {len(data)}")
    give_memory_back()
    found = Observed(images, None if recorder is None else recorded(gate, recorder, images, thresholds))
    give_memory_back()
    return found


def recorded(gate: Gate, recorder: Recorder, images: Sequence[Shipped], thresholds: Suppress) -> Recorded:
    """One side on labelled data."""
    evaluated = recorder.records()
    shipped = record(gate.dataset, (image.deployed for image in images), class_map(gate))
    return Recorded(evaluated, shipped, thresholds.confidence, evaluation(evaluated))


def deployed_thresholds(gate: Gate, contest: Contest) -> Suppress:
    """The thresholds both sides are compared at: the reference's, or a higher confidence that was declared for the candidate."""
    if gate.record is not None:
        return gate.record.thresholds
    declared = gate.request.candidate_confidence or 0.0
    if isinstance(contest.reference, ModelDetector):
        settings = contest.reference.pipeline.spec.suppress
    elif isinstance(contest.candidate, ModelDetector):
        settings = contest.candidate.pipeline.spec.suppress
    else:
        settings = with_thresholds(reference_spec(gate, None), gate.request).suppress
    return replace(settings, confidence=max(settings.confidence, declared))


def compare_pair(gate: Gate, contest: Contest, pair: tuple[Shipped, Shipped], thresholds: Suppress) -> ImageComparison:
    """One image of both sides."""
    reference, candidate = pair
    return compare_image(
        reference.deployed,
        candidate.deployed,
        gate.limits,
        thresholds=thresholds,
        gain=reference.gain or candidate.gain or 1.0,
        rounding=together(contest.reference.rounding, contest.candidate.rounding),
        absent=reference.absent or candidate.absent,
        doubts=reference.doubts,
    )


def together(one: Rounding, other: Rounding) -> Rounding:
    """What two rounded sides may differ by: the errors add up."""
    return Rounding(one.box_px + other.box_px, one.score + other.score)


def repeat_reference(gate: Gate, contest: Contest, first: Sequence[Shipped], thresholds: Suppress) -> None:
    """Run the reference again on a few images, if it can be run; once for all candidates at a size."""
    key = (contest.size, thresholds)
    if isinstance(contest.reference, ModelDetector) and key not in gate.repeated:
        gate.repeated[key] = repeatability(gate, contest, first, thresholds, anew=replace(contest.reference, remember=None))
        give_memory_back()


def repeatability(gate: Gate, contest: Contest, first: Sequence[Shipped], thresholds: Suppress, *, anew: Detector) -> Check:
    """Run the reference again on two images: what differs from itself cannot judge another."""
    with_detections = [i for i, seen in enumerate(first) if len(seen.deployed)] or list(range(len(first)))
    chosen = with_detections[:REPEATED_IMAGES]
    images = [gate.dataset.images[i] for i in chosen]
    again = islice(anew.observe(images, deployed=thresholds, evaluated=Cut()), len(images))
    comparisons = [compare_pair(gate, contest, (first[i], seen.shipped), thresholds) for i, seen in zip(chosen, again, strict=True)]
    differing = sum(not comparison.agrees for comparison in comparisons)
    drift = max((float(c.drift_network_px.max(initial=0.0)) for c in comparisons), default=0.0)
    detail = f"largest difference of the reference from itself on {len(images)} images: {drift:.3g} network px"
    if differing:
        detail = f"the reference disagrees with itself on {differing} of {len(images)} images; {detail}"
    status = Status.INCONCLUSIVE if differing else Status.PASS
    return Check("repeatable", contest.id, status, differing, 0, "the reference run twice", detail)
