"""The check after an export goes red for another network, and not for what rounding does."""

from __future__ import annotations

import numpy as np
import pytest

from parity.convert.check import end_to_end_difference, raw_difference, structured_image

RAW = np.random.default_rng(0).random((1, 7, 84)).astype(np.float32)
EVERYTHING = np.concatenate([RAW[:, :4] * 64, RAW[:, 4:]], axis=1).transpose(0, 2, 1)  # (1, 84, 4 + 3)


def best_rows(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What an end-to-end head keeps: the pairs of box and class with the best scores."""
    order = np.argsort(-EVERYTHING[0, :, 4:], axis=None, kind="stable")[:count]
    anchors, classes = np.unravel_index(order, EVERYTHING[0, :, 4:].shape)
    return np.column_stack([EVERYTHING[0, anchors, :4], EVERYTHING[0, anchors, 4 + classes], classes]).astype(np.float32)[None]


def test_equal_heads_differ_by_nothing() -> None:
    difference = raw_difference(RAW, RAW)
    assert (difference.box_px, difference.score) == (0, 0)


def test_box_and_score_are_told_apart() -> None:
    moved = RAW.copy()
    moved[0, 2, 5] += 1
    moved[0, 6, 7] += 0.25
    difference = raw_difference(RAW, moved)
    assert difference.box_px == pytest.approx(1)
    assert difference.score == pytest.approx(0.25)


def test_not_a_number_is_no_agreement() -> None:
    broken = RAW.copy()
    broken[0, 0, 0] = np.nan
    assert not raw_difference(RAW, broken).box_px <= 1e9


def test_another_shape_is_no_agreement() -> None:
    assert raw_difference(RAW, RAW[:, :6]).box_px == np.inf
    assert end_to_end_difference(EVERYTHING, RAW).score == np.inf


def test_the_best_rows_are_explained() -> None:
    difference = end_to_end_difference(EVERYTHING, best_rows(20))
    assert (difference.box_px, difference.score) == (0, 0)


def test_rows_of_almost_equal_score_may_change_places() -> None:
    rows = best_rows(20)
    rows[0, [3, 4]] = rows[0, [4, 3]]
    difference = end_to_end_difference(EVERYTHING, rows)
    assert difference.box_px == 0
    assert difference.score <= abs(rows[0, 3, 4] - rows[0, 4, 4])


@pytest.mark.parametrize(("column", "change"), [(0, 5.0), (4, -0.2), (5, 7.0)], ids=["place", "score", "class"])
def test_a_row_that_the_reference_does_not_have_is_no_agreement(column: int, change: float) -> None:
    rows = best_rows(20)
    rows[0, 19, column] += change
    difference = end_to_end_difference(EVERYTHING, rows)
    assert difference.box_px > 0.05 or difference.score > 1e-3


def test_rows_that_are_not_the_best_are_no_agreement() -> None:
    assert end_to_end_difference(EVERYTHING, best_rows(20)[:, 10:]).score > 1e-3


def test_no_rows_are_no_agreement() -> None:
    assert end_to_end_difference(EVERYTHING, best_rows(0)).box_px == np.inf


@pytest.mark.parametrize("columns", [slice(0, 4), slice(4, 5), slice(5, 6)], ids=["box", "score", "class"])
def test_a_row_that_is_not_a_number_is_no_agreement(columns: slice) -> None:
    rows = best_rows(20)
    rows[0, 7, columns] = np.nan
    difference = end_to_end_difference(EVERYTHING, rows)
    assert not (difference.box_px <= 0.05 and difference.score <= 1e-3)


def test_the_image_is_the_same_each_time_and_within_range() -> None:
    image = structured_image((64, 96))
    assert image.shape == (1, 3, 64, 96)
    assert np.array_equal(image, structured_image((64, 96)))
    assert 0 <= image.min() < 0.2
    assert 0.8 < image.max() <= 1
