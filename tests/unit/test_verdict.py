"""Only evidence passes."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import results
from oracles.samples import metrics, some_environment

from parity.comparison import count
from parity.limits import Limit
from parity.report.next_steps import NEXT_STEPS
from parity.verdict import (
    CHECK_NAMES,
    CandidateId,
    Check,
    ConfigResult,
    DatasetId,
    Delta,
    Diagnosis,
    MetricComparison,
    ReferenceId,
    Result,
    Status,
    Verdict,
    conclude,
    judge,
)
from parity.wire import from_json, to_json

LIMIT = Limit(0.01, "px", "measured")


def check(status: Status) -> Check:
    """A check of this status."""
    return Check("name", "config", status, 0.0, 0.0, "", "")


@pytest.mark.parametrize(
    ("measured", "status", "recorded"),
    [
        (0.0, Status.PASS, 0.0),
        (0.01, Status.PASS, 0.01),
        (0.0100001, Status.FAIL, 0.0100001),
        (math.nan, Status.FAIL, None),
        (math.inf, Status.FAIL, None),
        (None, Status.INCONCLUSIVE, None),
    ],
)
def test_a_measurement_is_held_against_its_limit(measured: float | None, status: Status, recorded: float | None) -> None:
    judged = judge("shifted", "c", measured, LIMIT)
    assert (judged.status, judged.measured, judged.limit, judged.origin) == (status, recorded, 0.01, "measured")


def test_a_detail_is_kept_and_nothing_to_measure_is_said() -> None:
    assert judge("shifted", "c", 1, LIMIT, detail="here").detail == "here"
    assert judge("shifted", "c", None, LIMIT).detail == "nothing to measure"


@pytest.mark.parametrize(("measured", "status"), [(0.005, "pass"), (0.02, "fail")])
def test_a_check_tells_its_multiple_of_the_noise_whether_it_passed_or_not(measured: float, status: str) -> None:
    judged = judge("shifted", "c", measured, replace(LIMIT, floor=0.001))
    assert judged.floor == 0.001
    assert judged.explain() == f"c: shifted {status}: measured {measured}, limit 0.01 (measured); {measured / 0.001:.2g} noise floors"


def test_what_is_counted_has_no_multiple_of_the_noise() -> None:
    assert judge("missed", "c", 3, LIMIT).noise_floors == ""
    assert judge("shifted", "c", None, replace(LIMIT, floor=0.001)).noise_floors == ""


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([], Verdict.INCONCLUSIVE),
        (["pass"], Verdict.PASS),
        (["fail"], Verdict.FAIL),
        (["inconclusive"], Verdict.INCONCLUSIVE),
        (["waived"], Verdict.INCONCLUSIVE),
        (["not_checked"], Verdict.INCONCLUSIVE),
        (["pass", "waived"], Verdict.PASS),
        (["pass", "not_checked"], Verdict.PASS),
        (["pass", "inconclusive"], Verdict.INCONCLUSIVE),
        (["pass", "fail"], Verdict.FAIL),
        (["inconclusive", "fail"], Verdict.FAIL),
    ],
)
def test_what_checks_say_together(statuses: list[str], verdict: Verdict) -> None:
    assert conclude([check(Status(status)) for status in statuses]) is verdict


@given(st.lists(st.sampled_from(Status)))
def test_a_pass_has_a_passed_check_and_neither_a_failed_nor_an_open_one(statuses: list[Status]) -> None:
    verdict = conclude(map(check, statuses))
    expected = Status.PASS in statuses and not {Status.FAIL, Status.INCONCLUSIVE} & set(statuses)
    assert (verdict is Verdict.PASS) is expected


def test_the_order_of_checks_does_not_matter() -> None:
    statuses = [Status.PASS, Status.FAIL, Status.INCONCLUSIVE]
    assert conclude(map(check, statuses)) is conclude(map(check, reversed(statuses)))


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 12)])
def test_exit_codes(verdict: str, code: int) -> None:
    assert Verdict(verdict).exit_code == code


def test_a_result_survives_json() -> None:
    comparison = MetricComparison(metrics(0.5), metrics(None), {"AP": Delta(None, None), "AP50": Delta(0.1, (0.0, 0.2))})
    config = ConfigResult("id", "onnx", (640, 640), CandidateId("model", "a.onnx", None), 0.25, None, count([]), comparison, None)
    diagnosis = Diagnosis("id", "stretch", "preprocess", {"gain": 1.5, "fit": "stretch"}, 0.9, "confirmed", "reproduce", "m", "f")
    result = Result(
        verdict=Verdict.FAIL,
        reference=ReferenceId("a.pt", "0" * 64, "ultralytics"),
        dataset=DatasetId("d", 1, "0" * 64),
        configs=(config, replace(config, id="other", imgsz=None)),
        checks=(check(Status.FAIL), judge("ap", "id", math.nan, LIMIT)),
        diagnosis=(diagnosis,),
        environment=some_environment(),
    )
    assert from_json(Result, to_json(result), source="result.json") == result


def test_a_result_explains_itself_with_its_causes_before_its_checks() -> None:
    cause = Diagnosis(
        "m", "stretch", "preprocess", {}, 1.0, "confirmed", "reproduce", "the image was stretched", "use a letterbox", ("crop",)
    )
    checks = (
        results.check(),
        results.check(Status.FAIL, measured=3, detail="a.jpg: cat"),
        results.check(Status.NOT_CHECKED, name="ap_baseline"),
    )
    evidence = "reproduced in the reference's pipeline, which leaves nothing beyond the limits; cannot be told from crop on these images"
    assert results.result(verdict=Verdict.FAIL, checks=checks, diagnosis=(cause,)).explain().splitlines() == [
        "parity: fail",
        "m: CAUSE stretch (preprocess, confirmed, explains 100%)",
        "    what: the image was stretched",
        f"    evidence: {evidence}",
        "    fix: use a letterbox",
        "m-onnx-640: missed fail: measured 3, limit 0 (every one is a difference)",
        "    seen: a.jpg: cat",
    ]
    assert results.result().explain() == "parity: pass"


def test_no_name_reaches_a_log_as_it_is_or_begins_a_line_of_it() -> None:
    name = "::add-mask::e\x1b[31m\n::error::x"
    cause = Diagnosis(name, name, "preprocess", {}, 1.0, "confirmed", "reproduce", name, name, (name,))
    failed = results.check(Status.FAIL, origin=name, detail=name)
    text = results.result(verdict=Verdict.FAIL, checks=(failed,), diagnosis=(replace(cause, config="m"),)).explain()
    assert [c for c in text if not (c.isprintable() or c == "\n")] == []
    assert not [line for line in text.splitlines() if line.strip().startswith("::")]


# Names of checks

SOURCES = [path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "parity").rglob("*.py")]


def calls(tree: ast.AST, makers: set[str]) -> list[ast.Call]:
    """Every call of a function by its plain name."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [call for call in found if call.func.id in makers and call.args]


