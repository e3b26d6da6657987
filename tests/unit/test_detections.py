"""Detections are finite, ordered and read-only; what is not finite is counted."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import found, random_detections, seeds

from parity.detections import Detections

BOXES, SCORES, CLASSES = np.zeros((2, 4)), np.array([0.9, 0.1]), np.array([0, 1])


@pytest.mark.parametrize(
    ("boxes", "scores", "classes"),
    [
        (np.zeros((2, 5)), SCORES, CLASSES),
        (np.zeros((3, 4)), SCORES, CLASSES),
        (np.zeros(8), SCORES, CLASSES),
        (BOXES, SCORES[:, None], CLASSES),
        (BOXES, SCORES, CLASSES[:1]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shapes do not fit"):
        Detections(boxes, scores, classes)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Detections(np.full((2, 4), wrong), SCORES, CLASSES)
    with pytest.raises(ValueError, match="must be finite"):
        Detections(BOXES, np.array([0.5, wrong]), CLASSES)


def test_rising_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="scores must fall"):
        Detections(BOXES, np.array([0.1, 0.9]), CLASSES)


def test_fitting_arrays_are_taken_and_become_read_only() -> None:
    detections = Detections(BOXES.copy(), SCORES.copy(), CLASSES.copy())
    assert len(detections) == 2
    with pytest.raises(ValueError, match="read-only"):
        detections.boxes[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        detections.non_finite = 1  # type: ignore[misc]


def test_best_first_sorts_and_keeps_the_order_of_equal_scores() -> None:
    detections = found((0, 0, 1, 1, 0.2, 0), (0, 0, 2, 2, 0.9, 1), (0, 0, 3, 3, 0.2, 2))
    assert detections.scores.tolist() == [0.9, 0.2, 0.2]
    assert detections.classes.tolist() == [1, 0, 2]
    assert detections.boxes[:, 2].tolist() == [2, 1, 3]


@pytest.mark.parametrize("row", [(np.nan, 0, 1, 1, 0.5, 0), (0, 0, np.inf, 1, 0.5, 0), (0, 0, 1, 1, np.nan, 0), (0, 0, 1, 1, 0.5, np.nan)])
def test_best_first_counts_what_is_no_number(row: tuple[float, ...]) -> None:
    detections = found((0, 0, 1, 1, 0.1, 0), row)  # type: ignore[arg-type]
    assert (len(detections), detections.non_finite) == (1, 1)


def test_best_first_adds_to_what_was_counted_before() -> None:
    assert Detections.best_first([[np.nan] * 4], [0.5], [0], non_finite=3).non_finite == 4


def test_best_first_copies_what_it_is_given() -> None:
    boxes = np.zeros((1, 4))
    Detections.best_first(boxes, [0.5], [0])
    boxes[0, 0] = 1
    assert boxes.flags.writeable


def test_none_is_empty() -> None:
    nothing = Detections.none()
    assert (len(nothing), nothing.boxes.shape, nothing.non_finite) == (0, (0, 4), 0)


@given(seeds)
def test_above_is_strict_and_keeps_the_best(seed: int) -> None:
    detections = random_detections(np.random.default_rng(seed), 9)
    threshold = float(detections.scores[4])
    assert detections.above(threshold).scores.tolist() == detections.scores[:4].tolist()
    assert detections.above(threshold, at_most=2).scores.tolist() == detections.scores[:2].tolist()


def test_a_selection_keeps_the_count_of_what_was_no_number() -> None:
    detections = Detections.best_first(np.zeros((2, 4)), [0.9, 0.8], [0, 1], non_finite=2)
    assert detections.take(np.array([False, True])).classes.tolist() == [1]
    assert detections.take(slice(0, 0)).non_finite == detections.above(0.85).non_finite == 2


def test_relabelled_detections_keep_all_but_the_class_and_an_unknown_class_is_nobodys() -> None:
    detections = Detections.best_first([[0, 0, 1, 1], [2, 2, 3, 3]], [0.9, 0.8], [0, 4])
    relabelled = detections.relabelled({0: 2})
    assert relabelled.classes.tolist() == [2, -5]
    assert (relabelled.scores.tolist(), relabelled.boxes.tolist()) == (detections.scores.tolist(), detections.boxes.tolist())
