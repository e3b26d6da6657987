"""What is kept, and in which order; equality with other implementations is in ``tests/oracles``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.decode import Candidates
from parity.spec import Suppress, Suppressor
from parity.suppress import non_maximum_suppression, suppress

BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [0, 0, 10, 10]], np.float32)
SCORES = np.array([[0.5, 0.4], [0.9, 0.1], [0.3, 0.2], [0.1, 0.8]], np.float32)
RAW = Candidates(BOXES, SCORES, np.broadcast_to(np.arange(2), (4, 2)), non_finite=1)


@pytest.mark.parametrize(
    ("changes", "scores", "classes"),
    [
        ({}, [0.9, 0.8, 0.3], [0, 1, 0]),
        ({"confidence": 0.3}, [0.9, 0.8], [0, 1]),
        ({"iou": 0.95}, [0.9, 0.8, 0.5, 0.3], [0, 1, 0, 0]),
        ({"class_agnostic": True}, [0.9, 0.3], [0, 0]),
        ({"multi_label": True, "confidence": 0.15}, [0.9, 0.8, 0.3, 0.2], [0, 1, 0, 1]),
        ({"max_detections": 1}, [0.9], [0]),
        ({"max_candidates": 2}, [0.9, 0.8], [0, 1]),
        ({"method": Suppressor.IN_GRAPH, "iou": None}, [0.9, 0.8, 0.5, 0.3], [0, 1, 0, 0]),
        ({"method": Suppressor.IN_GRAPH, "max_detections": 2}, [0.9, 0.8], [0, 1]),
        ({"confidence": 1.0}, [], []),
    ],
)
def test_the_settings_decide_what_is_kept(changes: dict[str, Any], scores: list[float], classes: list[int]) -> None:
    kept = suppress(RAW, Suppress(**changes))
    np.testing.assert_allclose(kept.scores, scores, atol=1e-7)
    assert kept.classes.tolist() == classes


def test_rows_that_were_no_numbers_stay_counted() -> None:
    assert suppress(RAW, Suppress()).non_finite == 1


def test_nothing_gives_nothing() -> None:
    empty = Candidates(np.empty((0, 4), np.float32), np.empty((0, 2), np.float32), np.empty((0, 2), np.int64))
    assert len(suppress(empty, Suppress())) == len(suppress(empty, Suppress(multi_label=True))) == 0


def test_equal_scores_keep_their_order() -> None:
    boxes = np.array([[n * 20, 0, n * 20 + 10, 10] for n in range(5)], np.float32)
    kept = suppress(Candidates(boxes, np.full((5, 1), 0.5, np.float32), np.zeros((5, 1), np.int64)), Suppress())
    assert kept.boxes.tolist() == boxes.tolist()


def test_nms_without_a_threshold_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="an IoU threshold for NMS"):
        Suppress(iou=None)
    with pytest.raises(ValueError, match="NMS needs an IoU threshold"):
        non_maximum_suppression(RAW.boxes, RAW.scores[:, 0], RAW.labels[:, 0], Suppress(method=Suppressor.IN_GRAPH, iou=None))


def test_the_callers_candidates_are_left_alone() -> None:
    suppress(RAW, Suppress())
    assert BOXES[0].tolist() == [0, 0, 10, 10]
    assert BOXES.flags.writeable
