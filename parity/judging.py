"""Judge one contest: run both sides on all images, measure, and hold every measurement against its limit."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

from parity.accuracy import Accuracy, compare_accuracy
from parity.accuracy_checks import accuracy_checks, compare_metrics
from parity.baselines import Baseline
from parity.candidates import Cut, ModelDetector
from parity.checks import Compared, parity_checks
from parity.comparison import ImageComparison, count
from parity.contests import Contest
from parity.datasets import DatasetImage
from parity.diagnose.diagnosis import Causes, Sides, name_causes
from parity.diagnose.minimal import Proof, Witness, shows, smallest_set
from parity.errors import ParityError, UsageError
from parity.exhibits import Exhibit, exhibit_of
from parity.holding import baseline_file, make_baseline
from parity.limits import BOOTSTRAP, Profile
from parity.metrics import Evaluation
from parity.observing import BothSides, observe_contest, together
from parity.open_gate import Gate, phase, reference_spec
from parity.spec import Suppress
from parity.timing import latency_checks, time_contest
from parity.verdict import Check, ConfigResult, Diagnosis, MetricComparison, Status, judge
from parity.wire import sha256_of

HAVE_CAUSES = frozenset({"missed", "ghosts", "class_flips", "shifted", "rescored", "names"})  # checks whose failure can be explained
STATISTICAL = frozenset({"ap_reference", "ap_classes", "f1_deployed"})  # these instead, where statistics judge
NEED_NO_REFERENCE = frozenset({"images", "finite"})  # checks of what the candidate gives, whatever the reference says


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one contest gave; ``baseline`` is what would be stored of it, in ``baseline_file``."""

    result: ConfigResult
    checks: tuple[Check, ...]
    baseline: Baseline | None
    baseline_file: Path | None
    notes: tuple[str, ...]
    causes: tuple[Diagnosis, ...] = ()
    proof: Proof | None = None  # where evidence was asked for
    exhibit: Exhibit | None = None  # where a report or pictures were asked for


def judge_contest(gate: Gate, contest: Contest) -> Outcome:
    """Run both sides on all images and check everything that can be checked."""
    gate = gate.at(contest.size, profile_of(gate, contest))
    observed = observe_contest(gate, contest)
    metrics, accuracy, curves = phase(gate.track, f"measure AP of {contest.id}", partial(contest_accuracy, gate, observed))
    result = ConfigResult(
        contest.id,
        contest.backend,
        contest.size,
        contest.candidate.identity,
        observed.thresholds.confidence,
        observed.thresholds.iou,
        count(observed.comparisons),
        metrics,
        phase(gate.track, f"time {contest.id}", partial(time_contest, gate, contest)) if gate.request.latency else None,
        accuracy,
        gate.profile,
        sha256_of(contest.candidate.pipeline.spec) if isinstance(contest.candidate, ModelDetector) else None,
    )
    checks = (*contest_checks(gate, contest, observed, result), *latency_checks(gate.request, result))
    said = (*contest.reference.notes, *contest.candidate.notes, *profile_notes(gate, contest))
    notes = tuple(f"{contest.id}: {note}" for note in said)
    causes = find_causes(gate, contest, observed) if gate.request.diagnose and asks_why(checks, gate.profile) else Causes()
    notes = (*notes, f"{contest.id}: {causes.unexplained}") if causes.unexplained else notes
    proof = find_witnesses(gate, contest, observed, checks) if gate.request.evidence else None
    baseline = make_baseline(gate, contest, result)
    shown = gate.request.report or gate.request.plots or gate.request.photos
    exhibit = contest_exhibit(gate, contest, observed.comparisons, curves) if shown else None
    return Outcome(result, checks, baseline, baseline_file(gate, baseline), notes, causes.named, proof, exhibit)


def contest_exhibit(
    gate: Gate, contest: Contest, comparisons: Sequence[ImageComparison], curves: tuple[Evaluation, Evaluation] | None
) -> Exhibit:
    """What a report shows of a contest."""
    names, exif = shown_names(gate, contest), reference_spec(gate, contest.size).preprocess.exif
    return exhibit_of(contest.id, gate.dataset.images, comparisons, names=names, exif=exif, limits=gate.limits, evaluations=curves)


def shown_names(gate: Gate, contest: Contest) -> tuple[str, ...]:
    """The names of class indices: the reference's, else the data's, else the candidate's; none where nobody names them."""
    if gate.checkpoint is not None or gate.dataset.categories:
        return reference_spec(gate, contest.size).names
    return contest.candidate.pipeline.spec.names if isinstance(contest.candidate, ModelDetector) and contest.has_names else ()


def find_causes(gate: Gate, contest: Contest, observed: BothSides) -> Causes:
    """The named causes of a difference."""
    rounding = together(contest.reference.rounding, contest.candidate.rounding)
    reference, candidate = ([seen.deployed for seen in side.images] for side in (observed.reference, observed.candidate))
    sides = Sides(reference, candidate, observed.comparisons, rounding, observed.thresholds)
    try:
        return phase(gate.track, f"look for the cause in {contest.id}", partial(name_causes, gate, contest, sides))
    except ParityError as failure:  # the verdict stands without its causes
        return Causes(unexplained=f"the causes were not found: {failure}")


