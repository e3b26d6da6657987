"""Noise is the largest difference that does not matter, and what appears or disappears is counted apart from what moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import Row, found
from scipy.special import logit as their_logit

from parity.decode import Candidates
from parity.doubts import log_odds
from parity.noise import DetectionNoise, detection_noise, head_noise, logit_change, worst_detections, worst_head

A: Row = (10, 10, 50, 50, 0.9, 0)
B: Row = (100, 100, 160, 160, 0.6, 1)


def head(*rows: tuple[float, ...]) -> Candidates:
    """Raw boxes: four coordinates, then a score for each class."""
    table = np.array(rows, np.float32)
    return Candidates(table[:, :4], table[:, 4:], np.zeros_like(table[:, 4:], np.int64))


@given(st.floats(1e-9, 1 - 1e-9))
def test_log_odds_are_scipys_logit(score: float) -> None:
    assert log_odds(np.array([score])) == pytest.approx(their_logit(score), rel=1e-9, abs=1e-12)


def test_log_odds_of_certainties_are_finite_and_opposite() -> None:
    low, high = log_odds(np.array([0.0, 1.0]))
    assert np.isfinite(low)
    assert high == pytest.approx(-low, rel=1e-4)


def test_boxes_and_logits_of_a_raw_head_count_where_something_may_be_and_scores_everywhere() -> None:
    measured = head_noise(
        head((0, 0, 8, 8, 0.5, 0.0), (0, 0, 8, 8, 0.0005, 0.0)),
        head((0, 0, 8, 8.25, 0.5, 0.0), (0, 0, 99, 8, 0.0005, 0.0625)),
        confidence=0.25,
    )
    assert (measured.box_px, measured.score, measured.logit, measured.anchors) == (0.25, 0.0625, 0, 1)


def test_the_same_score_difference_is_more_of_a_logit_near_the_ends() -> None:
    middle = head_noise(head((0, 0, 8, 8, 0.5)), head((0, 0, 8, 8, 0.501)), confidence=0.25)
    end = head_noise(head((0, 0, 8, 8, 0.98)), head((0, 0, 8, 8, 0.981)), confidence=0.25)
    assert end.score == pytest.approx(middle.score, rel=1e-3)
    assert end.logit > 10 * middle.logit


def test_a_rounding_step_of_a_score_near_one_is_no_noise_of_logits() -> None:
    step = float(np.finfo(np.float32).eps)
    near_one, further = np.array([1 - 2 * step]), np.array([1 - 3 * step])
    assert logit_change(near_one, further) == pytest.approx([0], abs=1e-6)
    assert logit_change(near_one, near_one - 100 * step) > 1


def test_raw_heads_of_different_shapes_are_infinitely_apart() -> None:
    assert head_noise(head((0, 0, 8, 8, 0.5)), head((0, 0, 8, 8, 0.5, 0.1)), confidence=0.25).box_px == np.inf


def test_matched_detections_are_measured_in_both_kinds_of_pixels() -> None:
    measured = detection_noise(found(A, B), found((10.25, *A[1:4], 0.8, 0), B), gain=2.0)
    assert (measured.box_image_px, measured.box_network_px, measured.detections, measured.edges) == (0.25, 0.5, 2, 0)
    assert measured.score == pytest.approx(0.1)
    assert measured.logit == pytest.approx(their_logit(0.9) - their_logit(0.8), rel=1e-5)


@pytest.mark.parametrize(
    ("reference", "other", "appeared", "disappeared"),
    [
        ([A, B], [A], 0, 1),
        ([A], [A, B], 1, 0),
        ([A], [(*A[:5], 1)], 1, 1),
        ([A], [(14, *A[1:])], 1, 1),  # another box in its place is no box that moved
    ],
)
def test_what_is_on_one_side_only_is_counted_and_moves_nothing(
    reference: list[Row], other: list[Row], appeared: int, disappeared: int
) -> None:
    measured = detection_noise(found(*reference), found(*other), gain=1.0)
    assert (measured.appeared, measured.disappeared, measured.box_image_px) == (appeared, disappeared, 0)


def test_the_worst_of_all_images_is_taken_and_counts_are_summed() -> None:
    rows = [DetectionNoise(1, 2, 3, 4, 5, 1, 0), DetectionNoise(4, 3, 2, 1, 5, 0, 2)]
    assert worst_detections(rows) == DetectionNoise(4, 3, 3, 4, 10, 1, 2)
    assert worst_head([]).anchors == 0


def test_noise_that_is_no_number_stays_none() -> None:
    assert np.isnan(worst_detections([DetectionNoise(np.nan, 0, 0, 0, 0, 0, 0), DetectionNoise(1, 0, 0, 0, 0, 0, 0)]).box_network_px)
