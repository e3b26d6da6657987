"""A table for each setting, as wide as a terminal, that says what its numbers are and where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracles.benches import CHANNELS_LAST, FOUND, ONNX, SETTING, STOCK

from parity.bench import Bench
from parity.report.bench import print_bench
from parity.report.terminal import stdout_console
from parity.wire import from_json, to_json

WIDEST = 100


def printed(found: Bench, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines, with single spaces."""
    print_bench(found, stdout_console())
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal as wide as the usual table; pytest-xdist's workers say 80."""
    monkeypatch.setenv("COLUMNS", str(WIDEST))


def test_the_table_says_what_was_timed_and_which_differences_mean_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(FOUND, capsys)
    assert lines[0] == "m.pt: the network alone, without preprocessing and NMS; 1 image"
    assert "640, batch 1, 2 threads: 60 runs in turn; differences below 3.4 % cannot be told apart here" in lines
    assert "pytorch 6.2 130.4 140.0 151.0 7.6 +0 % +0 % - -" in lines
    assert "pytorch channels_last 6.2 73.0 80.1 85.2 13.6 +0 % -44 % 1.79 1.75-1.81 -" in lines
    assert "torchscript, dynamic 12.4 1072.0 1080.1 - 14.0 +100 % -45 % 1.81 1.79-1.84 1.01 1.00-1.02" in lines
    assert "a note" in lines


def test_the_usual_table_fits_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(FOUND, capsys)
    assert "torchscript, dynamic 12.4 1072.0 1080.1 - 14.0 +100 % -45 % 1.81 1.79-1.84 1.01 1.00-1.02" in lines  # not folded


def test_files_alone_have_no_column_for_pytorch(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (replace(STOCK, name="a.onnx", shape="static"), replace(ONNX, name="b.onnx", channels_last_speedup=None))
    lines = printed(replace(FOUND, settings=(replace(SETTING, rows=rows),)), capsys)
    assert "a.onnx, static 6.2 130.4 140.0 151.0 7.6 +0 % +0 % -" in lines
    assert "b.onnx, dynamic 12.4 1072.0 1080.1 - 14.0 +100 % -45 % 1.81 1.79-1.84" in lines


def test_each_setting_has_a_table_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(replace(FOUND, settings=(SETTING, replace(SETTING, imgsz=None, batch=8, threads=1))), capsys)
    titles = [line for line in lines if "runs in turn" in line]
    assert [title.split(":")[0] for title in titles] == ["640, batch 1, 2 threads", "native, batch 8, 1 thread"]
    assert any("milliseconds are of the whole batch" in line for line in lines)


def test_a_dash_is_explained_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    explained = "p95 takes 20 runs and p99 100: of fewer, none would lie beyond"
    assert explained in printed(FOUND, capsys)
    assert explained not in printed(replace(FOUND, settings=(replace(SETTING, rows=(STOCK, CHANNELS_LAST)),)), capsys)


def test_a_busy_machine_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert "load 3.0 before the start: the machine was not idle" in " ".join(printed(replace(FOUND, load=3.0), capsys))
    assert "not idle" not in " ".join(printed(replace(FOUND, load=0.1), capsys))


def test_a_hostile_name_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (replace(STOCK, name="a\x1b[2J.onnx", shape="static"),)
    assert "\x1b" not in "".join(printed(replace(FOUND, settings=(replace(SETTING, rows=rows),)), capsys))


def test_a_bench_survives_the_round_trip() -> None:
    assert from_json(Bench, to_json(FOUND), source="bench") == FOUND
