"""What a job's page and log are told, and that nothing of it can change a verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import failing
from oracles.results import result

from parity.commands.running import show, tell_ci
from parity.report.ci import LARGEST, append_summary, in_ci, no_commands

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def test_a_summary_is_appended_to_what_others_have_written(tmp_path: Path) -> None:
    target = tmp_path / "summary.md"
    target.write_text("before\n", encoding="utf-8")
    assert append_summary("# é\n", {"GITHUB_STEP_SUMMARY": str(target)}) is None
    assert target.read_text(encoding="utf-8") == "before\n# é\n"


def test_without_the_variable_nothing_is_written(tmp_path: Path) -> None:
    assert append_summary("x", {}) is None
    assert append_summary("x", {"GITHUB_STEP_SUMMARY": ""}) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["", "none/summary.md", "nul\0", "\x1b[31m/x"])
def test_a_place_that_cannot_be_written_is_said(place: str, tmp_path: Path) -> None:
    problem = append_summary("x", {"GITHUB_STEP_SUMMARY": f"{tmp_path}/{place}"})
    assert problem is not None
    assert "cannot be written" in problem
    assert problem.isprintable()


def test_a_file_that_github_would_not_show_is_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "summary.md"
    target.write_bytes(b"x" * (LARGEST - 10))
    assert append_summary("y" * 11, {"GITHUB_STEP_SUMMARY": str(target)}) == f"GITHUB_STEP_SUMMARY: {target} is full: nothing was added"
    assert target.stat().st_size == LARGEST - 10
    assert append_summary("y" * 10, {"GITHUB_STEP_SUMMARY": str(target)}) is None


@pytest.mark.parametrize(
    ("environ", "is_one"),
    [({}, False), ({"GITHUB_ACTIONS": "false"}, False), ({"GITHUB_ACTIONS": "true"}, True), ({"GITHUB_STEP_SUMMARY": "s.md"}, True)],
)
def test_which_environment_is_one_of_ci(environ: dict[str, str], *, is_one: bool) -> None:
    assert in_ci(environ) is is_one


def test_what_is_printed_meanwhile_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with no_commands({"GITHUB_ACTIONS": "true"}):
        print("::add-mask::e")  # noqa: T201
    first, between, last = capsys.readouterr().out.splitlines()
    token = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", first)
    assert token is not None
    assert (between, last) == ("::add-mask::e", f"::{token[1]}::")


def test_elsewhere_nothing_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    with no_commands({}):
        pass
    assert capsys.readouterr().out == ""


def test_a_result_is_summed_up_and_annotated_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    tell_ci(failing())
    out, err = capsys.readouterr()
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("## Parity: FAIL\n")
    assert out == ""
    assert [line.split(" ")[0] for line in err.splitlines()] == ["::error"] * 4


def test_outside_of_ci_nothing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tell_ci(failing())
    assert capsys.readouterr() == ("", "")


def test_a_summary_that_cannot_be_written_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tell_ci(result())
    assert capsys.readouterr().err == f"note: GITHUB_STEP_SUMMARY: {tmp_path} cannot be written: [Errno 21] Is a directory: '{tmp_path}'\n"


def test_tables_are_printed_where_no_name_is_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def tables(found: int, console: Console) -> None:
        console.print(f"::error::{found}")

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    show(1, None, tables)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "::error::1"
    assert lines[0].removeprefix("::stop-commands::") == lines[2].strip(":")
