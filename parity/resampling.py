"""AP of many resamples of the images at once, from records: no detection is matched again, and no image is repeated.

A resample is how often each image counts in it. The detections of a category are gone through once, worst first, with a number for each
resample in place of each of COCO's sums: true positives, detections and the largest precision so far. Every line of the loop is an
addition or a comparison of such vectors, which stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from parity.hits import IOU_THRESHOLDS, Indices
from parity.records import EVERY_THRESHOLD, RECALL_THRESHOLDS, CategoryRecords, Patterns, flags_of

PARTS = len(RECALL_THRESHOLDS) - 1  # counted in hundredths, the m-th recall threshold is reached at m x the objects
LATE = (np.arange(PARTS + 1) / PARTS < RECALL_THRESHOLDS).astype(np.float32)  # linspace lies an ulp above m / 100: equal is not enough
EXACT = 2**24  # the whole numbers that float32 holds
LARGEST_DRAW = 2**23  # weights that are held at once: 8 MB
LARGEST_SUM = 2**18  # weights that are summed at once: 1 MB in single precision

Counts = NDArray[np.uint8]  # how often each image counts in each resample, (images, resamples); no more than a dozen times
Weights = NDArray[np.floating]
SumType = type[np.float32] | type[np.float64]


def draw_weights(unit_of_image: Indices, resamples: int, *, seed: int) -> Iterator[Counts]:
    """How often each image is drawn in each resample: (images, some of the resamples), until all are given.

    As many units are drawn as there are, and the images of one unit, numbered from 0, together.
    """
    rng = np.random.default_rng(seed)
    units = int(unit_of_image.max()) + 1
    most = max(1, LARGEST_DRAW // len(unit_of_image))
    for start in range(0, resamples, most):
        counts = np.empty((units, min(most, resamples - start)), np.uint8)
        for column in counts.T:
            column[:] = np.bincount(rng.integers(0, units, units), minlength=units)
        yield counts[unit_of_image] if units < len(unit_of_image) else counts


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The detections that decide AP at one size, best first: their places among the images, hits and ignored ones, (n,) each.

    Behind the last hit nothing changes AP. Between two hits the order does not either, so there they are sorted by image.
    """

    images: NDArray[np.integer]
    hits: Patterns
    ignored: Patterns

    @classmethod
    def of(cls, category: CategoryRecords, size: int) -> Self:
        """The detections of a category at a place in ``metrics.AREAS``."""
        hits, ignored = category.hits(size), category.ignored(size)
        upto = int(np.flatnonzero(hits).max(initial=-1)) + 1
        rows = np.flatnonzero(ignored[:upto] != EVERY_THRESHOLD)
        images, hits, ignored = category.images[rows], hits[rows], ignored[rows]
        stretch = 2 * np.cumsum(hits != 0, dtype=np.int32) - (hits != 0)
        order = np.lexsort((ignored, images, stretch))
        return cls(images[order], hits[order], ignored[order])

    def equals(self, other: Ranking) -> bool:
        """Whether AP is the same in every resample."""
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("images", "hits", "ignored"))


def resampled_ap(ranking: Ranking, objects: NDArray[np.int32], weights: Counts) -> Weights:
    """AP at each IoU threshold in each resample, (10, resamples); NaN where a resample has no object.

    ``objects`` (images,) are there to be found, ``weights`` (images, resamples) are counts.
    """
    images, hits, ignored = ranking.images[::-1], ranking.hits[::-1], ranking.ignored[::-1]  # worst first
    dtype = sums_in(max(len(images), int(objects.sum())) * int(weights.max(initial=0)))
    if not objects.any():
        return np.full((len(IOU_THRESHOLDS), weights.shape[1]), np.nan, dtype)
    sums = Sums(
        weighted(flags_of(hits), images, weights, dtype),
        weighted(flags_of(ignored), images, weights, dtype),
        drawn(images, weights, dtype),
        drawn(np.repeat(np.arange(len(objects)), objects), weights, dtype),
    )
    special = np.flatnonzero(hits | ignored).tolist()  # all others are false positives at every threshold
    with np.errstate(invalid="ignore"):
        for before, row in pairwise([-1, *special]):
            sums.claims -= drawn(images[before + 1 : row], weights, dtype) * PARTS
            sums.pass_row(weights[images[row]].astype(dtype) * PARTS, hit=int(hits[row]), ignored=int(ignored[row]))
    return sums.ap()


