"""Matches held against the limits: what differs on each image, and the counts over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parity.detections import Detections
from parity.doubts import FLOAT32_STEP, Cause, Doubt, NoiseMargins, doubts_between, error_of_logit, log_odds
from parity.edges import Edge, Near, take_edges
from parity.limits import Limits
from parity.match import Matches, match
from parity.spec import STRICT, Suppress, Suppressor


@dataclass(frozen=True, slots=True)
class Rounding:
    """The grid that the candidate's numbers were rounded to; 0 where they were not."""

    box_px: float = 0.0
    score: float = 0.0
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class ImageComparison:
    """One image: the matches without edges, which of them are beyond a limit, and the edges.

    ``shifted`` and ``rescored`` index pairs; ``drift_network_px`` and ``rescore`` are per pair, less what rounding explains.
    ``excusable`` is how many of the reference's detections could be edges, ``None`` where it does not tell.
    """

    matches: Matches
    drift_network_px: NDArray[np.float64]
    rescore: NDArray[np.float64]
    shifted: NDArray[np.intp]
    rescored: NDArray[np.intp]
    missed: NDArray[np.intp]
    ghosts: NDArray[np.intp]
    edges: tuple[Edge, ...]
    excusable: int | None
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
    doubts: Sequence[Doubt] | None = None,
) -> ImageComparison:
    """Match one image's detections and hold them against the limits.

    ``gain`` is network pixels for one image pixel. ``absent`` says that one side has nothing on record for the image, which is a
    missing image only where the other side has something to show: a list of results has no row for an image without detections.
    ``doubts`` are the boxes that noise keeps or drops of the reference; where it does not tell, the detections of both sides have to.
    """
    matches = match(reference, candidate)
    near = Near(limits.box.value / gain + rounding.box_px, limits.score.value + rounding.score / 2)
    drift, rescore = differences(matches, gain=gain, rounding=rounding)
    apart = np.flatnonzero(~((drift <= limits.box.value) & (rescore <= limits.score.value)))
    own = doubts
    if own is None or thresholds.method is Suppressor.IN_GRAPH or rounding != Rounding():
        # what a graph dropped is not known, nor did the reference know of rounding
        margins = NoiseMargins(near.box_px, limits.logit.value)
        own = (*(doubts or ()), *doubts_between(matches, thresholds, margins, score_step=rounding.score / 2))
    matches, edges = take_edges(matches, apart, own, near)
    edges = tuple(replace(edge, by_rounding=is_by_rounding(edge, matches, thresholds, limits, rounding)) for edge in edges)
    if edges:
        drift, rescore = differences(matches, gain=gain, rounding=rounding)
    return ImageComparison(
        matches=matches,
        drift_network_px=drift,
        rescore=rescore,
        shifted=np.flatnonzero(~(drift <= limits.box.value)),
        rescored=np.flatnonzero(~(rescore <= limits.score.value)),
        missed=matches.missed,
        ghosts=matches.ghosts,
        edges=edges,
        excusable=None if doubts is None else sum(each.kept for each in doubts),
        absent=absent and bool(len(matches.missed) + len(matches.ghosts)),
        non_finite=candidate.non_finite,
    )


def is_by_rounding(edge: Edge, matches: Matches, thresholds: Suppress, limits: Limits, rounding: Rounding) -> bool:
    """Whether an edge is one of the confidence that noise alone does not bring to the threshold: the rounding of scores does."""
    if edge.cause is not Cause.CONFIDENCE or not rounding.score:
        return False
    score = (matches.reference if edge.of_reference else matches.candidate).scores[[edge.index]]
    noise = error_of_logit(score, NoiseMargins(limits.box.value, limits.logit.value), step=FLOAT32_STEP)
    return bool(abs(log_odds(score) - log_odds(np.array(thresholds.confidence))) > noise)


def differences(matches: Matches, *, gain: float, rounding: Rounding) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the boxes (network pixels) and scores of every pair are apart, less what rounding explains."""
    # a corner of a COCO box is x + width, two rounded numbers of half a step each
    drift = np.clip(matches.drift_px - rounding.box_px, 0, None) * gain
    return drift, np.clip(matches.score_change - rounding.score / 2, 0, None)


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
        edges=sum(len(image.edges) for image in compared),
        max_box_px=float(drift.max()) if len(drift) else None,
        max_score=float(change.max()) if len(change) else None,
    )
