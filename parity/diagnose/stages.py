"""Which stage is guilty: the reference's own input is handed to each stage of the candidate in turn, and its answer compared.

A difference runs through everything behind it, so that the first stage that fails on what the reference gave it is to blame, and only
it: scores are not blamed on the sigmoid where the input was BGR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently
from parity.candidates import ModelDetector
from parity.comparison import Rounding, compare_image
from parity.contests import Contest
from parity.datasets import DatasetImage
from parity.decode import Candidates, Outputs, decode
from parity.detections import Detections
from parity.diagnose.heads import answer, as_asked
from parity.errors import ParityError
from parity.faults import Stage
from parity.images import read_image
from parity.limits import Limits
from parity.open_gate import Gate
from parity.pipeline import Pipeline
from parity.preprocess import Geometry, NetworkInput, preprocess
from parity.raw_heads import RAW, RawHead, largest_difference, read_head, same
from parity.restore import restore
from parity.spec import Activation, BoxFormat, BoxUnits, PipelineSpec
from parity.suppress import suppress

ORDER = (Stage.PREPROCESS, Stage.GRAPH, Stage.DECODE, Stage.NMS)
TENSOR = 1e-6  # of the network input, which both sides compute alike to the bit


@dataclass(frozen=True, slots=True)
class Apart:
    """How far two answers of a stage are at most: boxes in network pixels, and values of a tensor or scores."""

    box_px: float
    value: float
    differs: bool


INFINITE = Apart(np.inf, np.inf, differs=True)


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage on the reference's input (``alone``), and what has arrived there in the candidate's own pipeline (``chained``)."""

    stage: Stage
    alone: Apart
    chained: Apart


