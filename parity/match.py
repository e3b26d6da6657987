"""Which candidate detection stands for which reference detection of one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.boxes import iou
from parity.detections import Detections
from parity.limits import MATCH_IOU

SCORE_WEIGHT = 1e-3  # of two equally good overlaps, the nearer score wins
Pairs = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """An assignment: ``pairs`` and ``class_flips`` are (k, 2) rows of a reference and a candidate index.

    ``missed`` are reference indices without a partner, ``ghosts`` candidate indices without one.
    """

    reference: Detections
    candidate: Detections
    pairs: Pairs
    class_flips: Pairs
    missed: NDArray[np.intp]
    ghosts: NDArray[np.intp]

    @property
    def drift_px(self) -> NDArray[np.float64]:
        """The largest coordinate difference of every pair, in image pixels."""
        difference = self.reference.boxes[self.pairs[:, 0]] - self.candidate.boxes[self.pairs[:, 1]]
        return np.asarray(np.abs(difference).max(1, initial=0.0))

    @property
    def score_change(self) -> NDArray[np.float64]:
        """The size of the score difference of every pair."""
        return np.abs(self.reference.scores[self.pairs[:, 0]] - self.candidate.scores[self.pairs[:, 1]])


def match(reference: Detections, candidate: Detections) -> Matches:
    """Pair detections one to one: first the optimum within each class, then the leftovers across classes.

    A pair overlaps by at least ``MATCH_IOU``; among these the sum of overlaps is the largest possible.
    """
    overlap = iou(at_least_a_pixel(reference.boxes), at_least_a_pixel(candidate.boxes))
    overlap[overlap < MATCH_IOU] = 0
    nearness = 1 - SCORE_WEIGHT * np.clip(np.abs(reference.scores[:, None] - candidate.scores[None, :]), 0, 1)
    value = overlap * nearness
    same_class = reference.classes[:, None] == candidate.classes[None, :]
    pairs = assign(value * same_class)
    value[pairs[:, 0], :] = 0
    value[:, pairs[:, 1]] = 0
    flips = assign(value * ~same_class)
    taken = np.concatenate([pairs, flips])
    missed = np.setdiff1d(np.arange(len(reference)), taken[:, 0])
    ghosts = np.setdiff1d(np.arange(len(candidate)), taken[:, 1])
    return Matches(reference, candidate, pairs, flips, missed, ghosts)


def at_least_a_pixel(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes widened to one pixel: one that clipping left without height overlaps nothing, not even itself."""
    return np.concatenate([boxes[:, :2], np.maximum(boxes[:, 2:], boxes[:, :2] + 1)], axis=1)


def assign(value: NDArray[np.float64]) -> Pairs:
    """The one-to-one pairs of rows and columns with the largest sum; pairs of value 0 are none."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import, which the networks can run beside

    rows, columns = linear_sum_assignment(value, maximize=True)
    real = value[rows, columns] > 0
    return np.stack([rows[real], columns[real]], axis=1)
