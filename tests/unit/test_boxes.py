"""Overlap, clipping and the changes of format."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import random_boxes, seeds

from parity.boxes import area, clip, corner_size_to_xyxy, iou, xywh_to_xyxy, xyxy_to_corner_size

SQUARE = np.array([[0.0, 0.0, 10.0, 10.0]])


def boxes_of(seed: int) -> np.ndarray:
    """A few boxes."""
    return random_boxes(np.random.default_rng(seed), 5)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([0, 0, 10, 10], 1.0),
        ([0, 0, 10, 5], 0.5),
        ([5, 5, 15, 15], 25 / 175),
        ([10, 0, 20, 10], 0.0),
        ([50, 50, 60, 60], 0.0),
        ([5, 5, 5, 5], 0.0),
        ([10, 10, 0, 0], 0.0),
    ],
)
def test_iou_of_known_boxes(other: list[float], expected: float) -> None:
    assert iou(SQUARE, np.array([other], np.float64))[0, 0] == pytest.approx(expected)


def test_iou_of_two_empty_boxes_is_zero() -> None:
    assert iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


def test_iou_has_a_row_for_each_reference_and_a_column_for_each_candidate() -> None:
    assert iou(boxes_of(0)[:2], boxes_of(1)).shape == (2, 5)
    assert iou(np.empty((0, 4)), boxes_of(1)).shape == (0, 5)


@given(seeds, seeds)
def test_iou_is_a_symmetric_share(first: int, second: int) -> None:
    there, back = iou(boxes_of(first), boxes_of(second)), iou(boxes_of(second), boxes_of(first))
    np.testing.assert_array_equal(there, back.T)
    assert ((there >= 0) & (there <= 1)).all()
    np.testing.assert_allclose(np.diag(iou(boxes_of(first), boxes_of(first))), 1)


def test_iou_of_boxes_near_the_largest_float_is_a_number() -> None:
    huge = np.array([[-1e308, -1e308, 1e308, 1e308]])
    assert iou(huge, huge).tolist() == [[0.0]]


def test_area_of_a_box_with_exchanged_corners_is_zero() -> None:
    assert area(np.array([[0.0, 0, 4, 5], [4, 5, 0, 0], [4, 0, 0, 5]])).tolist() == [20, 0, 0]


@given(seeds)
def test_corner_and_size_is_undone_by_its_inverse(seed: int) -> None:
    boxes = boxes_of(seed)
    np.testing.assert_allclose(corner_size_to_xyxy(xyxy_to_corner_size(boxes)), boxes, rtol=0, atol=1e-12)


def test_formats_of_a_known_box() -> None:
    corners = np.array([[10.0, 20.0, 30.0, 60.0]])
    assert xywh_to_xyxy(np.array([[20.0, 40.0, 20.0, 40.0]])).tolist() == corners.tolist()
    assert xyxy_to_corner_size(corners).tolist() == [[10, 20, 20, 40]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_formats_keep_the_type(dtype: type[np.floating]) -> None:
    boxes = boxes_of(0).astype(dtype)
    results = (xywh_to_xyxy(boxes), xyxy_to_corner_size(boxes), corner_size_to_xyxy(boxes), clip(boxes, 10, 10))
    assert {result.dtype for result in results} == {np.dtype(dtype)}


@given(seeds, st.integers(1, 100), st.integers(1, 100))
def test_clipped_boxes_lie_within_the_image(seed: int, height: int, width: int) -> None:
    clipped = clip(boxes_of(seed) - 20, height, width)
    assert (clipped >= 0).all()
    assert (clipped <= [width, height, width, height]).all()


def test_clipping_leaves_the_callers_boxes_alone() -> None:
    boxes = np.array([[-5.0, -5.0, 50.0, 50.0]])
    assert clip(boxes, 10, 20).tolist() == [[0, 0, 20, 10]]
    assert boxes.tolist() == [[-5, -5, 50, 50]]
