"""What ONNX Runtime's operator is relied on for; equality with torchvision on many boxes is in ``tests/oracles``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from parity.nms import nms

ROWS = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [0, 0, 10, 8]], np.float32)
NONE = np.empty((0, 4), np.float32)


def scores(*values: float) -> np.ndarray:
    """Scores as networks give them."""
    return np.array(values, np.float32)


def test_the_best_of_boxes_that_overlap_is_kept_and_the_best_stands_first() -> None:
    assert nms(ROWS, scores(0.2, 0.3, 0.9, 0.1), iou=0.5, most=10).tolist() == [2, 1]


def test_of_equal_scores_the_first_is_the_better() -> None:
    assert nms(ROWS, scores(0.5, 0.5, 0.5, 0.5), iou=0.5, most=10).tolist() == [0, 2]
    assert nms(ROWS, scores(0.5, 0.5, 0.5, 0.5), iou=1.0, most=10).tolist() == [0, 1, 2, 3]


def test_no_more_are_kept_than_are_asked_for() -> None:
    assert nms(ROWS, scores(0.4, 0.3, 0.2, 0.1), iou=1.0, most=2).tolist() == [0, 1]
    assert nms(ROWS, scores(0.4, 0.3, 0.2, 0.1), iou=1.0, most=2**70).tolist() == [0, 1, 2, 3]


def test_nothing_keeps_nothing() -> None:
    assert nms(NONE, scores(), iou=0.5, most=10).tolist() == []


@pytest.mark.parametrize("corners", [[10, 0, 0, 10], [0, 10, 10, 0], [10, 10, 0, 0]])
def test_a_box_of_exchanged_corners_overlaps_nothing(corners: list[int]) -> None:
    rows = np.array([[0, 0, 10, 10], corners, corners], np.float32)
    assert nms(rows, scores(0.3, 0.2, 0.1), iou=0.0, most=10).tolist() == [0, 1, 2]
    assert rows[1].tolist() == corners


def test_threads_share_the_operator() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 100, (200, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 50, (200, 2))], axis=1).astype(np.float32)
    orders = [rng.random(200).astype(np.float32) for _ in range(64)]
    work = partial(nms, boxes, iou=0.5, most=100)
    with ThreadPoolExecutor(8) as pool:
        at_once = [kept.tolist() for kept in pool.map(work, orders)]
    assert at_once == [work(order).tolist() for order in orders]
