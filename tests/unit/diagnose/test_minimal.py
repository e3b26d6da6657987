"""The smallest set of images shows every check that failed, and no smaller one does."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parity.comparison import ImageComparison, Rounding, compare_image
from parity.detections import Detections
from parity.diagnose.minimal import shows, smallest_set
from parity.limits import FLOAT32
from parity.spec import Suppress

KINDS = ("missed", "ghosts", "class_flips", "shifted", "rescored")
BOX = np.array([0.0, 0.0, 50.0, 50.0])


def comparison(*wanted: str, agreeing: int = 1) -> ImageComparison:
    """An image that shows just these checks, beside so many detections that agree."""
    sides = {
        "missed": (((0, 0.9, 0),), ()),
        "ghosts": ((), ((0, 0.9, 0),)),
        "class_flips": (((0, 0.9, 0),), ((0, 0.9, 1),)),
        "shifted": (((0, 0.9, 0),), ((3, 0.9, 0),)),
        "rescored": (((0, 0.9, 0),), ((0, 0.8, 0),)),
        "nothing": (((0, 0.9, 0),), ((0, 0.9, 0),)),
    }
    kinds = [*wanted, *["nothing"] * agreeing]
    reference, candidate = (
        [(BOX + 100 * place + moved, score, index) for place, kind in enumerate(kinds) for moved, score, index in sides[kind][side]]
        for side in (0, 1)
    )
    both = [
        Detections.best_first([b for b, _, _ in rows], [s for _, s, _ in rows], [c for _, _, c in rows]) for rows in (reference, candidate)
    ]
    return compare_image(*both, FLOAT32, thresholds=Suppress(), gain=1.0, rounding=Rounding(), absent=False)


def test_an_image_shows_the_checks_that_it_fails_with_their_number() -> None:
    assert shows(comparison("missed", "missed", "shifted")) == {"missed": 2, "shifted": 1}
    assert shows(comparison()) == {}


def test_one_image_that_shows_everything_is_enough() -> None:
    assert smallest_set([comparison("missed"), comparison("ghosts"), comparison("missed", "ghosts")], {"missed", "ghosts"}) == (2,)


def test_two_images_are_taken_where_a_greedy_cover_takes_three() -> None:
    greedy_first = comparison("missed", "ghosts", "shifted")
    halves = [comparison("missed", "ghosts", "rescored"), comparison("shifted", "class_flips")]
    greedy_trap = comparison("missed", "ghosts", "shifted", "rescored", agreeing=0)
    assert smallest_set([greedy_first, greedy_trap, *halves], set(KINDS)) == (1, 3)


def test_of_images_that_show_the_same_the_one_with_the_fewest_detections_is_taken() -> None:
    assert smallest_set(
        [comparison("missed", agreeing=5), comparison("missed", agreeing=2), comparison("missed", agreeing=3)], {"missed"}
    ) == (1,)


def test_what_did_not_fail_needs_no_image() -> None:
    assert smallest_set([comparison("missed"), comparison("ghosts")], {"ghosts", "ap_reference"}) == (1,)
    assert smallest_set([comparison(), comparison()], set()) == ()
    assert smallest_set([comparison()], {"ap_reference"}) == ()


@given(st.lists(st.sets(st.sampled_from(KINDS)), max_size=7))
def test_no_smaller_set_shows_as_much(images: list[set[str]]) -> None:
    comparisons = [comparison(*sorted(kinds)) for kinds in images]
    chosen = smallest_set(comparisons, set(KINDS))
    everything = set().union(*images)
    assert set().union(*(images[place] for place in chosen)) == everything
    smaller = (few for number in range(len(chosen)) for few in combinations(images, number))
    assert all(set().union(*few) != everything for few in smaller)
