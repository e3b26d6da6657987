"""The charts of a compared folder of photos: for one photo, for many, for none found, and with hostile names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from matplotlib.figure import Figure
from oracles.exhibits import agreeing, compared, different, only_reference
from oracles.hostile import HOSTILE
from oracles.photos import CANDIDATE, REFERENCE, compared_photos, no_detections
from PIL import Image

from parity.detections import Detections
from parity.report.photo_chart import (
    INCHES,
    LONGEST,
    MOST_CLASSES,
    MOST_NAMES,
    by_class,
    draw_classes,
    draw_detections,
    draw_overlaps,
    shortened,
    title,
    write_photo_chart,
)
from parity.report.plotting import DPI

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from parity.photos import PhotosComparison

NOTHING = (no_detections(REFERENCE), no_detections(CANDIDATE))


def axes_of(draw: Callable[[Axes, PhotosComparison], None], found: PhotosComparison) -> Axes:
    """One chart."""
    axes = Figure().subplots()
    draw(axes, found)
    return axes


def heights(axes: Axes) -> list[float]:
    """The heights of all bars."""
    return [bar.get_height() for bar in axes.patches]


def test_a_few_photos_have_two_named_bars_each(tmp_path: Path) -> None:
    axes = axes_of(draw_detections, compared_photos(tmp_path, [different(), agreeing()]))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.png", "1.png"]
    assert heights(axes) == [6, 2, 5, 2]
    assert axes.get_title() == "Detections per photo: 8 and 7, counts differ on 1 of 2"


def test_many_photos_are_ordered_by_what_the_reference_finds(tmp_path: Path) -> None:
    found = compared_photos(tmp_path, [*[agreeing()] * MOST_NAMES, different()])
    axes = axes_of(draw_detections, found)
    reference, candidate = (patch.get_data().values.tolist() for patch in axes.patches)
    assert (reference, candidate) == ([6] + [2] * MOST_NAMES, [5] + [2] * MOST_NAMES)


def test_classes_are_counted_on_both_sides(tmp_path: Path) -> None:
    found = compared_photos(tmp_path, [different(), only_reference(7)])
    assert by_class(found) == {(0, "cat"): (6, 3), (1, "dog"): (0, 2), (7, "class 7"): (1, 0)}
    axes = axes_of(draw_classes, found)
    assert axes.get_title() == "Classes found: 3\n1 only by the reference, 1 only by the candidate"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "class 7"]


def test_of_many_classes_the_most_frequent_are_shown(tmp_path: Path) -> None:
    total = MOST_CLASSES + 5
    both = Detections.best_first([(10 * place, 0, 10 * place + 5, 5) for place in range(total)], [0.5] * total, range(total))
    axes = axes_of(draw_classes, compared_photos(tmp_path, [compared(both, both)], names=("x",) * total))
    assert axes.get_title() == f"Classes found: {total}, {MOST_CLASSES} shown\neach by both sides"
    assert len(axes.get_yticklabels()) == MOST_CLASSES


def test_overlaps_say_their_lowest(tmp_path: Path) -> None:
    axes = axes_of(draw_overlaps, compared_photos(tmp_path, [different()]))
    assert axes.get_title() == "Overlap of 3 matched of 6:\nmedian 1.00000, lowest 0.90476"
    assert sum(heights(axes)) == 3
    assert axes_of(draw_overlaps, compared_photos(tmp_path, [only_reference(0)])).get_title() == "Overlap: no matched pairs"


def test_the_title_says_who_and_how_many_agree(tmp_path: Path) -> None:
    assert title(compared_photos(tmp_path, [different(), agreeing()])) == "m-onnx-640: m.pt against m.onnx, 1 of 2 photos agree"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened("IMG_2024_01_01_long_holiday_0042.jpg") == "IMG_2024_01…y_0042.jpg"
    assert len(shortened("x" * 99)) == LONGEST


@pytest.mark.parametrize("number", [1, 2, MOST_NAMES, MOST_NAMES + 1, 200])
def test_a_chart_of_any_number_of_photos_is_one_picture(number: int, tmp_path: Path) -> None:
    found = compared_photos(tmp_path, [different()] * number)
    write_photo_chart(tmp_path / "chart.png", found, NOTHING)  # warnings are errors here
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.size == tuple(round(side * DPI) for side in INCHES)


def test_hostile_names_and_no_detections_are_drawn_without_a_warning(tmp_path: Path) -> None:
    both = Detections.best_first([(5, 5, 45, 45)] * len(HOSTILE), [0.5] * len(HOSTILE), range(len(HOSTILE)))
    for start in range(0, len(HOSTILE), MOST_NAMES):
        files = HOSTILE[start : start + MOST_NAMES]
        found = compared_photos(tmp_path, [compared(both, both)] * len(files), names=HOSTILE[start:] + HOSTILE[:start], files=files)
        write_photo_chart(tmp_path / "chart.png", found, NOTHING)
    empty = compared_photos(tmp_path, [compared(Detections.none(), Detections.none())])
    write_photo_chart(tmp_path / "empty.png", empty, NOTHING)
    assert (tmp_path / "chart.png").stat().st_size > (tmp_path / "empty.png").stat().st_size > 0
