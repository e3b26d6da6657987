"""Matches held against the limits: what differs on each image, and the counts over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.boxes import iou
from parity.detections import Detections
from parity.limits import Limits
from parity.match import Matches, match
from parity.spec import STRICT, Suppress


@dataclass(frozen=True, slots=True)
class Rounding:
    """The grid that the candidate's numbers were rounded to; 0 where they were not."""

    box_px: float = 0.0
    score: float = 0.0
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class ImageComparison:
    """One image: the matches, which of them are beyond a limit, and what the thresholds alone decide.

    ``shifted`` and ``rescored`` index pairs; ``drift_network_px`` and ``rescore`` are per pair, less what rounding explains.
    """

    matches: Matches
    drift_network_px: NDArray[np.float64]
    rescore: NDArray[np.float64]
    shifted: NDArray[np.intp]
    rescored: NDArray[np.intp]
    missed: NDArray[np.intp]  # without edges
    ghosts: NDArray[np.intp]  # without edges
    edges: int
    absent: bool
    non_finite: int

    @property
    def agrees(self) -> bool:
        """Whether nothing on this image is beyond its limit."""
        different = (self.shifted, self.rescored, self.missed, self.ghosts, self.matches.class_flips)
        return not (self.absent or self.non_finite or self.matches.reference.non_finite or any(map(len, different)))


@dataclass(frozen=True, slots=True)
class ParityCounts:
    """The counts over all images, as the result JSON has them; maxima are ``None`` where nothing was paired."""

    images: int
    images_agreeing: int
    reference_detections: int
    matched: int
    missed: int
    ghosts: int
    class_flips: int
    shifted: int
    rescored: int
    edges: int
    max_box_px: float | None
    max_score: float | None
    __pydantic_config__ = STRICT


def compare_image(
    reference: Detections,
    candidate: Detections,
    limits: Limits,
    *,
    thresholds: Suppress,
    gain: float,
    rounding: Rounding,
    absent: bool,
) -> ImageComparison:
    """Match one image's detections and hold them against the limits.

    ``gain`` is network pixels for one image pixel. ``absent`` says that one side has nothing on record for the image, which is a
    missing image only where the other side has something to show: a list of results has no row for an image without detections.
    """
    matches = match(reference, candidate)
    # a corner of a COCO box is x + width, two rounded numbers of half a step each
    drift = np.clip(matches.drift_px - rounding.box_px, 0, None) * gain
    rescore = np.clip(matches.score_change - rounding.score / 2, 0, None)
    missed_edge = edges(reference, matches.missed, candidate, limits, thresholds, rounding)
    ghost_edge = edges(candidate, matches.ghosts, reference, limits, thresholds, rounding)
    return ImageComparison(
        matches=matches,
        drift_network_px=drift,
        rescore=rescore,
        shifted=np.flatnonzero(~(drift <= limits.box.value)),
        rescored=np.flatnonzero(~(rescore <= limits.score.value)),
        missed=matches.missed[~missed_edge],
        ghosts=matches.ghosts[~ghost_edge],
        edges=int(missed_edge.sum() + ghost_edge.sum()),
        absent=absent and bool((~missed_edge).sum() + (~ghost_edge).sum()),
        non_finite=candidate.non_finite,
    )


def edges(
    side: Detections, leftover: NDArray[np.intp], other: Detections, limits: Limits, thresholds: Suppress, rounding: Rounding
) -> NDArray[np.bool_]:
    """Which leftovers exist only because a score or an overlap lies within the noise of its threshold.

    That is: the score is within the score limit of the confidence, or the overlap with a better box of its class that the other
    side kept is within the overlap limit of the IoU threshold.
    """
    scores = side.scores[leftover]
    near_confidence = np.abs(scores - thresholds.confidence) <= limits.score.value + rounding.score / 2
    if thresholds.iou is None:
        return near_confidence
    overlap = iou(side.boxes[leftover], other.boxes)
    rival = (other.classes[None, :] == side.classes[leftover, None]) | thresholds.class_agnostic
    rival &= other.scores[None, :] >= scores[:, None] - limits.score.value
    return np.asarray(near_confidence | (rival & (np.abs(overlap - thresholds.iou) <= limits.overlap.value)).any(1))


def count(images: Iterable[ImageComparison]) -> ParityCounts:
    """Sum the comparisons of all images."""
    compared = list(images)
    drift = np.concatenate([image.matches.drift_px for image in compared] or [np.empty(0)])
    change = np.concatenate([image.matches.score_change for image in compared] or [np.empty(0)])
    return ParityCounts(
        images=len(compared),
        images_agreeing=sum(image.agrees for image in compared),
        reference_detections=sum(len(image.matches.reference) for image in compared),
        matched=len(drift),
        missed=sum(len(image.missed) for image in compared),
        ghosts=sum(len(image.ghosts) for image in compared),
        class_flips=sum(len(image.matches.class_flips) for image in compared),
        shifted=sum(len(image.shifted) for image in compared),
        rescored=sum(len(image.rescored) for image in compared),
        edges=sum(image.edges for image in compared),
        max_box_px=float(drift.max()) if len(drift) else None,
        max_score=float(change.max()) if len(change) else None,
    )
