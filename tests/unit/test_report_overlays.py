"""Which box is of which kind, where it is drawn, and which images differ most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracles.exhibits import NAMES, REFERENCE, agreeing, compared, different

from parity.detections import Detections
from parity.report.overlays import MOST_BOXES, MOST_LABELS, Kind, Layer, box_path, class_name, counts, disagreement, layer, sort_sides


def drawn(reference: Detections, candidate: Detections) -> Layer:
    """The reference's layer at twice the size."""
    return layer(sort_sides(compared(reference, candidate))[0], NAMES, scale=2.0, size=(320, 240))


def row(number: int) -> Detections:
    """So many boxes that do not overlap."""
    places = np.arange(number) * 20.0
    return Detections.best_first(
        np.stack([places, places, places + 10, places + 10], axis=1), np.linspace(0.9, 0.5, number), np.zeros(number)
    )


def test_every_detection_has_its_kind() -> None:
    reference, candidate = sort_sides(different())
    assert reference.kinds == (Kind.MATCHED, Kind.MISSED, Kind.CLASS_FLIP, Kind.SHIFTED, Kind.RESCORED, Kind.EDGE)
    assert candidate.kinds == (Kind.MATCHED, Kind.CLASS_FLIP, Kind.SHIFTED, Kind.RESCORED, Kind.GHOST)


def test_counts_are_those_of_the_result() -> None:
    assert counts(different()) == dict.fromkeys((Kind.MISSED, Kind.GHOST, Kind.CLASS_FLIP, Kind.SHIFTED, Kind.RESCORED, Kind.EDGE), 1)
    assert counts(agreeing()) == {}


def test_a_box_that_moved_and_has_another_score_is_of_both_kinds() -> None:
    one, other = Detections.best_first(REFERENCE[:1], [0.9], [0]), Detections.best_first([(6, 5, 46, 45)], [0.8], [0])
    (box,) = drawn(one, other).boxes
    assert (box.kind, box.rescored_too) == (Kind.SHIFTED, True)
    assert counts(compared(one, other)) == {Kind.SHIFTED: 1, Kind.RESCORED: 1}


def test_a_box_is_drawn_in_units_of_the_picture_and_says_what_it_is() -> None:
    (box,) = drawn(Detections.best_first(REFERENCE[1:2], [0.8], [1]), Detections.none()).boxes
    assert (box.path, box.mark, box.x, box.y) == ("M120 10H180V80H120z", "M dog 0.80", 120, 11)


def test_boxes_that_agree_are_one_path_of_each_class() -> None:
    both = Detections.best_first(REFERENCE[:3], [0.9, 0.8, 0.7], [0, 1, 0])
    assert [(group.label, group.path.count("z")) for group in drawn(both, both).matched] == [(0, 2), (1, 1)]


def test_in_a_crowd_only_letters_stand_beside_the_boxes() -> None:
    assert {box.mark for box in drawn(row(MOST_LABELS + 1), Detections.none()).boxes} == {"M"}


def test_of_very_many_boxes_the_best_are_drawn_and_the_rest_counted() -> None:
    found = drawn(row(MOST_BOXES + 3), Detections.none())
    assert (len(found.boxes), found.left_out) == (MOST_BOXES, 3)


def test_garbage_is_drawn_no_further_than_anybody_sees() -> None:
    assert box_path(np.array([-1e30, 0, 1e30, 1.04])) == "M-9999 0H9999V1H-9999z"


def test_images_rank_by_what_is_beyond_limits_then_by_edges_then_by_movement() -> None:
    silent = replace(agreeing(), absent=True)
    moved = replace(agreeing(), drift_network_px=np.array([0.005, 0.0]))
    ranks = [disagreement(each) for each in (silent, different(), moved, agreeing())]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 4


@pytest.mark.parametrize(("label", "shown"), [(0, "cat"), (7, "class 7"), (-1, "class -1"), (1, "x" * 23 + "…")])
def test_a_class_has_a_name_that_fits(label: int, shown: str) -> None:
    assert class_name(("cat", "x" * 40), label) == shown


def test_every_kind_differs_from_the_others_by_more_than_colour() -> None:
    assert len({kind.letter for kind in Kind}) == len({kind.meaning for kind in Kind}) == len(Kind)
