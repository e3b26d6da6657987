"""Where a network sees objects: what a rounding loses there costs detections, and what it loses of a wall costs none."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity.raw_heads import RawHead

SHARE = 0.5  # of the points, that lie in objects; the others lie anywhere
WITHIN = 1 - 1e-9

Points: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]


def object_points(head: RawHead | None, size: tuple[int, int], count: int, generator: np.random.Generator) -> Points:
    """Points of the network's input (count, 2), as shares of its height and width.

    Some lie in boxes, each drawn as often as its score says; all lie anywhere where there is no head, or it has no scores.
    """
    points = generator.random((count, 2))
    weights = np.zeros(0) if head is None else np.clip(np.nan_to_num(head.scores.max(axis=1), posinf=0), 0, None)
    if head is None or not weights.sum() > 0:
        return points
    some = points[: int(SHARE * count)]
    boxes = head.boxes[generator.choice(len(weights), size=len(some), p=weights / weights.sum())]
    corners = np.clip(np.nan_to_num(boxes) / np.tile(size[::-1], 2), 0, WITHIN)
    some[:] = corners[:, 1::-1] + some * (corners[:, :1:-1] - corners[:, 1::-1])
    return points


def places(points: Points, shape: tuple[int, ...]) -> tuple[Places, Places]:
    """The rows and columns of points on a map of some height and width."""
    rows, columns = (np.floor(points * shape)).astype(np.int64).T
    return rows, columns
