"""Detections: what a pipeline says about one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

LARGEST_CLASS = 2**53  # the whole numbers that float64 holds exactly; a network's garbage lies beyond


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes of one image, best score first.

    ``boxes`` (n, 4) are x1, y1, x2, y2 in image pixels, ``scores`` (n,) and ``classes`` (n,) belong to them. All numbers are
    finite; ``non_finite`` counts the rows that were not and are left out, which no verdict forgives.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]
    non_finite: int = 0

    def __post_init__(self) -> None:
        """Check shapes, finiteness and order, and make the arrays read-only."""
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.classes.shape != (n,):
            raise ValueError(f"shapes do not fit: boxes {self.boxes.shape}, scores {self.scores.shape}, classes {self.classes.shape}")
        if not (all_finite(self.boxes) and all_finite(self.scores)):
            raise ValueError("boxes and scores must be finite: use Detections.best_first, which counts the others")
        if (self.scores[1:] > self.scores[:-1]).any():
            raise ValueError("scores must fall: use Detections.best_first")
        for array in (self.boxes, self.scores, self.classes):
            array.setflags(write=False)

    def __len__(self) -> int:
        """The number of detections."""
        return len(self.scores)

    @classmethod
    def best_first(cls, boxes: ArrayLike, scores: ArrayLike, classes: ArrayLike, *, non_finite: int = 0) -> Self:
        """Detections from rows in any order; rows with NaN or infinity, or a class that is no index, are counted and left out."""
        boxes = np.array(boxes, np.float64).reshape(-1, 4)
        scores = np.array(scores, np.float64).reshape(-1)
        labels = np.array(classes, np.float64).reshape(-1)
        finite = np.isfinite(boxes).all(1) & np.isfinite(scores) & (np.abs(labels) <= LARGEST_CLASS)
        order = np.argsort(-scores[finite], kind="stable")
        kept = np.flatnonzero(finite)[order]
        return cls(boxes[kept], scores[kept], labels[kept].astype(np.int64), non_finite + int((~finite).sum()))

    @classmethod
    def none(cls) -> Self:
        """No detections."""
        return cls.best_first([], [], [])

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Self:
        """A selection that keeps the order."""
        return type(self)(self.boxes[which], self.scores[which], self.classes[which], self.non_finite)

    def relabelled(self, index_of: Mapping[int, int]) -> Self:
        """The same boxes under other class indices; a class that has none becomes -1 - class, which is nobody's."""
        classes = [index_of.get(index, -1 - index) for index in self.classes.tolist()]
        return type(self)(self.boxes, self.scores, np.array(classes, np.int64), self.non_finite)

    def above(self, confidence: float, *, at_most: int | None = None) -> Self:
        """The detections whose score is above ``confidence``, and of those the best ``at_most``."""
        return self.take(slice(0, int((self.scores > confidence).sum()))).take(slice(0, at_most))


def all_finite(numbers: NDArray[np.float64]) -> bool:
    """Whether no number is NaN or infinite; ``all`` as a method takes twice as long."""
    return bool(np.logical_and.reduce(np.isfinite(numbers), axis=None))


def name_of(names: Sequence[str], index: int) -> str:
    """The name of a class index; an index beyond the names has none and is shown by its number."""
    return names[index] if 0 <= index < len(names) else f"class {index}"
