"""Each head layout is read as its name says, and a shape that does not fit is refused with the way out."""

from __future__ import annotations

import numpy as np
import pytest

from parity.decode import decode, sigmoid, top_scores
from parity.errors import BadInput
from parity.spec import Activation, BoxFormat, BoxUnits, Head, HeadLayout

SIZE = (100, 200)
ROWS = np.array([[[50, 40, 20, 10, 0.25, 0.75], [10, 10, 4, 4, 0.5, 0.125]]], np.float32)  # [1, N, 4 + 2]
CORNERS = [[40, 35, 60, 45], [8, 8, 12, 12]]


def test_channels_last_and_first_are_transposes() -> None:
    last = decode((ROWS,), Head(layout=HeadLayout.CHANNELS_LAST), classes=2, network_size=SIZE)
    first = decode((ROWS.transpose(0, 2, 1),), Head(), classes=2, network_size=SIZE)
    assert last.boxes.tolist() == first.boxes.tolist() == CORNERS
    assert last.scores.tolist() == first.scores.tolist() == [[0.25, 0.75], [0.5, 0.125]]
    assert last.labels.tolist() == [[0, 1], [0, 1]]


def test_the_classes_of_a_raw_head_take_no_memory_of_their_own_and_cannot_be_written() -> None:
    labels = decode((ROWS,), Head(layout=HeadLayout.CHANNELS_LAST, class_offset=1), classes=2, network_size=SIZE).labels
    assert (labels.tolist(), labels.strides[0], labels.flags.writeable) == ([[-1, 0], [-1, 0]], 0, False)


def test_objectness_multiplies_the_classes() -> None:
    rows = np.insert(ROWS, 4, 0.5, axis=2)
    candidates = decode((rows,), Head(layout=HeadLayout.OBJECTNESS), classes=2, network_size=SIZE)
    assert candidates.scores.tolist() == [[0.125, 0.375], [0.25, 0.0625]]


def test_end_to_end_rows_bring_their_class() -> None:
    rows = np.array([[[1, 2, 3, 4, 0.9, 7], [5, 6, 7, 8, 0.8, 1]]], np.float32)
    candidates = decode((rows,), Head(layout=HeadLayout.END_TO_END, box_format=BoxFormat.XYXY), classes=2, network_size=SIZE)
    assert (candidates.boxes.tolist(), candidates.labels.tolist()) == ([[1, 2, 3, 4], [5, 6, 7, 8]], [[7], [1]])  # 7 is beyond the names


def test_boxes_labels_scores_come_in_torchvisions_order() -> None:
    outputs = (np.array([[1, 2, 3, 4]], np.float32), np.array([5], np.float32), np.array([0.5], np.float32))
    head = Head(layout=HeadLayout.BOXES_LABELS_SCORES, box_format=BoxFormat.XYXY, class_offset=1)
    candidates = decode(outputs, head, classes=2, network_size=SIZE)
    assert (candidates.scores.tolist(), candidates.labels.tolist()) == ([[0.5]], [[4]])


def test_location_score_and_category_come_with_a_batch_axis() -> None:
    outputs = (np.array([[[0.5, 0.25, 1, 1]]], np.float32), np.array([[0.5]], np.float32), np.array([[2]], np.float32))
    head = Head(HeadLayout.BOXES_SCORES_LABELS, BoxFormat.XYXY, BoxUnits.NORMALISED, class_offset=1)
    candidates = decode(outputs, head, classes=2, network_size=(40, 60))
    assert (candidates.boxes.tolist(), candidates.labels.tolist()) == ([[30, 10, 60, 40]], [[1]])


def test_normalised_units_are_scaled_by_width_and_height() -> None:
    rows = np.array([[[0.5, 0.5, 1, 1, 0.9]]], np.float32)
    head = Head(layout=HeadLayout.CHANNELS_LAST, box_units=BoxUnits.NORMALISED)
    assert decode((rows,), head, classes=1, network_size=SIZE).boxes.tolist() == [[0, 0, 200, 100]]


def test_pixels_can_be_brought_to_shares_once_too_often() -> None:
    rows = np.array([[[100, 50, 20, 10, 0.9]]], np.float32)
    head = Head(layout=HeadLayout.CHANNELS_LAST, box_units=BoxUnits.DIVIDED)
    boxes = decode((rows,), head, classes=1, network_size=SIZE).boxes
    np.testing.assert_allclose(boxes, [[90 / 200, 45 / 100, 110 / 200, 55 / 100]], rtol=1e-6)


