"""The table of a history fits a terminal, says what drifts, and shows hostile names as text; the chart reads with few and many runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from oracles.histories import on, run, runs
from oracles.hostile import HOSTILE
from PIL import Image
from rich.console import Console

from parity.drift import MEASURES, History, history_of
from parity.errors import UsageError
from parity.history import Entry
from parity.report.history import once_in, print_history
from parity.report.history_chart import draw, new_places, stretches, write_history_chart
from parity.report.plotting import DPI
from parity.verdict import ReferenceId, Verdict

IDS = tuple(f"yolov8n-{kind}-{size}" for kind in ("onnx", "torchscript", "openvino", "onnx-int8") for size in (320, 640))
AP, _, AGREEMENT, LATENCY = MEASURES


def found(entries: Sequence[Entry]) -> History:
    """What runs say together."""
    return history_of("parity.sqlite", entries)


def printed(entries: Sequence[Entry], *, width: int = 80) -> str:
    """What is printed on a terminal."""
    page = StringIO()
    print_history(found(entries), Console(file=page, width=width, color_system=None, markup=False, emoji=False, highlight=False))
    return page.getvalue()


# The table


@pytest.mark.parametrize("ids", [IDS[:1], IDS])
def test_it_fits_eighty_columns_and_crops_nothing(ids: Sequence[str]) -> None:
    text = printed(runs(9, loss=0.05, slower=0.2, ids=ids))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert text.count("DRIFT  AP falls") == len(ids)


def test_a_row_says_when_which_checkpoint_and_what_was_found() -> None:
    (entry,) = run(0, ap=0.4567, agreeing=127, ms=12.34)
    text = printed([entry])
    (row,) = [line for line in text.splitlines() if line.startswith("01-05 12:00")]
    assert " ".join(row.split()) == f"01-05 12:00 {entry.reference.sha256[:7]} pass 127/128 0.4572 0.4567 -0.0005 12.3"
    assert "parity.sqlite: 1 run, 2026-01-05 12:00 to 2026-01-05 12:00 UTC" in text


def test_what_was_not_measured_is_a_dash_and_why_it_failed_stands_beside() -> None:
    (entry,) = run(0)
    bare = replace(entry, candidate_metrics=None, ap_change=None, latency=None, verdict=Verdict.FAIL, reason="ghosts, missed")
    text = " ".join(printed([bare]).split())
    assert "fail" in text
    assert "0.5005 - - - ghosts, missed" in text


def test_a_drift_is_named_with_its_size_and_its_chance() -> None:
    text = " ".join(printed(runs(20, loss=0.02, slower=0.1)).split())
    assert "DRIFT AP falls: -0.0" in text
    assert "over 20 runs, more than 0.002 AP; chance alone orders them so once in a million or more" in text
    assert "DRIFT latency rises: +" in text
    assert "more than 3 % of the first" in text
    assert "no drift beyond chance: AP change, agreement" in text


def test_few_runs_are_said_to_be_few() -> None:
    text = " ".join(printed(runs(3)).split())
    assert "too few to tell a trend: it needs at least 8 values of different checkpoints or files, there are 3" in text
    assert "DRIFT" not in text


def test_a_trend_within_its_limit_is_said_to_be_one() -> None:
    steady = [replace(entry, candidate_metrics=ap_of(entry, 0.5 - 0.0001 * place)) for place, entry in enumerate(runs(12))]
    assert "a trend within what it may be: AP" in " ".join(printed(steady).split())


def ap_of(entry: Entry, value: float) -> object:
    """The metrics with another AP."""
    assert entry.candidate_metrics is not None
    return replace(entry.candidate_metrics, AP=value)


def test_runs_that_are_not_compared_are_counted() -> None:
    text = " ".join(printed((*runs(2), *on(runs(3), processor="another"))).split())
    assert "latency: 2 runs on other machines or with other threads not compared" in text


def test_no_runs_are_said_to_be_none() -> None:
    assert "parity.sqlite: no runs" in printed([])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(text: str) -> None:
    (entry,) = run(0)
    odd = replace(
        entry, config=text, reason=text, time=text, reference=ReferenceId(text, text, text), dataset=replace(entry.dataset, name=text)
    )
    assert [c for c in printed([odd]) if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize(
    ("chance", "said"), [(2 / 40320, "20,000"), (0.011, "90"), (1e-9, "a million or more"), (0.0, "a million or more")]
)
def test_a_chance_is_told_in_one_digit(chance: float, said: str) -> None:
    assert once_in(chance) == said


# The chart


@pytest.mark.parametrize(("count", "ids"), [(1, IDS[:1]), (2, IDS[:2]), (100, IDS)])
def test_a_chart_is_made_of_few_and_many_runs(count: int, ids: Sequence[str], tmp_path: Path) -> None:
    write_history_chart(tmp_path / "chart.png", found(runs(count, ids=ids)))
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.size == (10 * DPI, 9 * DPI)


def test_a_chart_of_nothing_says_so(tmp_path: Path) -> None:
    write_history_chart(tmp_path / "chart.png", found([]))
    assert (tmp_path / "chart.png").stat().st_size > 1000


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_drawn_as_text(text: str, tmp_path: Path) -> None:
    (entry,) = run(0)
    odd = replace(entry, config=text, time=text, reference=ReferenceId(text, text, text))
    write_history_chart(tmp_path / "chart.png", found([odd, *run(1)]))  # warnings are errors here
    assert (tmp_path / "chart.png").stat().st_size > 1000


def test_other_data_break_every_line_and_another_machine_that_of_latency() -> None:
    entries = (*runs(2), *on(renumbered(runs(2), 2), data="harder"), *on(renumbered(runs(2), 4), data="harder", processor="another"))
    places = {entry.run: place for place, entry in enumerate(entries)}
    assert [each.places for each in stretches(AP, entries, places)] == [(0, 1), (2, 3, 4, 5)]
    assert [(each.places, each.order) for each in stretches(LATENCY, entries, places)] == [((0, 1), 0), ((2, 3), 1), ((4, 5), 2)]
    assert new_places([entries], places, lambda entry: entry.dataset.sha256) == {2}
    assert new_places([entries], places, lambda entry: entry.machine) == {4}


def renumbered(entries: Sequence[Entry], start: int) -> list[Entry]:
    """The same rows as later runs."""
    return [replace(entry, run=f"{start + place:032x}") for place, entry in enumerate(entries)]


def test_runs_that_take_turns_on_two_data_sets_are_two_lines_marked_once() -> None:
    turns = [on([entry], data=f"data {place % 2}")[0] for place, entry in enumerate(runs(6))]
    places = {entry.run: place for place, entry in enumerate(turns)}
    assert [each.places for each in stretches(AGREEMENT, turns, places)] == [(0, 2, 4), (1, 3, 5)]
    assert new_places([turns], places, lambda entry: entry.dataset.sha256) == {1}


def test_what_was_not_measured_is_said_in_its_panel() -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - loads for half a second

    figure = Figure()
    draw(found([replace(entry, latency=None) for entry in runs(3)]), figure)
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [[], [], ["not measured"]]


def test_a_place_that_takes_no_chart_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_history_chart(tmp_path / "missing" / "chart.png", found(runs(2)))
