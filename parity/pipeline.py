"""A pipeline is a spec and an open network; this is how it turns images into detections. Read this first.

preprocess -> network -> decode -> suppress -> restore
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Protocol, Self

from parity.ahead import ahead
from parity.backends.base import Session
from parity.decode import Outputs, decode
from parity.detections import Detections
from parity.doubts import Doubt, NoiseMargins, doubts_of, lowered
from parity.images import decode_image, read_file
from parity.preprocess import NetworkInput, preprocess
from parity.restore import restore
from parity.spec import PipelineSpec, Suppress
from parity.suppress import suppress


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """Everything that decides which detections an image gets."""

    spec: PipelineSpec
    session: Session


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What one side says about one image: as deployed, and as AP is taken (lower confidence, multi-label).

    ``gain`` is network pixels for one image pixel, ``None`` where the side does not tell. ``absent`` says that the side has
    nothing on record for this image, which is not the same as having found nothing. ``doubts`` are the boxes that noise keeps or
    drops, ``None`` where that is not known.
    """

    deployed: Detections
    evaluated: Detections
    gain: float | None
    absent: bool = False
    doubts: tuple[Doubt, ...] | None = None

    def relabelled(self, index_of: Mapping[int, int]) -> Self:
        """The same detections under other class indices."""
        return replace(self, deployed=self.deployed.relabelled(index_of), evaluated=self.evaluated.relabelled(index_of))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a pipeline is asked on every image.

    ``evaluation`` are the settings of the second suppression. With ``margins`` of noise it is also told which boxes they leave in
    doubt. A ``memory`` answers for images that it has seen before.
    """

    pipeline: Pipeline
    evaluation: Suppress
    margins: NoiseMargins | None = None
    memory: Memory | None = None

    @property
    def least_score(self) -> float:
        """The score up to which nothing of a network's answer matters."""
        deployed = self.pipeline.spec.suppress.confidence
        lowest = deployed if self.margins is None else lowered(deployed, self.margins)
        return min(lowest, self.evaluation.confidence)


class Memory(Protocol):
    """What one view has said of images before, by the SHA-256 of their files."""

    def recall(self, image: str) -> Observation | None:
        """What it said, ``None`` where it has not seen the image."""

    def keep(self, image: str, observation: Observation) -> None:
        """Remember what it says."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One image for every view: what its network is to be given, or what it said before."""

    sha256: str
    inputs: tuple[NetworkInput | Observation, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What a network said of its input."""

    given: NetworkInput
    outputs: Outputs


def detect_many(images: Iterable[Path], pipeline: Pipeline) -> Iterator[Detections]:
    """Stream the detections of image files at the pipeline's own settings; memory does not grow with their number."""
    for (observation,) in observe_many(images, [View(pipeline, pipeline.spec.suppress)]):
        yield observation.deployed


def observe_many(images: Iterable[Path], views: Sequence[View]) -> Iterator[tuple[Observation, ...]]:
    """What every view says of each image, which is read once for all and prepared once for all that want the same.

    Each network runs once an image, in the caller's thread, and its answer is suppressed twice: as deployed, and for ``evaluation``.
    Threads read and prepare what comes next meanwhile, and read off the answers.
    """
    prepared = ahead(partial(prepare, views=views), images)
    answered = ((image.sha256, [answer(*pair) for pair in zip(views, image.inputs, strict=True)]) for image in prepared)
    return ahead(lambda item: tuple(concluded(item[0], *pair) for pair in zip(views, item[1], strict=True)), answered, workers=1, depth=2)


def prepare(path: Path, views: Sequence[View]) -> Prepared:
    """Read an image file, and make of it what the views want and do not remember."""
    data = read_file(path)
    sha256 = hashlib.sha256(data).hexdigest()
    pictures = cache(lambda exif: decode_image(data, path, exif=exif))
    fitted = cache(lambda spec: preprocess(pictures(spec.exif), spec))
    remembered = (None if view.memory is None else view.memory.recall(sha256) for view in views)
    inputs = (before or fitted(view.pipeline.spec.preprocess) for before, view in zip(remembered, views, strict=True))
    return Prepared(sha256, tuple(inputs))


def answer(view: View, given: NetworkInput | Observation) -> Answered | Observation:
    """Run the network."""
    return given if isinstance(given, Observation) else Answered(given, view.pipeline.session.run(given.tensor))


def concluded(sha256: str, view: View, answered: Answered | Observation) -> Observation:
    """What a network's answer says of the image, which is remembered."""
    if isinstance(answered, Observation):
        return answered
    observation = observed(answered, view)
    if view.memory is not None:
        view.memory.keep(sha256, observation)
    return observation


def observed(answered: Answered, view: View) -> Observation:
    """Both observations of one image."""
    spec, geometry = view.pipeline.spec, answered.given.geometry
    candidates = decode(answered.outputs, spec.head, classes=len(spec.names), network_size=geometry.network_size, above=view.least_score)
    deployed, evaluated = (suppress(candidates, settings) for settings in (spec.suppress, view.evaluation))
    doubts = None if view.margins is None else tuple(doubts_of(candidates, deployed, geometry, spec, view.margins))
    deployed, evaluated = (restore(detections, geometry, spec.restore) for detections in (deployed, evaluated))
    return Observation(deployed, evaluated, geometry.gain, doubts=doubts)