def find_witnesses(gate: Gate, contest: Contest, observed: BothSides, checks: Sequence[Check]) -> Proof:
    """The fewest images that show all that failed."""
    failing = {check.name for check in checks if check.status is Status.FAIL}
    images, rounding = gate.dataset.images, together(contest.reference.rounding, contest.candidate.rounding)
    witnesses = (
        Witness(images[place], shows(observed.comparisons[place]), observed.reference.images[place], observed.candidate.images[place])
        for place in smallest_set(observed.comparisons, failing)
    )
    return Proof(tuple(witnesses), observed.thresholds, rounding, gate.limits)


def asks_why(checks: Sequence[Check], profile: Profile) -> bool:
    """Whether a check failed for a difference that may have a cause in the pipeline or in the file."""
    explained = HAVE_CAUSES if profile.exact else HAVE_CAUSES | STATISTICAL
    return any(check.status is Status.FAIL and check.name in explained for check in checks)


def profile_of(gate: Gate, contest: Contest) -> Profile:
    """By which rules a candidate is judged: those that were asked for, or those of what its file says."""
    profile = gate.request.profile or contest.precision
    if profile.exact and gate.request.margin is not None:
        expected = "a float16 or INT8 candidate, or --profile fp16 or int8"
        raise UsageError("--margin is for candidates that statistics judge", found=f"{contest.id} in {profile}", expected=expected)
    return profile


def profile_notes(gate: Gate, contest: Contest) -> Iterator[str]:
    """By which rules a candidate is judged that calculates more coarsely than the reference, or is said to."""
    profile = gate.profile
    if not profile.exact:
        seen = f"its file calculates in {contest.precision}" if contest.precision is profile else "as --profile says"
        yield f"judged as {profile}, by statistics, {seen}; --profile fp32 holds every detection"
        if gate.request.limits_file is not None:
            yield "--limits were calibrated in float32 and do not hold for it"


def contest_accuracy(
    gate: Gate, observed: BothSides
) -> tuple[MetricComparison | None, Accuracy | None, tuple[Evaluation, Evaluation] | None]:
    """The COCO numbers of both sides, how sure their differences are, and what they were read off; ``None`` without labels."""
    reference, candidate = observed.reference.recorded, observed.candidate.recorded
    if reference is None or candidate is None:
        return None, None, None
    groups = groups_of(gate.dataset.images)
    accuracy = compare_accuracy(reference, candidate, gate.dataset.categories, bootstrap=BOOTSTRAP, groups=groups)
    curves = (reference.curves, candidate.curves)
    return compare_metrics(curves[0].metrics(), curves[1].metrics(), accuracy.statistics), accuracy, curves


def groups_of(images: Sequence[DatasetImage]) -> list[Hashable] | None:
    """What every image is a part of, itself where nothing is said; ``None`` where nothing is said of any."""
    if all(image.group is None for image in images):
        return None
    return [image.id if image.group is None else image.group for image in images]


def contest_checks(gate: Gate, contest: Contest, observed: BothSides, result: ConfigResult) -> Iterator[Check]:
    """Whether the sides are what they seem, then whether they agree; a reference that disagrees with itself leaves that in doubt."""
    names = reference_spec(gate, contest.size).names
    compared = Compared(contest.id, names, gate.dataset.images, observed.comparisons, gate.limits, profile=gate.profile)
    identity = tuple(identity_checks(gate, contest, observed.thresholds))
    accuracy = accuracy_checks(result, gate.limits, gate.margins, detail=accuracy_detail(gate, observed.cut))
    steady = all(check.status is Status.PASS for check in identity if check.name == "repeatable")
    yield from identity
    yield from (check if steady else doubted(check) for check in (*parity_checks(compared), *accuracy))


def accuracy_detail(gate: Gate, cut: Cut) -> str:
    """How AP was taken, or why it was not."""
    if gate.dataset.truths is None:
        return "the images have no labels, so AP was not checked"
    if cut == Cut():
        return ""
    classes = "every class" if cut.multi_label else "one class"
    return f"both sides cut alike: above {cut.confidence:.4g}, {classes} a box, {cut.max_detections} an image"


def identity_checks(gate: Gate, contest: Contest, thresholds: Suppress) -> Iterator[Check]:
    """Whether the reference agrees with itself, and the candidate has the checkpoint's classes and was made from it."""
    if isinstance(contest.reference, ModelDetector):
        yield replace(gate.repeated[contest.size, thresholds], config=contest.id)
    if isinstance(contest.candidate, ModelDetector) and gate.checkpoint is not None:
        pairs = zip_longest(contest.candidate.pipeline.spec.names, gate.checkpoint.spec.names)
        different = sum(candidate != trained for candidate, trained in pairs)
        detail = "class names or their order differ from the checkpoint's" if different else ""
        check = judge("names", contest.id, different, gate.limits.none, detail=detail)
        unnamed = "the file has no class names of its own, so their order was not checked"
        yield check if contest.has_names else replace(check, status=Status.NOT_CHECKED, measured=None, detail=unnamed)
        if contest.checkpoint_sha256 is not None:
            stale = contest.checkpoint_sha256 != gate.checkpoint.sha256
            made, trained = contest.checkpoint_sha256[:12], gate.checkpoint.sha256[:12]
            detail = f"it was made from checkpoint {made}, not from {trained}: convert it again" if stale else ""
            yield judge("checkpoint", contest.id, int(stale), gate.limits.none, detail=detail)


def doubted(check: Check) -> Check:
    """A check by a reference that disagrees with itself: what it calls different may be its own doing."""
    if check.status is not Status.FAIL or check.name in NEED_NO_REFERENCE:
        return check
    return replace(check, status=Status.INCONCLUSIVE, detail=f"the reference disagrees with itself; {check.detail}")
