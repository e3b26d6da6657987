"""From a contest that failed to named causes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parity.candidates import ModelDetector
from parity.comparison import ImageComparison, Rounding
from parity.contests import Contest, Gate
from parity.detections import Detections
from parity.diagnose.evidence import Evidence
from parity.diagnose.search import Finding, diagnose
from parity.diagnose.suspects import Suspect
from parity.faults import fault
from parity.spec import HeadLayout, PipelineSpec, Suppressor
from parity.verdict import Diagnosis

MOST_IMAGES = 16


def name_causes(
    gate: Gate, contest: Contest, candidate: Sequence[Detections], comparisons: Sequence[ImageComparison], rounding: Rounding
) -> tuple[Diagnosis, ...]:
    """What turns the reference's pipeline into the candidate, on the images that differ most; empty where nothing can be named.

    Only a reference whose raw head is seen can be simulated: not recorded detections, and no network that suppresses inside.
    """
    reference = contest.reference
    if not isinstance(reference, ModelDetector) or not can_simulate(reference.pipeline.spec):
        return ()
    chosen = telling_images(comparisons)
    evidence = Evidence(
        session=reference.pipeline.session,
        images=[gate.dataset.images[index] for index in chosen],
        candidate=[candidate[index] for index in chosen],
        rounding=rounding,
        limits=gate.limits,
    )
    found = diagnose(evidence, reference.pipeline.spec)
    return () if found is None else tuple(diagnosis(contest, found, suspect) for suspect in found.suspects)


def can_simulate(spec: PipelineSpec) -> bool:
    """Whether the network hands out all its boxes, one row of channels for each anchor."""
    return spec.suppress.method is Suppressor.NMS and spec.head.layout is HeadLayout.CHANNELS_FIRST


def telling_images(comparisons: Sequence[ImageComparison]) -> list[int]:
    """The images whose difference has most to tell, each by its number of unequal detections; then any with detections."""
    unequal = [len(each.missed) + len(each.ghosts) + len(np.union1d(each.shifted, each.rescored)) for each in comparisons]
    shown = [len(each.matches.candidate) + len(each.matches.reference) for each in comparisons]
    order = sorted(range(len(comparisons)), key=lambda index: (-(unequal[index] > 0), -unequal[index], -shown[index]))
    return sorted(order[:MOST_IMAGES])


def diagnosis(contest: Contest, found: Finding, suspect: Suspect) -> Diagnosis:
    """One cause as the result has it."""
    known, parameters = fault(suspect.fault), dict(suspect.parameters)
    values = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return Diagnosis(
        config=contest.id,
        fault=suspect.fault,
        stage=known.stage.value,
        parameters=parameters,
        explains=found.explains,
        status="confirmed" if found.confirmed else "partial",
        method="reproduce",
        message=f"{known.cause} ({values})" if values else known.cause,
        fix=known.fix,
    )