def makers_of_checks(trees: list[ast.Module]) -> set[str]:
    """``Check`` and whatever hands its own argument ``name`` on to it."""
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    known = {"Check", "judge"}
    return known | {each.name for each in functions if any(ast.unparse(call.args[0]) == "name" for call in calls(each, known))}


def names_of_checks(sources: list[str]) -> set[str]:
    """The names that checks are made with where they are written out, and what ``CHECK`` stands for."""
    trees = [ast.parse(source) for source in sources]
    makers = makers_of_checks(trees)
    first = [call.args[0] for tree in trees for call in calls(tree, makers)]
    constants = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    first += [node.value for node in constants if ast.unparse(node.targets[0]) == "CHECK"]
    return {node.value for node in first if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_check_that_is_made_is_listed_and_every_listed_one_is_made() -> None:
    assert names_of_checks(SOURCES) == CHECK_NAMES


def test_a_check_that_is_made_is_found() -> None:
    straight = "judge('a', 'm', 1, limit)\nCheck('b', 'm', status, 1, 2, '', '')\nCHECK = 'd'\njudge(CHECK, 'm', 1, limit)"
    assert names_of_checks([straight]) == {"a", "b", "d"}
    assert names_of_checks(["def within(name):\n    return Check(name, 'm')", "within('e')\nother('f')"]) == {"e"}


def test_every_check_has_a_next_step() -> None:
    assert set(NEXT_STEPS) == CHECK_NAMES