class Sums:
    """COCO's sums down to one detection, (10, resamples), and AP so far; in hundredths, so that all numbers are whole."""

    def __init__(self, hits: Weights, ignored: Weights, claims: Weights, objects: Weights) -> None:
        self.hits, self.ignored, self.claims = hits * PARTS, ignored * PARTS, claims * PARTS
        self.objects = np.where(objects > 0, objects, np.nan)
        self.tens = np.flatnonzero(self.objects % 10 == 0)
        self.envelope, self.area = np.zeros_like(hits), np.zeros_like(hits)

    def pass_row(self, weight: Weights, *, hit: int, ignored: int) -> None:
        """Go past a detection by its flags; ``weight`` (resamples,) is how often it counts."""
        for thresholds in runs(hit):
            self.pass_hit(thresholds, weight)
        for thresholds in runs(ignored):
            self.ignored[thresholds] -= weight
        self.claims -= weight

    def pass_hit(self, thresholds: slice, weight: Weights) -> None:
        """Go past a true positive: where the largest precision rises, it does so for all recall thresholds that are reached here."""
        hits, envelope = self.hits[thresholds], self.envelope[thresholds]
        precision = hits / (self.claims - self.ignored[thresholds])  # 0 / 0 where a resample has nothing down to here
        rise = np.fmax(envelope, precision, out=precision) - envelope
        envelope += rise
        self.area[thresholds] += np.multiply(rise, self.recall_thresholds(hits), out=rise)
        hits -= weight

    def recall_thresholds(self, hits: Weights) -> Weights:
        """How many recall thresholds are reached; a late one is only ever equalled where the objects are a multiple of 10."""
        exact = hits / self.objects
        reached = np.floor(exact)
        whole = reached.take(self.tens, axis=1)
        reached[:, self.tens] = whole - LATE.take(whole.astype(np.intp)) * (whole == exact.take(self.tens, axis=1))
        reached += 1  # the first is 0
        return reached

    def ap(self) -> Weights:
        """The mean over the recall thresholds."""
        return np.where(np.isnan(self.objects), np.nan, self.area / len(RECALL_THRESHOLDS))


def sums_in(largest: int) -> SumType:
    """The type that holds every sum in hundredths exactly, of which none is larger than this."""
    return np.float32 if largest * PARTS < EXACT else np.float64


def weighted(flags: NDArray[np.bool_], images: NDArray[np.integer], weights: Counts, dtype: SumType) -> Weights:
    """The sum of the weights of all flagged detections, for each row of flags (k, n) and resample."""
    present, places = np.unique(images, return_inverse=True)
    counts: Weights = np.array([np.bincount(places, row, len(present)) for row in flags], dtype)
    return summed(counts, weights, present)


def summed(counts: Weights, weights: Counts, images: NDArray[np.integer] | slice = slice(None)) -> Weights:
    """The counts (k, n) of these images by their weights, (k, resamples), in the type of the counts."""
    chosen = np.arange(len(weights))[images]
    total = np.zeros((len(counts), weights.shape[1]), counts.dtype)
    for some in lots(len(chosen), weights):
        total += counts[:, some] @ weights[chosen[some]].astype(counts.dtype)
    return total


def drawn(images: NDArray[np.integer], weights: Counts, dtype: SumType) -> Weights:
    """How often these detections or objects, by the places of their images (n,), are drawn in each resample."""
    total = np.zeros(weights.shape[1], dtype)
    for some in lots(len(images), weights):
        total += weights[images[some]].sum(0, dtype=dtype)
    return total


def lots(rows: int, weights: Counts) -> Iterator[slice]:
    """Parts of so many rows of weights that are small enough to sum at once."""
    step = max(1, LARGEST_SUM // weights.shape[1])
    return (slice(start, start + step) for start in range(0, rows, step))


@cache
def runs(pattern: int) -> tuple[slice, ...]:
    """The ranges of IoU thresholds whose bit is set; as a rule one, since a better overlap passes all lower thresholds."""
    flags = [0, *(pattern >> bit & 1 for bit in range(len(IOU_THRESHOLDS))), 0]
    edges = np.flatnonzero(np.diff(flags)).tolist()
    return tuple(slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True))
