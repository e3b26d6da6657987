"""Each kind of difference is seen as what it is, and only noise at a threshold is excused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from oracles.samples import Row, found

from parity.comparison import ImageComparison, Rounding, compare_image, count
from parity.detections import Detections
from parity.limits import FLOAT32
from parity.spec import Suppress, Suppressor

A: Row = (10, 10, 50, 50, 0.9, 0)
B: Row = (100, 100, 160, 160, 0.6, 1)


def compared(reference: Detections, candidate: Detections, **changes: Any) -> ImageComparison:
    """The comparison at the deployed thresholds."""
    options = {"thresholds": Suppress(), "gain": 1.0, "rounding": Rounding(), "absent": False} | changes
    return compare_image(reference, candidate, FLOAT32, **options)


def kinds(comparison: ImageComparison) -> dict[str, int]:
    """How many of each difference there are, without those that do not occur."""
    sizes = {name: len(getattr(comparison, name)) for name in ("missed", "ghosts", "shifted", "rescored")}
    sizes |= {"flips": len(comparison.matches.class_flips), "edges": len(comparison.edges), "non_finite": comparison.non_finite}
    return {name: size for name, size in sizes.items() if size}


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ([A, B], [A, B], {}),
        ([], [], {}),
        ([A, B], [A], {"missed": 1}),
        ([A], [A, B], {"ghosts": 1}),
        ([A], [(*A[:5], 1)], {"flips": 1}),
        ([A], [(10.02, *A[1:])], {"shifted": 1}),
        ([A], [(10.009, *A[1:])], {}),
        ([A], [(*A[:4], 0.8998, 0)], {"rescored": 1}),
        ([A], [(*A[:4], 0.89991, 0)], {}),
        ([A], [(10.02, *A[1:4], 0.8, 0)], {"shifted": 1, "rescored": 1}),
        ([A, (*B[:4], 0.25005, 1)], [A], {"edges": 1}),
        ([A], [A, (*B[:4], 0.25005, 1)], {"edges": 1}),
        ([A, (*B[:4], 0.2502, 1)], [A], {"missed": 1}),
        ([A], [A, (*B[:4], 0.2502, 1)], {"ghosts": 1}),
    ],
)
def test_each_difference_is_seen_as_what_it_is(reference: list[Row], candidate: list[Row], expected: dict[str, int]) -> None:
    comparison = compared(found(*reference), found(*candidate))
    assert kinds(comparison) == expected
    assert comparison.agrees is (not set(expected) - {"edges"})


BETTER: Row = (0, 0, 100, 100, 0.9, 0)


@pytest.mark.parametrize(
    ("second", "thresholds", "expected"),
    [
        ((0, 0, 100, 70.05, 0.5, 0), Suppress(), {"edges": 1}),
        ((0, 0, 100, 69.95, 0.5, 0), Suppress(), {"edges": 1}),
        ((0, 0, 100, 71, 0.5, 0), Suppress(), {"missed": 1}),
        ((0, 0, 100, 69, 0.5, 0), Suppress(), {"missed": 1}),
        ((0, 0, 100, 70.05, 0.5, 1), Suppress(), {"missed": 1}),
        ((0, 0, 100, 70.05, 0.5, 1), Suppress(class_agnostic=True), {"edges": 1}),
        ((0, 0, 100, 70.05, 0.95, 0), Suppress(), {"missed": 1}),
        ((0, 0, 100, 70.05, 0.5, 0), Suppress(method=Suppressor.IN_GRAPH, iou=None), {"missed": 1}),
    ],
)
def test_an_overlap_near_the_threshold_is_an_edge_only_under_a_better_box(
    second: Row, thresholds: Suppress, expected: dict[str, int]
) -> None:
    there = compared(found(BETTER, second), found(BETTER), thresholds=thresholds)
    back = compared(found(BETTER), found(BETTER, second), thresholds=thresholds)
    assert kinds(there) == expected
    assert kinds(back) == {{"missed": "ghosts"}.get(name, name): size for name, size in expected.items()}


def test_the_box_limit_is_in_network_pixels() -> None:
    moved = found((10.02, *A[1:]))
    assert kinds(compared(found(A), moved, gain=0.4)) == {}
    assert kinds(compared(found(A), moved, gain=2.0)) == {"shifted": 1}


@pytest.mark.parametrize(
    ("row", "rounding", "expected"),
    [
        ((10.1, *A[1:]), Rounding(box_px=0.1), {}),
        ((10.12, *A[1:]), Rounding(box_px=0.1), {"shifted": 1}),
        ((*A[:4], 0.9005, 0), Rounding(score=0.001), {}),
        ((*A[:4], 0.9007, 0), Rounding(score=0.001), {"rescored": 1}),
    ],
)
def test_rounding_explains_its_step_and_no_more(row: Row, rounding: Rounding, expected: dict[str, int]) -> None:
    assert kinds(compared(found(A), found(row), rounding=rounding)) == expected


def test_rounding_widens_the_edge() -> None:
    faint = found((*B[:4], 0.2505, 1))
    assert kinds(compared(faint, Detections.none(), rounding=Rounding(score=0.001))) == {"edges": 1}
    assert kinds(compared(faint, Detections.none())) == {"missed": 1}


ROUNDINGS = (Rounding(box_px=0.1), Rounding(score=1e-3), Rounding(box_px=0.1, score=1e-3))


@pytest.mark.parametrize("doubts", [None, ()])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_detections_given_twice_are_ghosts_however_the_numbers_were_rounded(rounding: Rounding, doubts: tuple[()] | None) -> None:
    comparison = compared(found(A, B), found(A, A, B, B), rounding=rounding, doubts=doubts)
    assert kinds(comparison) == {"ghosts": 2}


def test_one_of_two_boxes_that_the_reference_kept_over_each_other_is_missed() -> None:
    assert kinds(compared(found(A, A), found(A), rounding=Rounding(score=1e-3))) == {"missed": 1}


def test_a_class_flip_is_no_order_of_two_boxes_where_classes_compete() -> None:
    flipped, agnostic = found((*A[:5], 1)), Suppress(class_agnostic=True)
    assert kinds(compared(found(A), flipped, thresholds=agnostic, rounding=Rounding(score=1e-3))) == {"flips": 1}


@pytest.mark.parametrize(("score", "by_rounding"), [(0.2501, False), (0.2505, True)])
def test_only_beyond_the_noise_is_an_edge_put_down_to_rounding(score: float, by_rounding: bool) -> None:  # noqa: FBT001
    (edge,) = compared(found((*B[:4], score, 1)), Detections.none(), rounding=Rounding(score=1e-3)).edges
    assert edge.by_rounding is by_rounding


def test_outputs_that_are_no_numbers_never_agree_and_count_for_the_candidate() -> None:
    broken = replace(found(A), non_finite=1)
    assert kinds(compared(found(A), broken)) == {"non_finite": 1}
    assert kinds(compared(broken, found(A))) == {}
    assert not compared(found(A), broken).agrees
    assert not compared(broken, found(A)).agrees


@pytest.mark.parametrize(
    ("shown", "agrees"),
    [
        ([A], False),
        ([], True),  # a list of results has no row for an image without detections
        ([(*B[:4], 0.25005, 1)], True),  # nor for one whose only detection lies at the threshold
    ],
)
@pytest.mark.parametrize("sides", [slice(None), slice(None, None, -1)])
def test_an_absent_image_disagrees_where_the_other_side_shows_something(shown: list[Row], agrees: bool, sides: slice) -> None:  # noqa: FBT001
    comparison = compared(*(found(*shown), Detections.none())[sides], absent=True)
    assert (comparison.agrees, comparison.absent) == (agrees, not agrees)


def test_the_counts_are_the_sums() -> None:
    faint: Row = (*B[:4], 0.25005, 1)
    images = [
        compared(found(A, B), found(A, B)),
        compared(found(A, B), found((*A[:5], 1))),
        compared(found(A), found((10.5, *A[1:4], 0.8, 0), B)),
        compared(found(faint), Detections.none()),
    ]
    total = count(images)
    assert (total.images, total.images_agreeing, total.reference_detections, total.matched) == (4, 2, 6, 3)
    assert (total.missed, total.ghosts, total.class_flips, total.shifted, total.rescored, total.edges) == (1, 1, 1, 1, 1, 1)
    assert (total.max_box_px, total.max_score) == (0.5, pytest.approx(0.1))


def test_maxima_of_nothing_are_undefined() -> None:
    assert (count([]).max_box_px, count([compared(found(A), Detections.none())]).max_score) == (None, None)
