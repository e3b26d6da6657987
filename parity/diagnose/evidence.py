"""The images of a diagnosis: what the candidate says of each, and what the reference's network gives under any preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from parity.backends.base import Session
from parity.comparison import ImageComparison, Rounding, compare_image
from parity.datasets import DatasetImage
from parity.decode import Candidates, Outputs, decode
from parity.detections import Detections
from parity.images import read_image
from parity.limits import Limits
from parity.preprocess import Geometry, NetworkInput, preprocess
from parity.restore import restore
from parity.spec import PipelineSpec, Preprocess
from parity.suppress import suppress

MOST_ANCHORS = 3000  # of an image, the best; a second sigmoid lets every anchor pass, and NMS fills its 300 places from about 2000


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the network gave for one image: raw outputs of the anchors that count, and the geometry of its input."""

    outputs: Outputs
    geometry: Geometry


@dataclass(slots=True, eq=False)
class Evidence:
    """Images with the candidate's detections, and a network whose answers are kept for every preprocessing that was asked for."""

    session: Session
    images: Sequence[DatasetImage]
    candidate: Sequence[Detections]
    rounding: Rounding
    limits: Limits
    seen: dict[tuple[Preprocess, int], Seen] = field(default_factory=dict)
    runs: int = 0

    def look(self, spec: PipelineSpec, index: int) -> Seen:
        """The network's answer to an image under a preprocessing, run once."""
        key = (spec.preprocess, index)
        if key not in self.seen:
            image = read_image(self.images[index].path, exif=spec.preprocess.exif)
            fitted = preprocess(image, spec.preprocess)
            self.seen[key] = self.run(fitted)
        return self.seen[key]

    def run(self, fitted: NetworkInput) -> Seen:
        """Run the network and keep the anchors that any candidate could show."""
        self.runs += 1
        (output,) = self.session.run(fitted.tensor)
        best = np.sort(np.argsort(-output[0, 4:].max(axis=0), kind="stable")[:MOST_ANCHORS])  # in their order, which decides ties
        return Seen((np.ascontiguousarray(output[:, :, best]),), fitted.geometry)

    def candidates(self, spec: PipelineSpec, index: int) -> Candidates:
        """The boxes of an image before suppression."""
        seen = self.look(spec, index)
        return decode(seen.outputs, spec.head, classes=len(spec.names), network_size=seen.geometry.network_size)

    def simulate(self, spec: PipelineSpec, index: int) -> Detections:
        """What the reference's network would detect on an image in this pipeline."""
        return restore(suppress(self.candidates(spec, index), spec.suppress), self.look(spec, index).geometry, spec.restore)

    def compare(self, spec: PipelineSpec, index: int) -> ImageComparison:
        """A simulation against the candidate on one image."""
        simulated = self.simulate(spec, index)
        gain = self.look(spec, index).geometry.gain
        return compare_image(
            simulated, self.candidate[index], self.limits, thresholds=spec.suppress, gain=gain, rounding=self.rounding, absent=False
        )

    def distance(self, spec: PipelineSpec, indices: Sequence[int]) -> float:
        """The share of detections of either side that have no equal on the other, from 0 to 1."""
        equal = total = 0
        for comparison in (self.compare(spec, index) for index in indices):
            matches = comparison.matches
            apart = np.union1d(comparison.shifted, comparison.rescored)
            excused = comparison.edges
            equal += 2 * (len(matches.pairs) - len(apart)) + excused
            total += len(matches.reference) + len(matches.candidate)
        return 1 - equal / total if total else 0.0

    def covered(self, spec: PipelineSpec, indices: Sequence[int]) -> float:
        """The share of the candidate's detections that are among the simulated ones, box, score and class."""
        inside = total = 0
        for index in indices:
            simulated, found = self.simulate(spec, index), self.candidate[index]
            box = self.limits.box.value / self.look(spec, index).geometry.gain + self.rounding.box_px
            score = self.limits.score.value + self.rounding.score / 2
            near = np.abs(simulated.scores[None] - found.scores[:, None]) <= score
            near &= simulated.classes[None] == found.classes[:, None]
            rows, columns = np.nonzero(near)
            close = np.abs(simulated.boxes[columns] - found.boxes[rows]).max(axis=1, initial=0.0) <= box
            inside += len(np.unique(rows[close]))
            total += len(found)
        return inside / total if total else 0.0

    def agrees(self, spec: PipelineSpec, indices: Sequence[int]) -> bool:
        """Whether a simulation is the candidate on every one of the images, within the limits."""
        return all(self.compare(spec, index).agrees for index in indices)
