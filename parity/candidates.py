"""Something that gives detections for images, whatever it is: an open pipeline, or detections that were made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from parity.backends.base import Session
from parity.comparison import Rounding
from parity.datasets import DatasetImage
from parity.detections import Detections
from parity.doubts import Doubt, NoiseMargins
from parity.limits import EVALUATION_CONFIDENCE
from parity.pipeline import Memory, Observation, Pipeline, Shipped, View, observe_many
from parity.spec import Suppress, Suppressor
from parity.verdict import CandidateId

UNROUNDED = Rounding()


@dataclass(frozen=True, slots=True)
class Cut:
    """What a side shows at most: scores above ``confidence``, one or several classes a box, so many an image."""

    confidence: float = EVALUATION_CONFIDENCE
    multi_label: bool = True
    max_detections: int = 300

    def alike(self, other: Cut) -> Cut:
        """The cut that both sides can show, so that AP is taken over the same part of both."""
        return Cut(
            max(self.confidence, other.confidence),
            self.multi_label and other.multi_label,
            min(self.max_detections, other.max_detections),
        )

    def apply(self, settings: Suppress) -> Suppress:
        """Suppression settings that show this much."""
        return replace(settings, confidence=self.confidence, multi_label=self.multi_label, max_detections=self.max_detections)


class Detector(Protocol):
    """One side of a comparison."""

    @property
    def identity(self) -> CandidateId:
        """What kind of thing it is, and its content."""

    @property
    def shows(self) -> Cut:
        """How much of its detections can be seen."""

    @property
    def rounding(self) -> Rounding:
        """The grid its numbers were rounded to."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know of it."""

    def observe(self, images: Sequence[DatasetImage], *, deployed: Suppress, evaluated: Cut) -> Iterator[Observation]:
        """Both observations of every image, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelDetector:
    """An open pipeline."""

    identity: CandidateId
    pipeline: Pipeline
    notes: tuple[str, ...] = ()
    rounding: Rounding = UNROUNDED
    relabel: Mapping[int, int] | None = None  # class indices to those of the other side
    margins: NoiseMargins | None = None  # of noise, where its doubts are asked for
    timed: Session | None = None  # whose latency is its own, where that is another's than the pipeline's
    remember: Callable[[View], Memory | None] | None = None  # what it said before when asked the same
    lanes: int = 1  # images at once

    @property
    def shows(self) -> Cut:
        """All that AP wants, less what the graph keeps to itself."""
        settings = self.pipeline.spec.suppress
        in_graph = settings.method is Suppressor.IN_GRAPH
        return Cut(max(EVALUATION_CONFIDENCE, settings.graph_confidence), not in_graph, settings.max_detections)

    def observe(self, images: Sequence[DatasetImage], *, deployed: Suppress, evaluated: Cut) -> Iterator[Observation]:
        """Run the network; the pipeline's own suppression is what is deployed."""
        for seen in observe_many((image.path for image in images), self.view(deployed, evaluated)):
            yield seen if self.relabel is None else seen.relabelled(self.relabel)

    def view(self, deployed: Suppress, evaluated: Cut) -> View:
        """What the pipeline is asked on every image."""
        settings = self.pipeline.spec.suppress
        own = replace(settings, confidence=max(settings.confidence, deployed.confidence))
        pipeline = Pipeline(replace(self.pipeline.spec, suppress=own), self.pipeline.session)
        asked = View(pipeline, evaluated.apply(settings), self.margins, lanes=self.lanes)
        return asked if self.remember is None else replace(asked, memory=self.remember(asked))


@dataclass(frozen=True, slots=True, eq=False)
class RecordedDetector:
    """Detections that were made elsewhere: by file or by a callable that has been run; an image may have none on record."""

    identity: CandidateId
    recorded: Mapping[int, Detections]
    shows: Cut
    rounding: Rounding
    notes: tuple[str, ...] = ()
    gains: Mapping[int, float] = field(default_factory=dict)  # of images whose scale was recorded too
    doubts: Mapping[int, tuple[Doubt, ...]] = field(default_factory=dict)  # of images whose doubts were

    def observe(self, images: Sequence[DatasetImage], *, deployed: Suppress, evaluated: Cut) -> Iterator[Observation]:
        """What is on record, cut as asked."""
        for image in images:
            found = self.recorded.get(image.id)
            everything = found if found is not None else Detections.none()
            single = best_label(everything) if self.shows.multi_label else everything
            shown = (everything if evaluated.multi_label else single).above(evaluated.confidence, at_most=evaluated.max_detections)
            shipped = single.above(deployed.confidence)
            yield Observation(Shipped(shipped, self.gains.get(image.id), found is None, self.doubts.get(image.id)), shown)


def best_label(detections: Detections) -> Detections:
    """Of detections that share one box, those of the class that has the best score there; one given twice stays, since it is a fault."""
    _, first, box = np.unique(detections.boxes, axis=0, return_index=True, return_inverse=True)
    return detections.take(np.flatnonzero(detections.classes == detections.classes[first[box.reshape(-1)]]))
