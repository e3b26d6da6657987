"""Faults between images: results that belong to another image, or that only the first of a batch has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from parity.detections import Detections
from parity.diagnose.suspects import Suspect

LARGEST_BATCH = 64
LEAST_SHOWN = 2  # batches, and images of either kind: one alone may have lost its detections otherwise
CHANCE = 20
MOST_COMPARED = 200  # images that are assigned to each other
STRONG = 0.5  # of the distance between images in their order, that another order must leave at most


@dataclass(frozen=True, slots=True)
class Order:
    """A fault between images: whose images still tell of other faults, and which image's results each image's row holds."""

    suspect: Suspect
    telling: tuple[int, ...]
    source: tuple[int, ...]
    left: float = 0.0  # of the distance of scores


def batch_order(reference: Sequence[Detections], candidate: Sequence[Detections]) -> Order | None:
    """The batch of which only the first images have results of their own.

    Named only where so many losses in so many images fit a pattern by chance less than once in ``CHANCE`` tries.
    """
    expected = [index for index, found in enumerate(reference) if len(found)]
    lost = {index for index in expected if not len(candidate[index]) or copied(reference, candidate, index)}
    own = set(expected) - lost
    for tried, (size, after) in enumerate(places(len(reference)), 1):
        if lost == {index for index in expected if index % size >= after}:
            if min(len(lost), len(own)) < LEAST_SHOWN or comb(len(expected), len(lost)) < CHANCE * tried:
                return None
            suspect = Suspect("batch_gt1_broken" if after == 1 else "nms_time_limit", parameters=(("batch", float(size)),))
            return Order(suspect, tuple(sorted(own)), tuple(range(len(reference))))
    return None


def places(images: int) -> Iterator[tuple[int, int]]:
    """Sizes of a batch and the place in it from which results are lost, the simplest first; two batches at least are full."""
    largest = min(LARGEST_BATCH, images // LEAST_SHOWN)
    yield from ((size, 1) for size in range(2, largest + 1))
    yield from ((size, after) for size in range(3, largest + 1) for after in range(2, size))


def copied(reference: Sequence[Detections], candidate: Sequence[Detections], index: int) -> bool:
    """Whether an image has exactly what an earlier one of its batch has, and the reference tells the two apart."""
    earlier = range(max(index - LARGEST_BATCH, 0), index)
    return any(same(candidate[index], candidate[other]) and not same(reference[index], reference[other]) for other in earlier)


def same(one: Detections, other: Detections) -> bool:
    """Whether two images have the same scores and classes."""
    return len(one) == len(other) > 0 and bool((one.scores == other.scores).all() and (one.classes == other.classes).all())


def image_order(reference: Sequence[Detections], candidate: Sequence[Detections]) -> Order | None:
    """The order of images in which the candidate's scores come much nearer to the reference's."""
    count = len(reference)
    if not 1 < count <= MOST_COMPARED:
        return None
    apart = scores_apart(candidate, reference)
    own = np.arange(count)
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import, which the networks can run beside

    _, source = linear_sum_assignment(apart)
    source = np.where(apart[own, source] >= apart[own, own], own, source)
    before, after = apart[own, own].sum(), apart[own, source].sum()
    if len(set(source.tolist())) < count or not after < STRONG * before:
        return None
    return Order(Suspect("eval_image_order"), tuple(range(count)), tuple(source.tolist()), float(after / before))


def scores_apart(ones: Sequence[Detections], others: Sequence[Detections]) -> NDArray[np.float64]:
    """The distance of scores, class by class, between all images of two sides (n, m)."""
    every = [*ones, *others]
    labels = np.unique(np.concatenate([found.classes for found in every]))
    tables = [np.zeros((len(every), 0))]
    for label in labels:
        rows = [found.scores[found.classes == label] for found in every]
        longest = max(map(len, rows))
        tables.append(np.array([np.pad(row, (0, longest - len(row))) for row in rows]))
    table = np.concatenate(tables, axis=1)
    from scipy.spatial.distance import cdist  # noqa: PLC0415 - slow to import, which the networks can run beside

    return np.asarray(cdist(table[: len(ones)], table[len(ones) :], "cityblock"))
