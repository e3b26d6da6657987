"""A pipeline is a spec and an open network; this is how it turns images into detections. Read this first.

preprocess -> network -> decode -> suppress -> restore
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, Self

from parity.ahead import ahead
from parity.backends.base import Session
from parity.decode import Outputs, decode
from parity.detections import Detections
from parity.doubts import Doubt, NoiseMargins, doubts_of, lowered
from parity.images import decode_image, read_file
from parity.preprocess import Geometry, preprocess
from parity.restore import restore
from parity.spec import PipelineSpec, Suppress
from parity.suppress import suppress


@dataclass(frozen=True, slots=True, eq=False)
class Pipeline:
    """Everything that decides which detections an image gets."""

    spec: PipelineSpec
    session: Session


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """What one side says about one image as deployed.

    ``gain`` is network pixels for one image pixel, ``None`` where the side does not tell. ``absent`` says that the side has
    nothing on record for this image, which is not the same as having found nothing. ``doubts`` are the boxes that noise keeps or
    drops, ``None`` where that is not known.
    """

    deployed: Detections
    gain: float | None
    absent: bool = False
    doubts: tuple[Doubt, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """All that one side says about one image: as deployed, and as AP is taken (lower confidence, multi-label)."""

    shipped: Shipped
    evaluated: Detections

    @property
    def deployed(self) -> Detections:
        """The detections as deployed."""
        return self.shipped.deployed

    def relabelled(self, index_of: Mapping[int, int]) -> Self:
        """The same detections under other class indices."""
        shipped = replace(self.shipped, deployed=self.deployed.relabelled(index_of))
        return replace(self, shipped=shipped, evaluated=self.evaluated.relabelled(index_of))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a pipeline is asked on every image.

    ``evaluation`` are the settings of the second suppression. With ``margins`` of noise it is also told which boxes they leave in
    doubt. A ``memory`` answers for images that it has seen before. ``lanes`` is how many images are worked on at once.
    """

    pipeline: Pipeline
    evaluation: Suppress
    margins: NoiseMargins | None = None
    memory: Memory | None = None
    lanes: int = 1

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


def detect_many(images: Iterable[Path], pipeline: Pipeline) -> Iterator[Detections]:
    """Stream the detections of image files at the pipeline's own settings; memory does not grow with their number."""
    for observation in observe_many(images, View(pipeline, pipeline.spec.suppress)):
        yield observation.deployed


def observe_many(images: Iterable[Path], view: View) -> Iterator[Observation]:
    """What a view says of each image, in order; ``view.lanes`` images are worked on at once.

    An image goes all the way in one thread, so a network that runs in one thread leaves no processor waiting for another: YOLOv8n at
    320 takes 26 ms an image in two lanes, and 52 ms where two threads share each of its layers.
    """
    return ahead(partial(observe, view=view), images, workers=view.lanes, depth=2 * view.lanes)


def observe(path: Path, view: View) -> Observation:
    """What a view says of one image file: what it remembers, or what the network answers, which is run once and then remembered."""
    data = read_file(path)
    sha256 = hashlib.sha256(data).hexdigest()
    remembered = None if view.memory is None else view.memory.recall(sha256)
    if remembered is not None:
        return remembered
    spec = view.pipeline.spec.preprocess
    given = preprocess(decode_image(data, path, exif=spec.exif), spec)
    observation = observed(view.pipeline.session.run(given.tensor), given.geometry, view)
    if view.memory is not None:
        view.memory.keep(sha256, observation)
    return observation


def observed(outputs: Outputs, geometry: Geometry, view: View) -> Observation:
    """Both observations of one image."""
    spec = view.pipeline.spec
    candidates = decode(outputs, spec.head, classes=len(spec.names), network_size=geometry.network_size, above=view.least_score)
    deployed, evaluated = (suppress(candidates, settings) for settings in (spec.suppress, view.evaluation))
    doubts = None if view.margins is None else tuple(doubts_of(candidates, deployed, geometry, spec, view.margins))
    deployed, evaluated = (restore(detections, geometry, spec.restore) for detections in (deployed, evaluated))
    return Observation(Shipped(deployed, geometry.gain, doubts=doubts), evaluated)
