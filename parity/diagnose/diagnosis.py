"""From a contest that failed to named causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import CheckedSession, Session
from parity.candidates import ModelDetector
from parity.comparison import ImageComparison, Rounding
from parity.contests import Contest
from parity.detections import Detections
from parity.diagnose.alternatives import separating_image
from parity.diagnose.evidence import Evidence
from parity.diagnose.finished import name_finished
from parity.diagnose.finished_specs import declared_suspects
from parity.diagnose.heads import answer, as_asked
from parity.diagnose.network import name_network
from parity.diagnose.search import Finding, diagnose, proven
from parity.diagnose.stages import compare_stages
from parity.diagnose.suspects import Hypothesis, Suspect, Suspects, with_all
from parity.display import display
from parity.faults import Stage, fault
from parity.open_gate import Gate, category_indices
from parity.spec import HeadLayout, PipelineSpec, Suppress, Suppressor
from parity.verdict import Diagnosis

MOST_IMAGES = 16
LOOKED_INTO = 4  # images that all stages are compared on


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What both sides showed on every image, at the deployed thresholds, and how far rounding puts them apart."""

    reference: Sequence[Detections]
    candidate: Sequence[Detections]
    comparisons: Sequence[ImageComparison]
    rounding: Rounding
    thresholds: Suppress


@dataclass(frozen=True, slots=True)
class Causes:
    """The named causes of a difference, and where it starts if they are not all of it."""

    named: tuple[Diagnosis, ...] = ()
    unexplained: str = ""


def name_causes(gate: Gate, contest: Contest, sides: Sides) -> Causes:
    """What turns the reference into the candidate, by the images that differ most; a candidate that is a file is looked into.

    Only a reference whose raw head is seen can be simulated: not recorded detections, and no network that suppresses inside; there
    faults are undone in the candidate.
    """
    chosen = telling_images(sides.comparisons)
    images = [gate.dataset.images[index] for index in chosen]
    stages = compare_stages(gate, contest, images[:LOOKED_INTO])
    if stages is None:
        return Causes(name_without_head(gate, contest, sides, chosen))
    network = name_network(gate, contest, images)
    around = specs_differ(contest) or (not network and stages.guilty is not Stage.GRAPH)  # what starts in the graph is not simulated
    pipeline = name_pipeline(gate, contest, sides, chosen) if around else ()
    known = {each.fault for each in network}
    found = (*network, *(each for each in pipeline if each.fault not in known))  # a declared BGR shows at the network and around it
    explained = any(each.status == "confirmed" for each in found) or stages.guilty is None
    return Causes(found, "" if explained else f"a difference that starts at the stage {stages.guilty} has no name, or not all of it")


def name_without_head(gate: Gate, contest: Contest, sides: Sides, chosen: Sequence[int]) -> tuple[Diagnosis, ...]:
    """The faults of a candidate whose raw head is not seen: by simulating it where that explains all, else by what undoes them."""
    simulated = name_pipeline(gate, contest, sides, chosen)
    if any(each.status == "confirmed" for each in simulated):
        return simulated
    images = [gate.dataset.images[index] for index in chosen]
    restored = name_finished(gate, contest, images, [sides.reference[index] for index in chosen], sides.rounding)
    return restored if any(each.status == "confirmed" for each in restored) else simulated or restored


def specs_differ(contest: Contest) -> bool:
    """Whether the candidate's file is given another pipeline than the reference, beside its class names and its tensors' form."""
    specs = [side.pipeline.spec for side in (contest.reference, contest.candidate) if isinstance(side, ModelDetector)]
    around = {
        (as_asked(spec.preprocess, specs[0].preprocess), replace(spec.head, layout=HeadLayout.CHANNELS_FIRST), spec.suppress, spec.restore)
        for spec in specs
    }
    return len(around) > 1


def name_pipeline(gate: Gate, contest: Contest, sides: Sides, chosen: Sequence[int]) -> tuple[Diagnosis, ...]:
    """The faults around the network, by simulating them; around the candidate's own network where that is open and another."""
    reference = contest.reference
    if not isinstance(reference, ModelDetector) or not can_simulate(reference.pipeline.spec):
        return ()
    session, own = to_simulate(contest, reference, sides.thresholds)
    evidence = Evidence(
        session=session,
        images=gate.dataset.images,
        candidate=sides.candidate,
        rounding=sides.rounding,
        limits=gate.limits,
        chosen=chosen,
        category_of={index: category for category, index in (category_indices(gate) or {}).items()},
        floor=own.suppress.confidence,
    )
    found = proven(evidence, Hypothesis(own), declared(contest, own)) or diagnose(evidence, own, sides.reference)
    return () if found is None else tuple(diagnoses(contest, evidence, Hypothesis(own), found))


