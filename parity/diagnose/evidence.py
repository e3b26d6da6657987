"""The images of a diagnosis: what the candidate says of each, and what the reference's network gives under any hypothesis."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import Session
from parity.comparison import ImageComparison, Rounding, compare_image
from parity.datasets import DatasetImage
from parity.decode import ACTIVATIONS, Candidates, Outputs, decode
from parity.detections import Detections
from parity.diagnose.suspects import Hypothesis
from parity.diagnose.tampering import Tamper, reads_previous, tampered_detections, tampered_input, tampered_output
from parity.images import Image, read_image
from parity.limits import Limits
from parity.preprocess import Geometry, preprocess
from parity.restore import restore
from parity.spec import Activation, ExifPolicy, Preprocess, Suppress
from parity.suppress import suppress

MOST_ANCHORS = 3000  # of an image, the best; a second sigmoid lets every anchor pass, and NMS fills its 300 places from about 2000
SCORE_MARGIN = 1e-3  # below the candidate's lowest score, that anchors are kept for
MOST_BYTES = 256 * 2**20  # of raw heads that are kept whole, which have about 3 MB each at 640 with 80 classes

Key = tuple[Preprocess, tuple[Tamper, ...], Activation, int]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the network gave for one image: raw outputs of the anchors that count, and the geometry of its input."""

    outputs: Outputs
    geometry: Geometry