def test_a_sigmoid_is_applied_where_it_is_asked_for() -> None:
    candidates = decode((ROWS,), Head(layout=HeadLayout.CHANNELS_LAST, activation=Activation.SIGMOID), classes=2, network_size=SIZE)
    np.testing.assert_allclose(candidates.scores[0], [0.562177, 0.679179], atol=1e-6)


def test_the_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e30, -100, 0, 100, 1e30], np.float32)).tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize("place", [0, 3, 4, 5])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_no_number_is_counted(place: int, wrong: float) -> None:
    rows = ROWS.copy()
    rows[0, 0, place] = wrong
    candidates = decode((rows,), Head(layout=HeadLayout.CHANNELS_LAST, activation=Activation.SIGMOID), classes=2, network_size=SIZE)
    assert (candidates.boxes.tolist(), candidates.non_finite) == ([CORNERS[1]], 1)


@pytest.mark.parametrize(
    "rows",
    [
        [[0.25, 0.75], [0.5, 0.125], [0.0, 0.0]],
        [[-3.0, 2.0], [-1.0, -0.5], [-0.0, -1e-38]],  # logits
        [[0.0, -0.0], [-0.0, -0.0], [1e-45, 3e38]],
    ],
)
def test_the_top_score_is_the_largest_of_a_row_whatever_the_signs(rows: list[list[float]]) -> None:
    scores = np.array(rows, np.float32)
    best, finite = top_scores(scores)
    assert (best.tolist(), finite) == (scores.max(1).tolist(), True)


@pytest.mark.parametrize("other", [0.5, -0.5])
@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 1])
def test_one_score_that_is_no_number_is_told_of(wrong: float, other: float, row: int) -> None:
    scores = np.array([[other, 0.25], [0.25, other]], np.float32)
    scores[row, row] = wrong
    best, finite = top_scores(scores)
    assert (finite, best[1 - row]) == (False, max(other, 0.25))


def test_no_rows_have_no_top_scores_and_are_finite() -> None:
    best, finite = top_scores(np.empty((0, 3), np.float32))
    assert (best.tolist(), finite) == ([], True)


def test_a_box_that_overflows_and_a_class_that_is_no_index_are_counted() -> None:
    rows = np.array([[[3e38, 3e38, 3e38, 3e38, 0.9, 0], [1, 1, 1, 1, 0.9, 3e38]]], np.float32)
    candidates = decode((rows,), Head(layout=HeadLayout.END_TO_END), classes=1, network_size=SIZE)
    assert (len(candidates.boxes), candidates.non_finite) == (0, 2)


@pytest.mark.parametrize(
    ("layout", "shapes"),
    [
        (HeadLayout.CHANNELS_FIRST, [(1, 7, 10)]),
        (HeadLayout.CHANNELS_FIRST, [(2, 6, 10)]),
        (HeadLayout.CHANNELS_FIRST, [(6, 10)]),
        (HeadLayout.CHANNELS_LAST, [(1, 6, 10)]),
        (HeadLayout.OBJECTNESS, [(1, 10, 6)]),
        (HeadLayout.END_TO_END, [(1, 6, 300)]),
        (HeadLayout.BOXES_LABELS_SCORES, [(3, 4), (3,)]),
        (HeadLayout.BOXES_LABELS_SCORES, [(3, 4), (3,), (2,)]),
        (HeadLayout.BOXES_LABELS_SCORES, [(3,), (3,), (3, 4)]),
        (HeadLayout.BOXES_LABELS_SCORES, [(), (), ()]),
        (HeadLayout.BOXES_SCORES_LABELS, [(1, 3, 4), (1, 3)]),
        (HeadLayout.BOXES_SCORES_LABELS, [(2, 3, 4), (2, 3), (2, 3)]),
        (HeadLayout.BOXES_SCORES_LABELS, [(3, 4), (3,), (3,)]),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(layout: HeadLayout, shapes: list[tuple[int, ...]]) -> None:
    outputs = tuple(np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(BadInput, match=f"does not fit the head layout {layout}") as caught:
        decode(outputs, Head(layout=layout), classes=2, network_size=SIZE)
    assert "--candidate-spec" in str(caught.value)
