"""A pipeline is a spec and an open network; this is how it turns images into detections. Read this first.

preprocess -> network -> decode -> suppress -> restore
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import Session
from parity.decode import decode
from parity.detections import Detections
from parity.doubts import Doubt, NoiseMargins, doubts_of
from parity.images import read_ahead
from parity.preprocess import preprocess
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


def detect_many(images: Iterable[Path], pipeline: Pipeline) -> Iterator[Detections]:
    """Stream the detections of image files at the pipeline's own settings; memory does not grow with their number."""
    for observation in observe_many(images, pipeline, evaluation=pipeline.spec.suppress):
        yield observation.deployed


def observe_many(
    images: Iterable[Path], pipeline: Pipeline, *, evaluation: Suppress, margins: NoiseMargins | None = None
) -> Iterator[Observation]:
    """Run the network once an image and suppress twice: as deployed, and with the settings of ``evaluation``.

    With ``margins`` of noise it is also told which boxes they leave in doubt.
    """
    for image in read_ahead(images, exif=pipeline.spec.preprocess.exif):
        yield observe(image, pipeline, evaluation=evaluation, margins=margins)


def observe(image: NDArray[np.uint8], pipeline: Pipeline, *, evaluation: Suppress, margins: NoiseMargins | None = None) -> Observation:
    """Both observations of one RGB image (H, W, 3)."""
    spec = pipeline.spec
    fitted = preprocess(image, spec.preprocess)
    outputs = pipeline.session.run(fitted.tensor)
    candidates = decode(outputs, spec.head, classes=len(spec.names), network_size=fitted.geometry.network_size)
    deployed, evaluated = (
        restore(suppress(candidates, settings), fitted.geometry, spec.restore) for settings in (spec.suppress, evaluation)
    )
    doubts = None if margins is None else tuple(doubts_of(candidates, fitted.geometry, spec, margins))
    return Observation(deployed, evaluated, fitted.geometry.gain, doubts=doubts)
