"""AP of many resamples of the images at once, from records: no detection is matched again, and no image is repeated.

A resample is how often each image counts in it. The detections of a category are gone through once, worst first, with a number for each
resample in place of each of COCO's sums: true positives, detections and the largest precision so far. Every line of the loop is an
addition or a comparison of such vectors, which stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from parity.records import IOU_THRESHOLDS, RECALL_THRESHOLDS, CategoryRecords, Flags, Indices

PARTS = len(RECALL_THRESHOLDS) - 1  # counted in hundredths, the m-th recall threshold is reached at m x the objects
LATE = (np.arange(PARTS + 1) / PARTS < RECALL_THRESHOLDS).astype(np.float32)  # linspace lies an ulp above m / 100: equal is not enough
EXACT = 2**24  # the whole numbers that float32 holds
LARGEST_DRAW = 2**24  # weights that are held at once: 64 MB

Weights = NDArray[np.float32] | NDArray[np.float64]


def draw_weights(unit_of_image: Indices, resamples: int, *, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each image is drawn in each resample: (images, some of the resamples), until all are given.

    As many units are drawn as there are, and the images of one unit, numbered from 0, together.
    """
    rng = np.random.default_rng(seed)
    units = int(unit_of_image.max()) + 1
    most = max(1, LARGEST_DRAW // len(unit_of_image))
    for start in range(0, resamples, most):
        draws = [np.bincount(rng.integers(0, units, units), minlength=units) for _ in range(min(most, resamples - start))]
        yield np.ascontiguousarray(np.array(draws, np.float32).T)[unit_of_image]


def resampled_ap(category: CategoryRecords, size: int, weights: NDArray[np.float32]) -> Weights:
    """AP at each IoU threshold in each resample, (10, resamples); NaN where a resample has no object.

    ``size`` is a place in ``metrics.AREAS``, ``weights`` (images, resamples) are counts.
    """
    if not category.objects[size].any():
        return np.full((len(IOU_THRESHOLDS), weights.shape[1]), np.nan, weights.dtype)
    last_hit = np.flatnonzero(category.hits[size].any(0)).max(initial=-1)
    upto = slice(0, int(last_hit) + 1)  # behind the last hit nothing changes AP
    rows = np.flatnonzero(~category.ignored[size][:, upto].all(0))[::-1]
    hits, ignored, images = category.hits[size][:, rows], category.ignored[size][:, rows], category.images[rows]
    exact = exact_weights(category.objects[size], images, weights)
    sums = Sums(
        weighted(hits, images, exact),
        weighted(ignored, images, exact),
        weighted(np.ones((1, len(rows)), np.bool_), images, exact)[0],
        category.objects[size].astype(exact.dtype) @ exact,
    )
    with np.errstate(invalid="ignore"):
        for image, hit, skip in zip(images.tolist(), patterns(hits), patterns(ignored), strict=True):
            weight = exact[image] * PARTS
            for thresholds in runs(hit):
                sums.pass_hit(thresholds, weight)
            for thresholds in runs(skip):
                sums.ignored[thresholds] -= weight
            sums.claims -= weight
    return sums.ap()


class Sums:
    """COCO's sums down to one detection, (10, resamples), and AP so far; in hundredths, so that all numbers are whole."""

    def __init__(self, hits: Weights, ignored: Weights, claims: Weights, objects: Weights) -> None:
        self.hits, self.ignored, self.claims = hits * PARTS, ignored * PARTS, claims * PARTS
        self.objects = np.where(objects > 0, objects, np.nan)
        self.tens = np.flatnonzero(self.objects % 10 == 0)
        self.envelope, self.area = np.zeros_like(hits), np.zeros_like(hits)

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


def exact_weights(objects: NDArray[np.int64], images: Indices, weights: NDArray[np.float32]) -> Weights:
    """The weights in a type that holds every sum of them exactly."""
    claims = np.bincount(images, minlength=len(weights)).astype(np.float32) @ weights
    largest = max(claims.max(initial=0), (objects.astype(np.float32) @ weights).max(initial=0))
    return weights if largest * PARTS < EXACT else weights.astype(np.float64)


def weighted(flags: Flags, images: Indices, weights: Weights) -> Weights:
    """The sum of the weights of all flagged detections, for each IoU threshold and resample."""
    present, places = np.unique(images, return_inverse=True)
    counts = np.array([np.bincount(places, row, len(present)) for row in flags], np.float32)
    return np.asarray(np.matmul(counts, weights[present], dtype=weights.dtype))


def patterns(flags: Flags) -> list[int]:
    """A number for each detection, whose bits are its flags at the IoU thresholds."""
    return [int(code) for code in (1 << np.arange(len(IOU_THRESHOLDS))) @ flags]


@cache
def runs(pattern: int) -> tuple[slice, ...]:
    """The ranges of IoU thresholds whose bit is set; as a rule one, since a better overlap passes all lower thresholds."""
    flags = [0, *(pattern >> bit & 1 for bit in range(len(IOU_THRESHOLDS))), 0]
    edges = np.flatnonzero(np.diff(flags)).tolist()
    return tuple(slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True))
