"""Which images are shown, in which order, and what is said of those that are not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oracles.exhibits import agreeing, different, exhibit

from parity.report.gallery import gallery
from parity.report.html import within

if TYPE_CHECKING:
    from pathlib import Path

    from parity.report.gallery import Gallery

PICTURE = within(20_000)


def shown(folder: Path, *, most: int = 128) -> Gallery:
    """A gallery of two that agree and one that does not, in two configurations of the same images."""
    one = exhibit(folder, [agreeing(), different(), agreeing()])
    return gallery([one, replace(one, config="other")], most=most, picture=PICTURE)


def test_the_most_different_come_first_and_equal_ones_in_their_order(tmp_path: Path) -> None:
    assert [each.file_name for each in shown(tmp_path).figures] == ["1.png", "1.png", "0.png", "2.png", "0.png", "2.png"]


def test_figures_of_one_image_share_its_picture(tmp_path: Path) -> None:
    figures = shown(tmp_path).figures
    assert [(each.picture, each.owns_picture) for each in figures[:3]] == [(0, True), (0, False), (1, True)]


def test_what_is_left_out_is_counted_and_so_are_its_differences(tmp_path: Path) -> None:
    found = shown(tmp_path, most=1)
    assert (len(found.figures), found.left_out, found.left_out_different) == (1, 5, 1)
    assert {count for _, count in found.totals} == {2}


def test_only_classes_that_are_drawn_can_be_chosen(tmp_path: Path) -> None:
    found = gallery([exhibit(tmp_path, [agreeing()], names=("b", "a", "never"))], most=1, picture=PICTURE)
    assert [(choice.value, choice.title) for choice in found.classes] == [("1", "a"), ("0", "b")]


def test_what_no_box_can_show_is_said(tmp_path: Path) -> None:
    odd = replace(different(), absent=True, non_finite=3)
    (figure,) = gallery([exhibit(tmp_path, [odd])], most=1, picture=PICTURE).figures
    assert figure.remark == "one side has nothing on record for this image; 3 outputs are NaN or infinite"
    assert figure.measured == "3 matched, apart by at most 2 network px and 0.05 of score"
