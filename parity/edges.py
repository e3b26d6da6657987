"""Edges: detections that appear or disappear because noise alone decides. Which they are, why, and how many there may be.

A box in doubt is an edge where the two sides differ about it; nothing else is. No margin is taken from the two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from parity.detections import Detections
from parity.doubts import Cause, Doubt
from parity.limits import EDGE_CONFIDENCE, EDGE_QUANTILE
from parity.match import Matches

CANTELLI = sqrt(EDGE_QUANTILE / (1 - EDGE_QUANTILE))  # no quantile is more standard deviations above its mean (Cantelli's inequality)


@dataclass(frozen=True, slots=True)
class Near:
    """How near two boxes have to be for one: pixels of the image, score."""

    box_px: float
    score: float


@dataclass(frozen=True, slots=True)
class Edge:
    """A detection of one side, by its index there, that noise alone keeps from the other; ``by_rounding`` where its score's does."""

    of_reference: bool
    index: int
    cause: Cause
    margin: float | None
    by_rounding: bool = False


def take_edges(matches: Matches, apart: NDArray[np.intp], doubts: Sequence[Doubt], near: Near) -> tuple[Matches, tuple[Edge, ...]]:
    """The matches without edges, and these: a detection that only one side has and a doubt of the reference accounts for.

    The reference must have been about to drop its own, and to keep the very box that the candidate has. Of a pair that is ``apart``
    and of a class flip, that must hold for both.
    """
    if not doubts:
        return matches, ()
    couples = np.concatenate([matches.pairs[apart], matches.class_flips])
    gone = accounted(matches.reference, np.concatenate([matches.missed, couples[:, 0]]), doubts, near, of_reference=True)
    come = accounted(matches.candidate, np.concatenate([matches.ghosts, couples[:, 1]]), doubts, near, of_reference=False)
    swapped = {(first, second) for first, second in couples.tolist() if first in gone and second in come}
    vanished = {*matches.missed.tolist(), *(first for first, _ in swapped)} & gone.keys()
    appeared = {*matches.ghosts.tolist(), *(second for _, second in swapped)} & come.keys()
    edges = (*(gone[index] for index in sorted(vanished)), *(come[index] for index in sorted(appeared)))
    left = replace(
        matches,
        pairs=without(matches.pairs, swapped),
        class_flips=without(matches.class_flips, swapped),
        missed=matches.missed[~np.isin(matches.missed, list(vanished))],
        ghosts=matches.ghosts[~np.isin(matches.ghosts, list(appeared))],
    )
    return left, edges


def accounted(side: Detections, indices: NDArray[np.intp], doubts: Sequence[Doubt], near: Near, *, of_reference: bool) -> dict[int, Edge]:
    """The detections that a doubt accounts for: a box of the reference that was kept, or one that was dropped and is the candidate's.

    A doubt is about one box, and accounts for one detection.
    """
    found, left = {}, [each for each in doubts if each.kept is of_reference]
    for index in indices.tolist():
        own = next((place for place, each in enumerate(left) if alike(side, index, each, near)), None)
        if own is not None:
            each = left.pop(own)
            found[index] = Edge(of_reference, index, each.cause, each.margin)
    return found


def alike(side: Detections, index: int, doubt: Doubt, near: Near) -> bool:
    """Whether a detection is the box in doubt."""
    apart = float(np.abs(side.boxes[index] - doubt.box).max())
    same_score = bool(abs(side.scores[index] - doubt.score) <= near.score)
    return doubt.label == side.classes[index] and apart <= near.box_px and same_score


def without(pairs: NDArray[np.intp], gone: set[tuple[int, int]]) -> NDArray[np.intp]:
    """The pairs that are left."""
    return pairs[[pair not in gone for pair in map(tuple, pairs.tolist())]]


# How many there may be ------------------------------------------------------------------------------------------------------------


def largest_rate(edges: int, detections: int) -> float:
    """The largest rate that so many edges among so many detections leave likely: 3 / n where none was seen (the rule of three).

    Garwood's upper limit of a Poisson mean, at ``EDGE_CONFIDENCE``.
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 - slow to import, which the networks can run beside

    return float(gammaincinv(edges + 1, EDGE_CONFIDENCE)) / detections


def most_edges(rate: float, detections: int) -> int:
    """The number of edges that noise alone exceeds rarely: the ``EDGE_QUANTILE`` of a Poisson distribution, and 1: one is no rate.

    Raises ``ValueError`` for a rate that is negative or not finite.
    """
    from scipy.special import pdtr  # noqa: PLC0415 - slow to import, which the networks can run beside

    mean = rate * detections
    if not (isfinite(mean) and rate >= 0):
        raise ValueError(f"no rate of edges: {rate}")
    low, high = 0, int(mean + ceil(CANTELLI * sqrt(mean))) + 1
    while high - low > 1:  # the quantile lies above low, or is 1, and not above high
        middle = (low + high) // 2
        low, high = (low, middle) if pdtr(middle, mean) >= EDGE_QUANTILE else (middle, high)
    return high
