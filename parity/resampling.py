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


def draw_weights(units: int, resamples: int, *, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each of ``units`` things is drawn in each resample of as many: (units, some of the resamples), until all are given."""
    rng = np.random.default_rng(seed)
    most = max(1, LARGEST_DRAW // units)
    for start in range(0, resamples, most):
        draws = [np.bincount(rng.integers(0, units, units), minlength=units) for _ in range(min(most, resamples - start))]
        yield np.ascontiguousarray(np.array(draws, np.float32).T)


def resampled_ap(category: CategoryRecords, size: int, weights: NDArray[np.float32]) -> Weights:
    """AP at each IoU threshold in each resample, (10, resamples); NaN where a resample has no object.

    ``size`` is a place in ``metrics.AREAS``, ``weights`` (images, resamples) are counts.
    """
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
        self.reached = self.recall_thresholds(self.hits)
        self.envelope, self.area = np.zeros_like(hits), np.zeros_like(hits)

    def pass_hit(self, thresholds: slice, weight: Weights) -> None:
        """Go past a true positive: what it reached counts at the largest precision from here on down the list."""
        hits, envelope = self.hits[thresholds], self.envelope[thresholds]
        with np.errstate(invalid="ignore"):  # 0 / 0 where a resample has nothing down to here, which fmax leaves out
            np.fmax(envelope, hits / (self.claims - self.ignored[thresholds]), out=envelope)
        hits -= weight
        before = self.recall_thresholds(hits)
        self.area[thresholds] += envelope * (self.reached[thresholds] - before)
        self.reached[thresholds] = before

    def recall_thresholds(self, hits: Weights) -> Weights:
        """How many recall thresholds above 0 are reached."""
        exact = hits / self.objects
        reached = np.floor(exact)
        equal = exact == reached
        reached[equal] -= LATE[reached[equal].astype(np.intp)]
        return reached

    def ap(self) -> Weights:
        """The mean over the recall thresholds, of which 0 is reached by anything."""
        return np.where(np.isnan(self.objects), np.nan, (self.area + self.envelope) / len(RECALL_THRESHOLDS))


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
