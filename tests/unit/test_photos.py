"""What is said of a folder of photos, against numbers computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import agreeing, compared, different, exhibit, only_reference
from oracles.hostile import HOSTILE

from parity.detections import Detections
from parity.photos import (
    Coverage,
    Differences,
    FoundObject,
    MatchedPair,
    ObjectCount,
    PhotosComparison,
    PhotoSettings,
    PhotoSide,
    Spread,
    compare_photo,
    compare_photos,
    found_objects,
    spread,
)
from parity.wire import from_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("cat", "dog")
REFERENCE, CANDIDATE = PhotoSide("reference", "pytorch", "m.pt", "1" * 64), PhotoSide("candidate", "onnx", "m.onnx", "0" * 64)
SETTINGS = PhotoSettings("m-onnx-640", 0.25, 0.7, (640, 640))


def test_each_side_counts_its_objects_the_most_frequent_first() -> None:
    found = compare_photo("a.jpg", different(), NAMES)
    assert found.reference.detections == 6
    assert found.reference.objects == (ObjectCount(0, "cat", 6),)
    assert found.candidate.detections == 5
    assert found.candidate.objects == (ObjectCount(0, "cat", 3), ObjectCount(1, "dog", 2))


def test_confidence_ranges_from_the_lowest_to_the_highest_score() -> None:
    found = compare_photo("a.jpg", different(), NAMES)
    assert found.reference.confidence == Spread(0.2500001, pytest.approx(0.65), pytest.approx(3.7500001 / 6), 0.9)
    assert found.candidate.confidence == Spread(0.4, 0.6, pytest.approx(3.05 / 5), 0.9)


def test_matched_pairs_say_how_far_they_are_apart() -> None:
    found = compare_photo("a.jpg", different(), NAMES)
    assert found.pairs == (
        MatchedPair(0, 0, 0, "cat", 1.0, 0.0, 0.0),
        MatchedPair(3, 2, 0, "cat", pytest.approx(38 * 40 / (2 * 1600 - 38 * 40)), 2.0, 0.0),  # 40 x 40 px, moved by 2 px
        MatchedPair(4, 3, 0, "cat", 1.0, 0.0, pytest.approx(0.05)),
    )
    assert found.iou == Spread(pytest.approx(1520 / 1680), 1.0, pytest.approx((2 + 1520 / 1680) / 3), 1.0)


def test_differences_are_those_that_the_verdict_counts() -> None:
    found = compare_photo("a.jpg", different(), NAMES)
    assert found.differences == Differences(missed=1, ghosts=1, class_flips=1, shifted=1, rescored=1, edges=1)
    assert (found.agrees, found.on_record) == (False, True)
    assert compare_photo("b.jpg", agreeing(), NAMES).agrees is True


def test_coverage_names_the_classes_that_only_one_side_finds() -> None:
    assert compare_photo("a.jpg", different(), NAMES).classes == Coverage(("cat",), (), ("dog",))
    assert compare_photo("b.jpg", only_reference(1), NAMES).classes == Coverage((), ("dog",), ())


def test_a_photo_without_detections_has_no_ranges_and_agrees() -> None:
    found = compare_photo("empty.jpg", compared(Detections.none(), Detections.none()), NAMES)
    assert (found.reference.detections, found.reference.objects, found.reference.confidence, found.iou) == (0, (), None, None)
    assert (found.pairs, found.classes, found.agrees) == ((), Coverage((), (), ()), True)


def test_all_photos_together_add_up(tmp_path: Path) -> None:
    shown = exhibit(tmp_path, [different(), agreeing(), only_reference(1)])
    found = compare_photos(shown, reference=REFERENCE, candidate=CANDIDATE, settings=SETTINGS)
    assert [image.file_name for image in found.images] == ["0.png", "1.png", "2.png"]
    assert (found.total.reference.detections, found.total.candidate.detections) == (6 + 2 + 1, 5 + 2 + 0)
    assert found.total.reference.objects == (ObjectCount(0, "cat", 7), ObjectCount(1, "dog", 2))
    assert found.total.classes == Coverage(("cat", "dog"), (), ())
    assert (found.total.parity.images_agreeing, found.total.parity.missed, found.total.parity.matched) == (1, 2, 5)
    assert found.total.iou == spread([1.0, 1520 / 1680, 1.0, 1.0, 1.0])


def test_boxes_without_an_area_that_are_the_same_overlap_wholly() -> None:
    flat = Detections.best_first([(0, 5, 40, 5)], [0.9], [0])
    (pair,) = compare_photo("a.jpg", compared(flat, flat), NAMES).pairs
    assert pair.iou == 1.0


def test_objects_are_written_as_they_were_found() -> None:
    found = found_objects(Detections.best_first([(1.5, 2, 3, 4), (5, 6, 7, 8)], [0.5, 0.75], [1, 9]), NAMES)
    assert found == (FoundObject(9, "class 9", 0.75, (5.0, 6.0, 7.0, 8.0)), FoundObject(1, "dog", 0.5, (1.5, 2.0, 3.0, 4.0)))


def test_a_comparison_survives_the_round_trip(tmp_path: Path) -> None:
    found = compare_photos(exhibit(tmp_path, [different(), agreeing()]), reference=REFERENCE, candidate=CANDIDATE, settings=SETTINGS)
    assert from_json(PhotosComparison, to_json(found), source="comparison") == found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_data(name: str) -> None:
    found = compare_photo(name, agreeing(), (name, name))
    assert (found.file_name, found.reference.objects[0].class_name) == (name, name)
