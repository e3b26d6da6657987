"""What is kept of a contest for a report."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
from oracles.exhibits import different, exhibit

from parity.exhibits import precision_recall
from parity.metrics import Evaluation

if TYPE_CHECKING:
    from pathlib import Path


def evaluated(first: float, *, second: float) -> Evaluation:
    """Two classes of one precision each at every recall; -1 is a class without objects."""
    precision = np.empty((10, 101, 2, 4))
    precision[:, :, 0], precision[:, :, 1] = first, second
    return Evaluation(precision, np.zeros((10, 2, 4, 3)), (1, 2))


def test_curves_are_means_over_the_classes_that_have_objects() -> None:
    half, three_quarters = precision_recall((evaluated(0.5, second=-1), evaluated(0.25, second=-1)))
    assert (half.iou, three_quarters.iou) == (0.5, 0.75)
    assert (set(half.reference.tolist()), set(half.candidate.tolist())) == ({0.5}, {0.25})
    (both, _) = precision_recall((evaluated(0.5, second=1.0), evaluated(0.5, second=0.0)))
    assert (both.reference[0], both.candidate[0], both.reference.shape) == (0.75, 0.25, (101,))


def test_without_any_object_there_are_no_curves() -> None:
    assert precision_recall((evaluated(-1, second=-1), evaluated(-1, second=-1))) == []


def test_it_travels_between_processes(tmp_path: Path) -> None:
    kept = exhibit(tmp_path, [different()])
    again = pickle.loads(pickle.dumps(kept))  # noqa: S301 - our own
    assert again.images == kept.images
    assert again.comparisons[0].missed.tolist() == kept.comparisons[0].missed.tolist()
