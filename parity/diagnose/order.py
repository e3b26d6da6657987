"""Faults between images: results that belong to another image, or that only the first of a batch has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from parity.detections import Detections
from parity.diagnose.fingerprint import apart_when_sorted, by_label
from parity.diagnose.suspects import Suspect

LARGEST_BATCH = 64
LEAST_SHOWN = 2  # batches, and images of either kind: one alone may have lost its detections otherwise
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
    """The batch of which only the first images have results of their own."""
    expected = [index for index, found in enumerate(reference) if len(found)]
    lost = {index for index in expected if not len(candidate[index]) or copied(candidate, index)}
    own = set(expected) - lost
    if len(lost) < LEAST_SHOWN or len(own) < LEAST_SHOWN:
        return None
    for size, after in places():
        if LEAST_SHOWN * size <= len(reference) and lost == {index for index in expected if index % size >= after}:
            parameters = (("batch", float(size)),)
            suspect = Suspect("batch_gt1_broken" if after == 1 else "nms_time_limit", parameters=parameters)
            return Order(suspect, tuple(sorted(own)), tuple(range(len(reference))))
    return None


def places() -> Iterator[tuple[int, int]]:
    """Sizes of a batch and the place in it from which results are lost, the simplest first."""
    yield from ((size, 1) for size in range(2, LARGEST_BATCH + 1))
    yield from ((size, after) for size in range(3, LARGEST_BATCH + 1) for after in range(2, size))


def copied(candidate: Sequence[Detections], index: int) -> bool:
    """Whether an image has exactly what an earlier one of its batch has."""
    found = candidate[index]
    return any(same(found, candidate[other]) for other in range(max(index - LARGEST_BATCH, 0), index))


def same(one: Detections, other: Detections) -> bool:
    """Whether two images have the same scores and classes, which no two photographs have."""
    return len(one) == len(other) > 0 and bool((one.scores == other.scores).all() and (one.classes == other.classes).all())


def image_order(reference: Sequence[Detections], candidate: Sequence[Detections]) -> Order | None:
    """The order of images in which the candidate's scores come much nearer to the reference's."""
    count = len(reference)
    if not 1 < count <= MOST_COMPARED:
        return None
    apart = np.array([[scores_apart(one, other) for one in reference] for other in candidate])
    own = np.arange(count)
    _, source = linear_sum_assignment(apart)
    source = np.where(apart[own, source] >= apart[own, own], own, source)
    before, after = apart[own, own].sum(), apart[own, source].sum()
    if len(set(source.tolist())) < count or not after < STRONG * before:
        return None
    return Order(Suspect("eval_image_order"), tuple(range(count)), tuple(source.tolist()), float(after / before))


def scores_apart(one: Detections, other: Detections) -> float:
    """The distance of two images' scores, class by class."""
    return sum(apart_when_sorted(*pair) for pair in by_label(one, other, labels=True))
