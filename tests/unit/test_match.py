"""The matching is one-to-one and the best there is; classes flip only among what is left over."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import found, random_detections, seeds, wiggled

from parity.detections import Detections
from parity.match import match

A, B = (0, 0, 10, 10, 0.9, 0), (100, 100, 140, 140, 0.8, 1)


def plain_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """IoU of two boxes in plain arithmetic."""
    width = max(min(first[2], second[2]) - max(first[0], second[0]), 0)
    height = max(min(first[3], second[3]) - max(first[1], second[1]), 0)
    total = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return float(width * height / (total - width * height))


def best_sum(reference: Detections, candidate: Detections) -> float:
    """The largest sum of overlaps of at least 0.5 within classes, over every assignment there is."""
    size = max(len(reference), len(candidate))
    table = np.zeros((size, size))
    for i, j in np.ndindex(len(reference), len(candidate)):
        overlap = plain_overlap(reference.boxes[i], candidate.boxes[j])
        near = 1 - 1e-3 * abs(reference.scores[i] - candidate.scores[j])
        table[i, j] = overlap * near * (overlap >= 0.5) * (reference.classes[i] == candidate.classes[j])
    return max(float(table[range(size), order].sum()) for order in permutations(range(size)))


@given(seeds, st.integers(0, 6), st.integers(1, 8))
def test_no_other_assignment_is_better(seed: int, n: int, px: int) -> None:
    rng = np.random.default_rng(seed)
    reference = random_detections(rng, n, side=30)
    candidate = wiggled(rng, reference, px=px).take(slice(0, max(n - int(rng.integers(0, 2)), 0)))
    matches = match(reference, candidate)
    near = 1 - 1e-3 * matches.score_change
    overlaps = [plain_overlap(reference.boxes[i], candidate.boxes[j]) for i, j in matches.pairs]
    ours = float(np.dot(overlaps, near))
    assert ours == pytest.approx(best_sum(reference, candidate), abs=1e-9)


def test_a_greedy_matching_would_have_lost_one() -> None:
    reference = found((0, 0, 10, 10, 0.9, 0), (0, 4, 10, 14, 0.8, 0))
    candidate = found((0, 3, 10, 13, 0.9, 0), (0, 7, 10, 17, 0.8, 0))  # the first is nearer to the second reference
    assert match(reference, candidate).pairs.tolist() == [[0, 0], [1, 1]]


def test_of_equal_boxes_the_nearer_score_is_the_partner() -> None:
    reference = found((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.5, 0))
    candidate = found((0, 0, 10, 10, 0.52, 0))
    assert match(reference, candidate).pairs.tolist() == [[1, 0]]


def test_a_class_flip_is_a_leftover_pair_of_two_classes() -> None:
    matches = match(found(A, B), found((*A[:5], 2), B))
    assert (matches.pairs.tolist(), matches.class_flips.tolist()) == ([[1, 1]], [[0, 0]])
    assert (len(matches.missed), len(matches.ghosts)) == (0, 0)


def test_a_partner_of_the_same_class_comes_before_a_better_box_of_another() -> None:
    matches = match(found(A), found((0, 0, 10, 10, 0.9, 1), (0, 0, 10, 7, 0.3, 0)))
    assert (matches.pairs.tolist(), matches.class_flips.tolist(), matches.ghosts.tolist()) == ([[0, 1]], [], [0])


@pytest.mark.parametrize(("height", "paired"), [(5, 1), (4.9, 0)])
def test_a_pair_overlaps_by_half(height: float, paired: int) -> None:
    matches = match(found(A), found((0, 0, 10, height, 0.9, 0)))
    assert (len(matches.pairs), len(matches.missed), len(matches.ghosts)) == (paired, 1 - paired, 1 - paired)


def test_empty_sides() -> None:
    nothing = Detections.none()
    assert match(found(A), nothing).missed.tolist() == [0]
    assert match(nothing, found(A)).ghosts.tolist() == [0]
    assert len(match(nothing, nothing).pairs) == 0


def test_drift_and_score_change_are_per_pair() -> None:
    matches = match(found(A, B), found((0, 0, 10, 10.5, 0.8, 0), (99, 100, 140, 142, 0.75, 1)))
    assert matches.drift_px.tolist() == [0.5, 2]
    np.testing.assert_allclose(matches.score_change, [0.1, 0.05])
    assert len(match(found(A), Detections.none()).drift_px) == 0


def test_a_box_that_clipping_left_flat_matches_itself() -> None:
    flat = found((10, 0, 40, 0, 0.9, 0), (0, 5, 0, 50, 0.8, 1))
    matches = match(flat, flat)
    assert matches.pairs.tolist() == [[0, 0], [1, 1]]
    assert (len(matches.missed), len(matches.ghosts)) == (0, 0)