@dataclass(slots=True, eq=False)
class Evidence:
    """Images with the candidate's detections, and a network whose answers are kept for every hypothesis that was asked for.

    ``chosen`` are the indices of the images to judge by, all unless given; the others serve faults between images. ``category_of``
    has the category ids of class indices in the candidate's file where they differ. Anchors below ``floor`` and below the candidate's
    scores are not kept.
    """

    session: Session
    images: Sequence[DatasetImage]
    candidate: Sequence[Detections]
    rounding: Rounding
    limits: Limits
    chosen: Sequence[int] = ()
    category_of: Mapping[int, int] = field(default_factory=dict)
    seen: dict[Key, Seen] = field(default_factory=dict)
    outputs: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    pictures: dict[tuple[int, ExifPolicy], Image] = field(default_factory=dict)
    floor: float = np.inf
    lowest_score: float = field(init=False)
    highest_score: float = field(init=False)
    scaled_limits: Limits = field(init=False)  # scores that are no shares are held against a limit of their size

    def __post_init__(self) -> None:
        """Judge by all images unless told otherwise."""
        self.chosen = self.chosen or range(len(self.images))
        shown = [self.candidate[index].scores for index in self.chosen if len(self.candidate[index])]
        self.lowest_score = min((float(scores[-1]) for scores in shown), default=0.0)
        self.highest_score = max((float(scores[0]) for scores in shown), default=0.0)
        typical = float(np.median([scores[0] for scores in shown])) if shown else 0.0  # one number gone astray loosens nothing
        score, logit = self.limits.score, self.limits.logit
        larger = {name: replace(each, value=each.value * max(typical, 1.0)) for name, each in (("score", score), ("logit", logit))}
        self.scaled_limits = replace(self.limits, **larger)

    def on(self, chosen: Sequence[int], *, candidate: Sequence[Detections] | None = None) -> Evidence:
        """The same evidence on other images, or with other detections; what the network gave is shared."""
        return replace(self, chosen=chosen, candidate=self.candidate if candidate is None else candidate)

    def tensor(self, hypothesis: Hypothesis, index: int) -> tuple[NDArray[np.float32], Geometry]:
        """The network input of an image, and its geometry."""
        spec = hypothesis.spec.preprocess
        key = index, spec.exif
        picture = self.pictures[key] if key in self.pictures else read_image(self.images[index].path, exif=spec.exif)
        if index in self.chosen:
            self.pictures[key] = picture
        fitted = preprocess(picture, spec)
        return tampered_input(fitted.tensor, hypothesis.tampering), fitted.geometry

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """The raw head for a tensor; hypotheses that make the same tensor share one run."""
        key = digest(tensor)
        if key in self.outputs:
            return self.outputs[key]
        (output,) = self.session.run(tensor)
        if output.nbytes * (len(self.outputs) + 1) > MOST_BYTES and self.outputs:
            del self.outputs[next(iter(self.outputs))]
        self.outputs[key] = output
        return output

    def look(self, hypothesis: Hypothesis, index: int) -> Seen:
        """The raw head of an image as the hypothesis reads it: the anchors that could be shown."""
        key = hypothesis.spec.preprocess, hypothesis.tampering, hypothesis.spec.head.activation, index
        if key not in self.seen:
            tensor, geometry = self.tensor(hypothesis, index)
            if reads_previous(hypothesis.tampering) and index:
                tensor, _ = self.tensor(hypothesis, index - 1)
            output = tampered_output(self.run(tensor), geometry.network_size, hypothesis.tampering)
            self.seen[key] = Seen((self.showing(output, hypothesis.spec.head.activation),), geometry)
        return self.seen[key]

    def showing(self, output: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
        """The anchors of a raw head that could be detections, in their order, which decides ties."""
        scores = ACTIVATIONS[activation](output[0, 4:].max(axis=0))
        best = np.argsort(-scores, kind="stable")[:MOST_ANCHORS]
        best = np.sort(best[scores[best] > min(self.lowest_score, self.floor) - SCORE_MARGIN])
        return np.ascontiguousarray(output[:, :, best])

    def candidates(self, hypothesis: Hypothesis, index: int) -> Candidates:
        """The boxes of an image before suppression."""
        seen, spec = self.look(hypothesis, index), hypothesis.spec
        return decode(seen.outputs, spec.head, classes=len(spec.names), network_size=seen.geometry.network_size)

    def simulate(self, hypothesis: Hypothesis, index: int) -> Detections:
        """What the reference's network would detect on an image in this pipeline."""
        kept = suppress(self.candidates(hypothesis, index), hypothesis.spec.suppress)
        return self.finished(kept, hypothesis, index)

    def finished(self, kept: Detections, hypothesis: Hypothesis, index: int) -> Detections:
        """Detections in network pixels as the pipeline writes them."""
        restored = restore(kept, self.look(hypothesis, index).geometry, hypothesis.spec.restore)
        return tampered_detections(restored, hypothesis.tampering)

    def compare(self, hypothesis: Hypothesis, index: int) -> ImageComparison:
        """A simulation against the candidate on one image."""
        return self.held_against(self.simulate(hypothesis, index), hypothesis, index)

    def held_against(self, simulated: Detections, hypothesis: Hypothesis, index: int) -> ImageComparison:
        """Detections against the candidate's on one image."""
        gain, thresholds = self.look(hypothesis, index).geometry.gain, hypothesis.spec.suppress
        return compare_image(
            simulated, self.candidate[index], self.scaled_limits, thresholds=thresholds, gain=gain, rounding=self.rounding, absent=False
        )

    def distance(self, hypothesis: Hypothesis, indices: Sequence[int]) -> float:
        """The share of detections of either side that have no equal on the other, from 0 to 1."""
        return unequal_share([self.compare(hypothesis, index) for index in indices])

    def agrees(self, hypothesis: Hypothesis, indices: Sequence[int]) -> bool:
        """Whether a simulation is the candidate on every one of the images, within the limits."""
        return all(self.compare(hypothesis, index).agrees for index in indices)

    def suppressed(self, hypothesis: Hypothesis, trials: Sequence[Suppress], indices: Sequence[int]) -> list[float]:
        """The distance under every one of other settings of NMS; the raw head is decoded once."""
        comparisons: list[list[ImageComparison]] = [[] for _ in trials]
        for index in indices:
            raw = self.candidates(hypothesis, index)
            for trial, found in zip(trials, comparisons, strict=True):
                tried = replace(hypothesis, spec=replace(hypothesis.spec, suppress=trial))
                found.append(self.held_against(self.finished(suppress(raw, trial), tried, index), tried, index))
        return [unequal_share(found) for found in comparisons]


def unequal_share(comparisons: Sequence[ImageComparison]) -> float:
    """The share of detections of either side that have no equal on the other, from 0 to 1; edges count as equal."""
    equal = total = 0
    for comparison in comparisons:
        apart = np.union1d(comparison.shifted, comparison.rescored)
        equal += 2 * (len(comparison.matches.pairs) - len(apart)) + len(comparison.edges)
        total += len(comparison.matches.reference) + len(comparison.matches.candidate)
    return 1 - equal / total if total else 0.0


def digest(tensor: NDArray[np.float32]) -> str:
    """What a tensor is known by."""
    return hashlib.blake2b(np.ascontiguousarray(tensor).data, digest_size=16).hexdigest() + str(tensor.shape)