def declared(contest: Contest, own: PipelineSpec) -> Suspects:
    """The faults that stand in the spec of a candidate's file."""
    return declared_suspects(own, contest.candidate.pipeline.spec) if isinstance(contest.candidate, ModelDetector) else ()


def to_simulate(contest: Contest, reference: ModelDetector, thresholds: Suppress) -> tuple[Session, PipelineSpec]:
    """A network and its healthy pipeline: the candidate's own, fed as it asks, where both heads are read alike; else the reference's.

    So a fault in the network does not hide one around it, and a file that wants BGR or bytes has no fault in that.
    """
    own = replace(reference.pipeline.spec, suppress=thresholds)
    candidate, session = contest.candidate, reference.pipeline.session.faster()
    if not isinstance(candidate, ModelDetector) or candidate.pipeline.spec.head != own.head or not specs_differ(contest):
        return session, own
    asked = as_asked(own.preprocess, candidate.pipeline.spec.preprocess)
    if asked != own.preprocess:
        return candidate.pipeline.session.faster(), replace(own, preprocess=asked)
    return OneOrOther(candidate.pipeline.session, session), own


class OneOrOther(CheckedSession):
    """A candidate's network, and the reference's for inputs that a file of a fixed size does not take, as that of a rectangle."""

    def __init__(self, candidate: Session, reference: Session) -> None:
        super().__init__(candidate.backend, None)
        self._candidate, self._reference = candidate.faster(), reference

    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        return (answer(self._candidate, tensor) or self._reference.run(tensor))[:1]


def can_simulate(spec: PipelineSpec) -> bool:
    """Whether the network hands out all its boxes, one row of channels for each anchor."""
    return spec.suppress.method is Suppressor.NMS and spec.head.layout is HeadLayout.CHANNELS_FIRST


def telling_images(comparisons: Sequence[ImageComparison]) -> list[int]:
    """The images whose difference has most to tell, each by its number of unequal detections; then any with detections.

    At least half of them have detections of the candidate, where so many have: an empty image only tells that something is wrong.
    """
    unequal = [differences(each) for each in comparisons]
    shown = [len(each.matches.candidate) + len(each.matches.reference) for each in comparisons]
    order = sorted(range(len(comparisons)), key=lambda index: (-unequal[index], -shown[index]))
    speaking = [index for index in order if len(comparisons[index].matches.candidate)][: MOST_IMAGES // 2]
    return [*speaking, *(index for index in order if index not in speaking)][:MOST_IMAGES]


def differences(comparison: ImageComparison) -> int:
    """How many detections of an image differ in any way."""
    alone = len(comparison.missed) + len(comparison.ghosts) + len(comparison.matches.class_flips) + comparison.non_finite
    return alone + len(np.union1d(comparison.shifted, comparison.rescored))


def diagnoses(contest: Contest, evidence: Evidence, healthy: Hypothesis, found: Finding) -> Iterator[Diagnosis]:
    """Every cause as the result has it, and after it what these images cannot tell from it."""
    for suspect in found.suspects:
        others = [other for name, other in found.alternatives if name == suspect.fault]
        names = tuple(dict.fromkeys(other.fault for other in others))
        yield diagnosis(contest, found, suspect, names)
        for other in others:
            exchanged = with_all(healthy, tuple(other if each is suspect else each for each in found.suspects))
            image = separating_image(evidence, exchanged, with_all(healthy, found.suspects))
            where = None if image is None else display(evidence.images[image].file_name)
            yield diagnosis(contest, found, other, (suspect.fault,), separating=separation(suspect, where))


def separation(suspect: Suspect, image: str | None) -> str:
    """What would tell an alternative from a cause: an image of the data set, else a kind of image."""
    if image is not None:
        return f"the image {image} would tell it from {suspect.fault}"
    hidden = fault(suspect.fault).hidden_on
    return f"to tell it from {suspect.fault}, add images other than {hidden}" if hidden else f"no image here tells it from {suspect.fault}"


def diagnosis(contest: Contest, found: Finding, suspect: Suspect, alternatives: tuple[str, ...], *, separating: str = "") -> Diagnosis:
    """One cause as the result has it."""
    known, parameters = fault(suspect.fault), dict(suspect.parameters)
    values = ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in parameters.items())
    message = f"{known.cause} ({values})" if values else known.cause
    return Diagnosis(
        config=contest.id,
        fault=suspect.fault,
        stage=known.stage.value,
        parameters=parameters,
        explains=found.explains,
        status="confirmed" if found.confirmed else "partial",
        method="reproduce",
        message=f"{message} ({separating})" if separating else message,
        fix=known.fix,
        alternatives=alternatives,
    )
