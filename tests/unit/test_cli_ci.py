"""A gate at the command line: what a screen shows of it, and what it tells the CI that runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import failing
from oracles.results import result

from parity import cli
from parity.gate import Shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.verdict import Result

GATE = ("gate", "--reference", "m.pt", "--data", "d.yaml", "--backend", "onnx")
DIAGNOSE = ("diagnose", *GATE[1:])
DETAIL = "Latency: the network alone"  # the title of a table that only the full report has
FOUND = {"pass": (result(), 0), "fail": (failing(), 1)}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], None]:
    """Make the gate answer at once."""

    def answer(found: Result) -> None:
        monkeypatch.setattr("parity.gate.run_gate", lambda _, **__: found)
        monkeypatch.setattr("parity.gate.run_with_exhibits", lambda _, **__: Shown(found, ()))

    return answer


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The summary of a job of GitHub Actions."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


SHORT, LONG = (GATE, DIAGNOSE), ((*GATE, "--verbose"), (*GATE, "-v"), (*DIAGNOSE, "-v"))


@pytest.mark.parametrize(("words", "detailed"), [*((words, False) for words in SHORT), *((words, True) for words in LONG)])
def test_only_whoever_asks_gets_every_table(
    answer: Callable[[Result], None], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], *, detailed: bool
) -> None:
    answer(failing())
    assert cli.main([*words]) == 1
    told = capsys.readouterr().out
    assert (DETAIL in told) is detailed
    assert "CAUSE  channel_order_bgr" in told


def test_a_file_of_a_comparison_has_everything_that_its_screen_leaves_out(
    answer: Callable[[Result], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer(failing())
    cli.main(["compare", "--reference", "m.pt", "--candidate", "m.onnx", "--images", "photos", "--out", str(tmp_path)])
    assert DETAIL not in capsys.readouterr().out
    assert DETAIL in (tmp_path / "report.txt").read_text(encoding="utf-8")


@pytest.mark.usefixtures("summary")
def test_a_comparison_prints_names_where_no_runner_reads_commands(
    answer: Callable[[Result], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer(failing())
    cli.main(["compare", "--reference", "m.pt", "--candidate", "m.onnx", "--images", "photos", "--out", str(tmp_path)])
    told = capsys.readouterr().out.strip().splitlines()
    assert told[0].startswith("::stop-commands::")
    assert told[-1] == f"::{told[0].removeprefix('::stop-commands::')}::"


@pytest.mark.parametrize("verdict", FOUND)
def test_json_on_stdout_stays_json_and_annotations_go_to_stderr(
    answer: Callable[[Result], None], capsys: pytest.CaptureFixture[str], summary: Path, verdict: str
) -> None:
    found, code = FOUND[verdict]
    answer(found)
    assert cli.main([*GATE, "--json", "-"]) == code
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == verdict
    assert err.count("::error title=parity") == {"pass": 0, "fail": 4}[verdict]
    assert summary.read_text(encoding="utf-8").startswith(f"## Parity: {verdict.upper()}\n")


@pytest.mark.parametrize("verdict", FOUND)
def test_a_summary_that_cannot_be_written_changes_no_exit_code(
    answer: Callable[[Result], None], capsys: pytest.CaptureFixture[str], summary: Path, verdict: str
) -> None:
    summary.mkdir()
    found, code = FOUND[verdict]
    answer(found)
    assert cli.main([*GATE]) == code
    assert f"note: GITHUB_STEP_SUMMARY: {summary} cannot be written: " in capsys.readouterr().err


def test_a_comparison_is_summed_up_as_well(answer: Callable[[Result], None], summary: Path) -> None:
    answer(result())
    cli.main(["compare", "--reference", "m.pt", "--candidate", "m.onnx", "--images", "photos", "--out", str(summary.parent / "out")])
    assert summary.read_text(encoding="utf-8").startswith("## Parity: PASS\n")
