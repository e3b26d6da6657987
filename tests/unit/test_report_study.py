"""A study in Markdown: its tables, links that lead somewhere, and names that stay text."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import CAUSE
from oracles.hostile import HOSTILE
from oracles.plotted import plotted
from oracles.results import check
from oracles.studies import judged, studied, study, two_plots

from parity.report.markdown import cell
from parity.report.study import print_study, signed_percent, study_markdown, write_study
from parity.report.terminal import plain_console
from parity.study_result import Studied
from parity.verdict import Status
from parity.wire import from_json

if TYPE_CHECKING:
    from pathlib import Path


def cells(markdown: str, start: str) -> list[str]:
    """The cells of the row that starts so."""
    (line,) = [each for each in markdown.splitlines() if each.startswith(start)][:1]
    return [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_both_tables_hold_the_numbers_of_the_study() -> None:
    text = study_markdown(studied(judged()), two_plots())
    results, change = text.split("## Change against PyTorch")
    pytorch, onnx = cells(results, r"| pytorch\_640"), cells(results, r"| onnx\_640")
    assert pytorch[1:] == ["0.5000"] * 6 + ["100.0", "120.0", "9.8", "6.0", "reference", "reference", "-"]
    assert onnx[1:4] == ["0.4000"] * 1 + ["0.4000"] * 2
    assert onnx[4] == "-"
    assert onnx[7:] == ["50.0", "-", "19.0", "12.0", "6/8 (75.0 %)", "97/100 (97.0 %)", "pass"]
    assert cells(change, r"| onnx\_640")[1:] == [
        *("-20.00", "-20.00", "-20.00", "-", "-20.00", "-20.00"),
        *("-50.00", "-", "+93.88", "+100.00", "2.00 (1.90 to 2.10)"),
    ]


def test_every_line_of_a_table_has_as_many_cells() -> None:
    text = study_markdown(studied(judged()), two_plots())
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    widths = [{len(cells(line, "|")) for line in table.splitlines()} for table in tables]
    assert [len(each) for each in widths] == [1, 1]


def test_the_protocol_is_said() -> None:
    text = study_markdown(studied(judged()), two_plots())
    assert "drawn with seed 42" in text
    assert "runs 3 times to warm up and then 10 times" in text
    assert "confidence 0.25 and NMS at IoU 0.7" in text
    assert "from confidence 0.001" in text


def test_what_failed_is_said_with_its_cause() -> None:
    failed = studied(judged(), checks=(check(Status.FAIL, measured=1, detail="0.png: cat 0.8"),), diagnosis=(CAUSE,))
    text = study_markdown(failed, two_plots())
    assert "## What did not pass" in text
    assert cell(CAUSE.message) in text
    assert cell("0.png: cat 0.8") in text
    assert "## What did not pass" not in study_markdown(studied(judged(), checks=(check(),)), two_plots())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name: str) -> None:
    found = judged()
    found = replace(found, reference=replace(found.reference, path=name), dataset=replace(found.dataset, name=name))
    config = replace(found.configs[0], id=name)
    red = check(Status.FAIL, config=name, detail=name)
    made = studied(replace(found, configs=(config,)), checks=(red,), notes=(name,), diagnosis=(replace(CAUSE, config=name, message=name),))
    row = replace(made.study.rows[1], id=name)
    text = study_markdown(Studied(replace(made.study, rows=(made.study.rows[0], row)), made.result, ()), two_plots())
    markup = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    assert not re.search(r"<[a-z!/]", markup, re.IGNORECASE)
    assert len(re.findall(r"\]\(", markup)) == 2
    assert all(character.isprintable() or character == "\n" for character in text)
    assert len(cells(text.split("## Results")[1], f"| {cell(name)}")) == 14


def test_the_folder_holds_report_json_and_the_charts_that_it_links_to(tmp_path: Path) -> None:
    _, exhibits = plotted(tmp_path)
    folder = tmp_path / "made" / "out"
    notes = write_study(folder, Studied(study(judged()), judged(), tuple(exhibits)))
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (folder / "study.md").read_text(encoding="utf-8"))
    assert len(linked) == 5
    assert sorted(path.name for path in folder.iterdir()) == sorted([*linked, "study.md", "study.json"])
    assert from_json(type(study(judged())), (folder / "study.json").read_text(encoding="utf-8"), source="s") == study(judged())
    assert notes[0] == f"study written: {folder / 'study.md'}, {folder / 'study.json'}"


def test_a_change_that_is_nothing_has_no_sign() -> None:
    assert [signed_percent(value) for value in (0.001, -0.001, 1.0, -2.345, None)] == ["0.00", "0.00", "+1.00", "-2.35", "-"]


def test_the_terminal_shows_every_row() -> None:
    page = StringIO()
    print_study(study(judged(), notes=("a note",)), plain_console(page))
    text = page.getvalue()
    assert text.count("pytorch_640") == text.count("onnx_640") == 2
    assert "6/8" in text
    assert "a note" in text
