"""Annotations: one command a line, read back as GitHub's runner reads them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from oracles.exhibits import CAUSE, failing
from oracles.hostile import HOSTILE
from oracles.results import check, result

from parity.display import display_whole
from parity.report.annotations import MOST, annotated
from parity.verdict import Status, Verdict

TITLE = "m.pt on coco128"
DOUBTFUL = check(Status.INCONCLUSIVE, name="evidence", measured=None, limit=None)


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Name, properties and message, as actions/runner's ``ActionCommand.TryParseV2`` takes a line apart and puts back what is escaped."""
    match = re.fullmatch(r"::(\w+)(?: (.*?))?::(.*)", line)
    assert match is not None
    name, given, message = match.groups()
    properties = dict(pair.split("=", 1) for pair in given.split(","))
    unescaped = {key: unescape(value.replace("%3A", ":").replace("%2C", ",")) for key, value in properties.items()}
    return name, unescaped, unescape(message)


def unescape(text: str) -> str:
    """The reverse of the escapes, the per cent sign last."""
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def test_a_pass_annotates_nothing() -> None:
    assert annotated(result(), TITLE) == []


def test_a_failure_says_its_reason_then_the_cause_then_every_check() -> None:
    read_back = [read(line) for line in annotated(failing(), TITLE)]
    assert [(name, properties["title"]) for name, properties, _ in read_back] == [
        ("error", "parity fail"),
        ("error", "parity cause: channel_order_bgr (preprocess, confirmed, explains 100%)"),
        ("error", "parity missed: m-onnx-640"),
        ("error", "parity shifted: m-onnx-640"),
    ]
    assert read_back[0][2] == f"Red and blue were exchanged: 2 of 3 checks failed (missed, shifted).\n{TITLE}"
    assert "evidence: restored in the candidate" in read_back[1][2]
    assert read_back[3][2].startswith("measured 2, limit 0.01 (2 x noise), 4.2e+02 noise floors\nnext: ")


def test_what_is_inconclusive_is_a_warning() -> None:
    lines = annotated(replace(result(), verdict=Verdict.INCONCLUSIVE, checks=(DOUBTFUL,)), TITLE)
    assert [read(line)[0] for line in lines] == ["warning", "warning"]


def test_of_a_failure_what_is_inconclusive_stays_a_warning() -> None:
    lines = annotated(replace(failing(), checks=(*failing().checks, DOUBTFUL)), TITLE)
    assert [read(line)[0] for line in lines] == ["error"] * 4 + ["warning"]


def test_no_more_than_github_shows_and_the_last_says_how_many_there_are() -> None:
    lines = annotated(replace(failing(), checks=tuple(check(Status.FAIL, measured=1) for _ in range(20)), diagnosis=()), TITLE)
    assert len(lines) == MOST
    assert read(lines[-1])[2].startswith("and 12 more")


@pytest.mark.parametrize("hostile", [*HOSTILE, "::error::x", "a%0Ab", "a,b=c::d", "\r\n::add-mask::e"])
def test_a_hostile_name_stays_in_its_place(hostile: str) -> None:
    shown = replace(
        failing(),
        checks=(check(Status.FAIL, name=hostile, config=hostile, origin=hostile, detail=hostile), check(Status.FAIL, config=hostile)),
        diagnosis=(replace(CAUSE, config=hostile, fault=hostile, message=hostile, fix=hostile),),
    )
    lines = annotated(shown, hostile)
    read_back = [read(line) for line in lines]
    assert [(name, [*properties]) for name, properties, _ in read_back] == [("error", ["title"])] * 4
    assert all(line.isprintable() for line in lines)
    assert read_back[0][2].endswith(f"\n{display_whole(hostile)}")
    assert read_back[2][1]["title"] == f"parity {display_whole(hostile)}: {display_whole(hostile)}"