@dataclass(frozen=True, slots=True)
class Stages:
    """All stages of a candidate, in order."""

    results: tuple[StageResult, ...]

    @property
    def guilty(self) -> Stage | None:
        """The first stage that fails by itself; ``None`` where the detections agree, or only stages together differ."""
        if not self.results[-1].chained.differs:
            return None
        return next((result.stage for result in self.results if result.alone.differs), None)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a pipeline made of an image at every cut; ``head`` and ``candidates`` are ``None`` where the outputs do not fit."""

    fitted: NetworkInput
    outputs: Outputs
    head: RawHead | None
    candidates: Candidates | None
    detections: Detections


def compare_stages(gate: Gate, contest: Contest, images: Sequence[DatasetImage]) -> Stages | None:
    """Compare all stages on some images; ``None`` where a side is no open network with a raw head."""
    sides = [side.pipeline for side in (contest.reference, contest.candidate) if isinstance(side, ModelDetector)]
    if not images or len(sides) < len(("reference", "candidate")) or not all(side.spec.head.layout in RAW for side in sides):
        return None
    rows = [compare_cuts(sides[0], sides[1], image, gate.limits) for image in images]
    columns = zip(ORDER, *rows, strict=True)
    return Stages(tuple(StageResult(stage, *(worst(kind) for kind in zip(*pairs, strict=True))) for stage, *pairs in columns))


def worst(found: Sequence[Apart]) -> Apart:
    """The largest differences of all images."""
    return Apart(max(each.box_px for each in found), max(each.value for each in found), any(each.differs for each in found))


def compare_cuts(reference: Pipeline, candidate: Pipeline, image: DatasetImage, limits: Limits) -> list[tuple[Apart, Apart]]:
    """Every stage of one image, alone and chained."""
    pixels = read_image(image.path, exif=reference.spec.preprocess.exif)
    own, chained = trace(reference, pixels), trace(candidate, read_image(image.path, exif=candidate.spec.preprocess.exif))
    asked = as_asked(reference.spec.preprocess, candidate.spec.preprocess)
    network = trace(replace(candidate, spec=replace(candidate.spec, preprocess=asked)), pixels)
    written = between_heads(as_written(own, reference.spec), as_written(network, candidate.spec), limits)
    alone = least(written, between_heads(own.head, network.head, limits))
    by_convention = written.differs and not alone.differs  # the network writes otherwise, and its own decoder knows
    given = network.outputs if by_convention else as_layout(own, reference, candidate)
    passed_on = decoded(given, candidate.spec, own.fitted.geometry)
    kept = None if own.candidates is None else detections_of(own.candidates, candidate.spec, own.fitted.geometry)
    inputs = between_tensors(own.fitted.tensor if alone.differs else network.fitted.tensor, chained.fitted.tensor)
    return [
        (inputs, inputs),
        (alone, between_heads(own.head, chained.head, limits)),
        (between_candidates(own.candidates, passed_on, limits), between_candidates(own.candidates, chained.candidates, limits)),
        (between_detections(own, kept, reference.spec, limits), between_detections(own, chained.detections, reference.spec, limits)),
    ]


def trace(pipeline: Pipeline, pixels: NDArray[np.uint8]) -> Trace:
    """Run a pipeline and keep what passes each cut."""
    spec = pipeline.spec
    fitted = preprocess(pixels, spec.preprocess)
    outputs = answer(pipeline.session, fitted.tensor)
    head = read_head(outputs, spec.head, classes=len(spec.names), size=fitted.geometry.network_size)
    candidates = decoded(outputs, spec, fitted.geometry)
    found = Detections.none() if candidates is None else detections_of(candidates, spec, fitted.geometry)
    return Trace(fitted, outputs, head, candidates, found)


def decoded(outputs: Outputs, spec: PipelineSpec, geometry: Geometry) -> Candidates | None:
    """The boxes of outputs, ``None`` where they do not fit the head."""
    try:
        return decode(outputs, spec.head, classes=len(spec.names), network_size=geometry.network_size)
    except (ParityError, IndexError):
        return None


def detections_of(candidates: Candidates, spec: PipelineSpec, geometry: Geometry) -> Detections:
    """The last two stages."""
    return restore(suppress(candidates, spec.suppress), geometry, spec.restore)


def as_layout(own: Trace, reference: Pipeline, candidate: Pipeline) -> Outputs:
    """The reference's outputs with their axes in the order of the candidate's head."""
    turned = reference.spec.head.layout is not candidate.spec.head.layout
    return tuple(output.transpose(0, 2, 1) for output in own.outputs[:1]) if turned else own.outputs


@silently
def between_tensors(own: NDArray[np.float32], other: NDArray[np.float32]) -> Apart:
    """The difference of two network inputs."""
    value = float(np.abs(own - other).max()) if own.shape == other.shape else np.inf
    return Apart(0.0, value, not value <= TENSOR)


def as_written(side: Trace, spec: PipelineSpec) -> RawHead | None:
    """A network's numbers as they were written, whatever its head says that they mean."""
    plain = replace(spec.head, box_format=BoxFormat.XYXY, box_units=BoxUnits.PIXELS, activation=Activation.NONE)
    return read_head(side.outputs, plain, classes=len(spec.names), size=side.fitted.geometry.network_size)


def between_heads(own: RawHead | None, other: RawHead | None, limits: Limits) -> Apart:
    """The difference of two raw heads."""
    if own is None or other is None or own.scores.shape != other.scores.shape:
        return INFINITE
    box, score = largest_difference(own, other)
    return Apart(box, score, not same(own, other, limits))


def between_candidates(own: Candidates | None, other: Candidates | None, limits: Limits) -> Apart:
    """The difference of decoded boxes."""
    if own is None or other is None:
        return INFINITE
    one, two = (RawHead(side.boxes.astype(np.float64), side.scores.astype(np.float64)) for side in (own, other))
    return between_heads(one, two, limits)


def between_detections(own: Trace, other: Detections | None, spec: PipelineSpec, limits: Limits) -> Apart:
    """The difference of detections; one without a partner is infinitely far."""
    if other is None:
        return INFINITE
    gain = own.fitted.geometry.gain
    found = compare_image(own.detections, other, limits, thresholds=spec.suppress, gain=gain, rounding=Rounding(), absent=False)
    alone = len(found.missed) + len(found.ghosts) + len(found.matches.class_flips)
    box, score = (float(each.max(initial=np.inf if alone else 0.0)) for each in (found.drift_network_px, found.rescore))
    return Apart(box, score, not found.agrees)


def least(one: Apart, other: Apart) -> Apart:
    """The better of two readings of one answer."""
    return one if not one.differs else other
