"""The table of a compared folder of photos: what people look for, on 80 columns, however many photos there are."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import agreeing, compared, different, only_reference
from oracles.hostile import HOSTILE
from oracles.photos import compared_photos
from rich.console import Console

from parity.detections import Detections
from parity.report.photo_table import FITTING, differences_text, objects_text, photos_text, print_photos, range_text

if TYPE_CHECKING:
    from pathlib import Path

    from parity.photos import PhotosComparison


def printed(found: PhotosComparison, *, width: int = 80) -> str:
    """What a terminal of that width gets, without colours."""
    page = StringIO()
    print_photos([found], Console(file=page, width=width, markup=False, emoji=False, highlight=False))
    return page.getvalue()


def squeezed(text: str) -> str:
    """Text without the places where it was folded."""
    return " ".join(text.split())


def test_each_side_of_a_photo_is_a_row(tmp_path: Path) -> None:
    text = squeezed(printed(compared_photos(tmp_path, [different(), agreeing()])))
    assert "0.png pytorch 6 6 cat 0.25-0.90 no onnx 5 3 cat, 2 dog 0.40-0.90" in text
    assert "differs: 1 missed, 1 ghost, 1 class flip, 1 shifted, 1 rescored" in text
    assert "1.png pytorch 2 1 cat, 1 dog 0.80-0.90 yes onnx 2 1 cat, 1 dog 0.80-0.90" in text
    assert "all 2 photos pytorch 8 7 cat, 1 dog 0.25-0.90 1/2 onnx 7 4 cat, 3 dog 0.40-0.90" in text


def test_a_photo_without_detections_says_nothing(tmp_path: Path) -> None:
    text = squeezed(printed(compared_photos(tmp_path, [compared(Detections.none(), Detections.none())])))
    assert "0.png pytorch 0 nothing - yes onnx 0 nothing -" in text
    assert "both sides find the same 0 classes" in text


def test_of_many_photos_those_that_differ_most_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    found = compared_photos(tmp_path, [*[agreeing()] * FITTING, only_reference(0), different(), *[only_reference(1)] * FITTING])
    text = printed(found)
    assert text.index(f"{FITTING + 1}.png") < text.index(f"{FITTING}.png")
    assert " 0.png" not in text
    assert f"and {FITTING + 2} more photos, of which {FITTING} agree and 2 differ: report.txt lists all" in squeezed(text)


def test_the_file_lists_every_photo_in_its_order(tmp_path: Path) -> None:
    text = photos_text([compared_photos(tmp_path, [agreeing()] * (FITTING + 5))])
    assert [f"{place}.png" in text for place in range(FITTING + 5)] == [True] * (FITTING + 5)
    assert "more photos" not in text


def test_classes_that_only_one_side_finds_are_named(tmp_path: Path) -> None:
    text = squeezed(printed(compared_photos(tmp_path, [only_reference(1)])))
    assert "only the reference finds: dog" in text
    assert "same" not in text


def test_a_photo_that_was_not_recorded_says_so(tmp_path: Path) -> None:
    found = compared_photos(tmp_path, [replace(only_reference(0), absent=True)])
    assert differences_text(found.images[0]) == "differs: one side has nothing on record, 1 missed"


def test_outputs_that_are_no_numbers_are_said_to_be(tmp_path: Path) -> None:
    found = compared_photos(tmp_path, [replace(agreeing(), non_finite=1)])
    assert differences_text(found.images[0]) == "differs: outputs that are no numbers"


def test_many_classes_are_counted(tmp_path: Path) -> None:
    names = tuple(f"c{place}" for place in range(12))
    both = Detections.best_first([(10 * place, 0, 10 * place + 5, 5) for place in range(12)], [0.5] * 12, range(12))
    found = compared_photos(tmp_path, [compared(both, both)], names=names)
    assert objects_text(found.total.reference) == "1 c0, 1 c1, 1 c2, 1 c3, 1 c4, 1 c5, 1 c6, 1 c7, 4 more classes"
    assert range_text(found.total.reference.confidence) == "0.50-0.50"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(width: int, tmp_path: Path) -> None:
    text = printed(compared_photos(tmp_path, [different()], files=("a long name of a photo " * 4 + ".jpg",)), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert text.count("photo") == 4 + 1  # the column too
    assert " no " in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(name: str, tmp_path: Path) -> None:
    text = printed(compared_photos(tmp_path, [agreeing()], names=(name, name), files=(name,)))
    assert all(character.isprintable() or character == "\n" for character in text)
