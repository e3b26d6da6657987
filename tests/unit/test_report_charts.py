"""Arrays in, SVG paths out."""

from __future__ import annotations

import re

import numpy as np
import pytest

from parity.exhibits import PrecisionRecall
from parity.report.charts import (
    BOTTOM,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    bars,
    difference_histogram,
    dots,
    line,
    precision_recall_chart,
    score_scatter,
    strips,
)

NONE = np.empty(0)


def numbers(path: str) -> list[float]:
    """All coordinates of a path."""
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", path)]


def test_a_line_goes_through_its_points() -> None:
    assert line(np.array([1.0, 2.25]), np.array([3.0, 4.0])) == "M1 3L2.2 4"
    assert line(NONE, NONE) == ""


def test_points_are_strokes_of_no_length() -> None:
    assert dots(np.array([1.0, 2.0]), np.array([3.0, 4.5])) == "M1 3h0M2 4.5h0"


def test_a_bar_without_height_is_left_out() -> None:
    assert bars(np.array([0.0, 10.0, 20.0]), np.array([BOTTOM, 50.0])) == f"M10.5 {BOTTOM:g}V50H19.5V{BOTTOM:g}z"


def test_every_pair_is_in_one_bar_and_the_heights_are_their_numbers() -> None:
    values = np.array([0.0, 1e-12, 0.002, 0.002, 0.002, 5.0])
    chart = difference_histogram(values, 0.01, title="t", unit="px")
    heights = [BOTTOM - min(numbers(bar)[1:4]) for bar in chart.series[0].path.split("z") if bar]
    counts = np.array(heights) / (BOTTOM - TOP) * 3
    assert np.round(counts).tolist() == [2, 3, 1]
    assert chart.says == "6 matched pairs, 1 of them beyond the limit of 0.01 px"


def test_nan_is_beyond_the_limit() -> None:
    assert "1 of them beyond" in score_says(np.array([0.1, np.nan]))


def score_says(values: np.ndarray) -> str:
    """What the histogram says of these differences."""
    return difference_histogram(values, 0.5, title="t", unit="score").says


@pytest.mark.parametrize("values", [NONE, np.zeros(3), np.array([1e-30]), np.array([1e9])])
def test_a_histogram_stays_within_its_axes(values: np.ndarray) -> None:
    chart = difference_histogram(values, 1e-4, title="t", unit="score")
    drawn = numbers(chart.series[0].path)
    assert all(TOP <= each <= RIGHT for each in drawn)
    assert all(LEFT <= tick.at <= RIGHT for tick in chart.x_ticks)


def test_what_only_one_side_has_lies_on_its_axis() -> None:
    chart = score_scatter(np.array([0.5]), np.array([0.25]), missed=np.array([1.0]), ghosts=np.array([0.5]), limit=1e-4)
    paths = {series.name: series.path for series in chart.series}
    assert paths["matched"] == "M176 127h0"
    assert paths["missed"] == f"M{RIGHT:g} {BOTTOM:g}h0"
    assert paths["ghost"] == f"M{LEFT:g} 88h0"
    assert "1 whose scores differ by more than 0.0001" in chart.says


def test_of_many_pairs_those_apart_the_most_are_drawn_and_that_is_said() -> None:
    reference = np.full(MOST_POINTS + 5, 0.5)
    candidate = np.r_[np.full(MOST_POINTS + 4, 0.5), 0.9]
    chart = score_scatter(reference, candidate, missed=NONE, ghosts=NONE, limit=1e-4)
    path = next(series.path for series in chart.series if series.name == "matched")
    assert path.count("h0") == MOST_POINTS
    assert path.startswith("M176 25.6h0")
    assert f"the {MOST_POINTS} that differ most are drawn" in chart.says


def test_precision_and_recall_are_drawn_for_both_sides() -> None:
    curve = np.linspace(1, 0, 101)
    chart = precision_recall_chart(PrecisionRecall(0.75, curve, curve**2))
    reference, candidate = chart.series
    assert numbers(reference.path)[:2] == [LEFT, TOP]
    assert numbers(candidate.path)[-2:] == [RIGHT, BOTTOM]
    assert chart.says == "mean over the classes; the curves are at most 0.2500 apart"


def test_intervals_share_one_scale_around_zero() -> None:
    first, second, third = strips([(-0.1, (-0.2, 0.0)), (0.05, None), (None, None)])
    assert (first and (first.zero, first.low, first.value, first.high)) == (80, 4, 42, 80)
    assert (second and (second.low, second.value, second.high)) == (None, 99, None)
    assert third is None
