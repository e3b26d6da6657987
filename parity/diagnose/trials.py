"""A candidate with some faults undone, run on images, and how far its detections then are from the reference's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parity.backends.base import Session
from parity.candidates import ModelDetector
from parity.comparison import ImageComparison, Rounding, compare_image
from parity.contests import Contest
from parity.datasets import DatasetImage
from parity.decode import Outputs, decode
from parity.detections import Detections
from parity.diagnose.heads import answer
from parity.diagnose.naming import Named
from parity.errors import BadInput
from parity.images import read_image
from parity.open_gate import Gate
from parity.preprocess import Geometry, preprocess
from parity.restore import restore
from parity.spec import PipelineSpec, Preprocess, Suppress
from parity.suppress import suppress

FAR_PX = 8.0  # network pixels from which on a pair counts as a detection without partner
FAR_SCORE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A candidate's spec and its network: ``graph`` is an edited network, ``None`` the candidate's own."""

    spec: PipelineSpec
    graph: Any = None  # onnx.ModelProto: the base installation has no onnx


@dataclass(frozen=True, slots=True, eq=False)
class Restoration:
    """Faults, and what undoes them in a candidate; two that touch the same exclude each other."""

    named: tuple[Named, ...]
    undo: Callable[[Variant], Variant]
    touches: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a network gave for an image, and the geometry of its input."""

    outputs: Outputs
    geometry: Geometry


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate and the images on which it is held against ``reference``, the detections of the reference's own pipeline.

    Answers of a network are kept for every preprocessing, and with each the edited network, whose ``id`` stands for it.
    """

    gate: Gate
    contest: Contest
    images: Sequence[DatasetImage]
    reference: Sequence[Detections]
    rounding: Rounding
    answers: dict[tuple[int, Preprocess, int], tuple[Any, Answer]] = field(default_factory=dict)

    @property
    def candidate(self) -> ModelDetector:
        """The candidate, an open network."""
        return opened(self.contest.candidate)

    @property
    def reference_side(self) -> ModelDetector:
        """The reference, an open network."""
        return opened(self.contest.reference)

    @property
    def thresholds(self) -> Suppress:
        """What both sides are compared at."""
        return self.reference_side.pipeline.spec.suppress

    @property
    def start(self) -> Variant:
        """The candidate as it is."""
        return Variant(self.candidate.pipeline.spec)

    def distance(self, variant: Variant, count: int) -> float:
        """How far the detections on the first images are apart, from 0 to 1 where none has a partner.

        It is a share of both sides, so that a variant that detects nothing is no nearer than one that detects too much.
        """
        found = list(self.compared(variant, count))
        total = sum(len(each.matches.reference) + len(each.matches.candidate) for each in found)
        return sum(map(cost, found)) / total if total else 0.0

    def agrees(self, variant: Variant) -> bool:
        """Whether no detection of any image differs."""
        return all(comparison.agrees for comparison in self.compared(variant, len(self.images)))

    def compared(self, variant: Variant, count: int) -> Iterator[ImageComparison]:
        """The first images of both sides."""
        self.look(variant, count)
        for index, own in enumerate(self.reference[:count]):
            _, answered = self.answers[id(variant.graph), variant.spec.preprocess, index]
            yield compare_image(
                own,
                self.detections(variant.spec, answered),
                self.gate.limits,
                thresholds=self.thresholds,
                gain=answered.geometry.gain,
                rounding=self.rounding,
                absent=False,
            )

    def look(self, variant: Variant, count: int) -> None:
        """Run a variant's network on those of the first images that it has not been run on; its session is closed afterwards."""
        asked = variant.spec.preprocess
        with ExitStack() as resources:
            session: Session | None = None
            for index, image in enumerate(self.images[:count]):
                key = id(variant.graph), asked, index
                if key in self.answers:
                    continue
                session = session or self.session(variant, resources)
                fitted = preprocess(read_image(image.path, exif=asked.exif), asked)
                outputs = () if session is None else answer(session, fitted.tensor)
                self.answers[key] = variant.graph, Answer(outputs, fitted.geometry)

    def detections(self, spec: PipelineSpec, answered: Answer) -> Detections:
        """What a pipeline makes of a network's answer; nothing where it does not fit the head."""
        settings = replace(spec.suppress, confidence=max(spec.suppress.confidence, self.thresholds.confidence))
        size = answered.geometry.network_size
        try:
            found = decode(answered.outputs, spec.head, classes=len(spec.names), network_size=size)
        except (BadInput, IndexError):
            return Detections.none()
        return restore(suppress(found, settings), answered.geometry, spec.restore)

    def session(self, variant: Variant, resources: ExitStack) -> Session | None:
        """The candidate's own session, or one of an edited graph, ``None`` where the runtime refuses that."""
        if variant.graph is None:
            return self.candidate.pipeline.session
        from parity.diagnose.onnx_edit import EditedSession  # noqa: PLC0415 - only an ONNX file needs onnx

        try:
            return resources.enter_context(EditedSession(variant.graph, threads=self.gate.request.threads))
        except (BadInput, ValueError):
            return None


def opened(side: object) -> ModelDetector:
    """A side that is known to be an open network."""
    if not isinstance(side, ModelDetector):
        raise TypeError("expected an open network")
    return side


def cost(comparison: ImageComparison) -> float:
    """How many detections of both sides differ on one image, pairs in part by how far they are apart; what the limits allow is 0."""
    matches = comparison.matches
    alone = len(comparison.missed) + len(comparison.ghosts) + 2 * len(matches.class_flips) + comparison.non_finite
    apart = np.union1d(comparison.shifted, comparison.rescored).astype(np.intp)
    far = comparison.drift_network_px[apart] / FAR_PX + comparison.rescore[apart] / FAR_SCORE
    return alone + 2 * float(np.minimum(far, 1.0).sum())
