"""The differences of all images together, for charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.comparison import ImageComparison

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Of every matched pair (n,): network pixels, score difference, both scores; and the scores of what only one side has."""

    drift_network_px: Floats
    rescore: Floats
    reference_scores: Floats
    candidate_scores: Floats
    missed_scores: Floats
    ghost_scores: Floats


def pooled(comparisons: Sequence[ImageComparison]) -> Pooled:
    """All images in their order."""

    def of(part: Callable[[ImageComparison], Floats]) -> Floats:
        return np.concatenate([*map(part, comparisons), np.empty(0)])

    return Pooled(
        of(lambda image: image.drift_network_px),
        of(lambda image: image.rescore),
        of(lambda image: image.matches.reference.scores[image.matches.pairs[:, 0]]),
        of(lambda image: image.matches.candidate.scores[image.matches.pairs[:, 1]]),
        of(lambda image: image.matches.reference.scores[image.missed]),
        of(lambda image: image.matches.candidate.scores[image.ghosts]),
    )
