"""The check after an export goes red for another network, and not for what rounding does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from parity.convert.check import Agreement, detection_difference, end_to_end_difference, raw_difference, structured_image
from parity.limits import SAME_NETWORK, Tolerance
from parity.spec import Suppress, Suppressor

RAW = np.random.default_rng(0).random((1, 7, 84)).astype(np.float32)
EVERYTHING = np.concatenate([RAW[:, :4] * 64, RAW[:, 4:]], axis=1).transpose(0, 2, 1)  # (1, 84, 4 + 3)


def apart(measure: Callable[..., Agreement], reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> Tolerance:
    """The difference that a measure finds between two single outputs."""
    return measure((reference,), (candidate,), Suppress(), (64, 64)).difference


def best_rows(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What an end-to-end head keeps: the pairs of box and class with the best scores."""
    order = np.argsort(-EVERYTHING[0, :, 4:], axis=None, kind="stable")[:count]
    anchors, classes = np.unravel_index(order, EVERYTHING[0, :, 4:].shape)
    return np.column_stack([EVERYTHING[0, anchors, :4], EVERYTHING[0, anchors, 4 + classes], classes]).astype(np.float32)[None]


def test_equal_heads_differ_by_nothing() -> None:
    difference = apart(raw_difference, RAW, RAW)
    assert (difference.box_px, difference.score) == (0, 0)


def test_box_and_score_are_told_apart() -> None:
    moved = RAW.copy()
    moved[0, 2, 5] += 1
    moved[0, 6, 7] += 0.25
    difference = apart(raw_difference, RAW, moved)
    assert difference.box_px == pytest.approx(1)
    assert difference.score == pytest.approx(0.25)


def test_not_a_number_is_no_agreement() -> None:
    broken = RAW.copy()
    broken[0, 0, 0] = np.nan
    assert not apart(raw_difference, RAW, broken).box_px <= 1e9


def test_another_shape_is_no_agreement() -> None:
    assert apart(raw_difference, RAW, RAW[:, :6]).box_px == np.inf
    assert apart(end_to_end_difference, EVERYTHING, RAW).score == np.inf


def test_the_best_rows_are_explained() -> None:
    difference = apart(end_to_end_difference, EVERYTHING, best_rows(20))
    assert (difference.box_px, difference.score) == (0, 0)


def test_rows_of_almost_equal_score_may_change_places() -> None:
    rows = best_rows(20)
    rows[0, [3, 4]] = rows[0, [4, 3]]
    difference = apart(end_to_end_difference, EVERYTHING, rows)
    assert difference.box_px == 0
    assert difference.score <= abs(rows[0, 3, 4] - rows[0, 4, 4])


@pytest.mark.parametrize(("column", "change"), [(0, 5.0), (4, -0.2), (5, 7.0)], ids=["place", "score", "class"])
def test_a_row_that_the_reference_does_not_have_is_no_agreement(column: int, change: float) -> None:
    rows = best_rows(20)
    rows[0, 19, column] += change
    difference = apart(end_to_end_difference, EVERYTHING, rows)
    assert difference.box_px > 0.05 or difference.score > 1e-3


def test_rows_that_are_not_the_best_are_no_agreement() -> None:
    assert apart(end_to_end_difference, EVERYTHING, best_rows(20)[:, 10:]).score > 1e-3


def test_no_rows_are_no_agreement() -> None:
    assert apart(end_to_end_difference, EVERYTHING, best_rows(0)).box_px == np.inf


@pytest.mark.parametrize("columns", [slice(0, 4), slice(4, 5), slice(5, 6)], ids=["box", "score", "class"])
def test_a_row_that_is_not_a_number_is_no_agreement(columns: slice) -> None:
    rows = best_rows(20)
    rows[0, 7, columns] = np.nan
    difference = apart(end_to_end_difference, EVERYTHING, rows)
    assert not (difference.box_px <= 0.05 and difference.score <= 1e-3)


# Detections: location (1, n, 4), score (1, n), category (1, n)

IN_GRAPH = Suppress(Suppressor.IN_GRAPH, confidence=0.05, max_detections=4, graph_confidence=0.05)
LOCATION = np.array([[[0.1, 0.1, 0.4, 0.5], [0.5, 0.5, 0.9, 0.9], [0.1, 0.1, 0.4, 0.5]]], np.float32)
SCORE, CATEGORY = np.array([[0.9, 0.8, 0.3]], np.float32), np.array([[1, 2, 2]], np.float32)
DETECTED = (LOCATION, SCORE, CATEGORY)


def detections_apart(*candidate: NDArray[np.float32]) -> Agreement:
    """How far a candidate is from what is detected, on an image of 100 x 200 px."""
    return detection_difference(DETECTED, candidate, IN_GRAPH, (100, 200))


def test_equal_detections_differ_by_nothing_in_any_order() -> None:
    found = detections_apart(*(part[:, ::-1] for part in DETECTED))
    assert (found.difference, found.compared) == (Tolerance(0, 0), 3)


def test_a_moved_detection_is_off_by_pixels_of_its_image() -> None:
    moved = LOCATION.copy()
    moved[0, 0, 0] += 0.01
    assert detections_apart(moved, SCORE, CATEGORY).difference.box_px == pytest.approx(2, rel=1e-4)


@pytest.mark.parametrize("rows", [slice(0, 2), slice(1, 3)], ids=["without the last", "without the first"])
def test_a_detection_that_one_side_lacks_is_no_agreement(rows: slice) -> None:
    assert not detections_apart(*(part[:, rows] for part in DETECTED)).within(SAME_NETWORK)
    assert not detection_difference(tuple(part[:, rows] for part in DETECTED), DETECTED, IN_GRAPH, (100, 200)).within(SAME_NETWORK)


def test_another_class_is_no_agreement() -> None:
    assert not detections_apart(LOCATION, SCORE, CATEGORY + 1).within(SAME_NETWORK)


def test_detections_that_are_not_numbers_are_no_agreement() -> None:
    assert not detections_apart(LOCATION * np.float32(np.nan), SCORE, CATEGORY).within(SAME_NETWORK)
    assert not detections_apart(LOCATION, SCORE * np.float32(np.nan), CATEGORY).within(SAME_NETWORK)


def test_a_detection_at_the_cut_may_be_on_one_side_only() -> None:
    score = SCORE.copy()
    score[0, 2] = 0.0503
    shorter = tuple(part[:, :2] for part in DETECTED)
    assert detection_difference((LOCATION, score, CATEGORY), shorter, IN_GRAPH, (100, 200)).within(SAME_NETWORK)


def test_copies_of_one_detection_are_no_agreement() -> None:
    copies = tuple(part[:, [0, 0, 0, 1, 2]] for part in DETECTED)
    assert not detections_apart(*copies).within(SAME_NETWORK)


def test_what_lies_at_the_cut_is_not_compared() -> None:
    faint = (LOCATION[:, :1], np.array([[0.0505]], np.float32), CATEGORY[:, :1])
    assert detection_difference(faint, tuple(part[:, :0] for part in DETECTED), IN_GRAPH, (100, 200)).compared == 0


def test_nothing_detected_is_nothing_compared() -> None:
    nothing = tuple(part[:, :0] for part in DETECTED)
    assert detection_difference(nothing, nothing, IN_GRAPH, (100, 200)).compared == 0


def test_the_image_is_the_same_each_time_and_within_range() -> None:
    image = structured_image((64, 96))
    assert image.shape == (1, 3, 64, 96)
    assert np.array_equal(image, structured_image((64, 96)))
    assert 0 <= image.min() < 0.2
    assert 0.8 < image.max() <= 1
