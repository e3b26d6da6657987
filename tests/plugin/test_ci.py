"""What pytest tells the CI that runs it: the summary of the job, annotations, and properties in the JUnit file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from oracles.hostile import HOSTILE
from oracles.rendered import rendered

from parity.display import display

ROOT = Path(__file__).parents[2]
SUITE = (
    "-c",
    "tox.ini",
    "--pyargs",
    "parity.suite",
    "-m",
    "parity",
    "-p",
    "no:cacheprovider",
    "-p",
    "answers",
    "-k",
    "320 and not latency",
)
INI = "[pytest]\nparity_checkpoint = m.pt\nparity_data = data.yaml\nparity_backend = onnx,torchscript\nparity_imgsz = 320\n"
ANSWERS = """
from types import SimpleNamespace

from oracles.exhibits import CAUSE
from oracles.results import check, config
from oracles.samples import metrics, some_environment
from parity.baselines import Baseline, Identity
from parity.judging import Outcome
from parity.limits import FLOAT32
from parity.suite import running
from parity.verdict import Status
from dataclasses import replace

STATUS, BROKEN = Status({status!r}), {broken!r}


def gate(gates, checkpoint):
    return SimpleNamespace(limits=FLOAT32, request=running.request(gates.settings, checkpoint))


def outcome(gates, asked):
    if BROKEN and asked.backend == "onnx":
        raise RuntimeError("broken")
    found = Baseline(Identity("a" * 64, "b" * 64, "c" * 64, asked.backend, asked.size), metrics(), 12, some_environment())
    missed = check(STATUS, name="missed", config=asked.id, measured=3, detail="a.jpg: {name}")
    checks = (missed, check(name="ap_reference", config=asked.id))
    causes = (replace(CAUSE, config=asked.id, message={name!r}),) if STATUS is Status.FAIL else ()
    return Outcome(config(id=asked.id), checks, found, gates.settings.baselines / f"{{asked.id}}.json", (), causes)


running.Gates.gate, running.Gates.outcome = gate, outcome
"""
OWN = """
import pytest
from oracles.exhibits import failing
from oracles.results import config, result
from dataclasses import replace
from parity.suite import running

NAME = {name!r}


@pytest.fixture(scope="session", autouse=True)
def answers():
    with pytest.MonkeyPatch.context() as patch:
        found = {found}
        patch.setattr(running, "run_gate", lambda request: replace(found, configs=(config(id=NAME),)))
        yield


def test_release(parity_gate):
    assert parity_gate("m.pt", candidates=["m.onnx"]).verdict == "pass"
"""
HOSTILE_NAMES = """
from dataclasses import replace

import pytest
from oracles.exhibits import CAUSE, failing
from oracles.hostile import HOSTILE
from oracles.results import check, config
from parity.suite import running
from parity.verdict import Status


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_release(parity_gate, monkeypatch, name):
    checks = (check(Status.FAIL, config=name, detail=name),)
    found = replace(failing(), configs=(config(id=name),), checks=checks, diagnosis=(replace(CAUSE, config=name, message=name, fix=name),))
    monkeypatch.setattr(running, "run_gate", lambda request: found)
    assert parity_gate("m.pt", candidates=["m.onnx"]).verdict == "pass"
"""
ALIGNED = {"th style", "td style"}


@pytest.fixture(autouse=True)
def summary(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose gate answers at once, in GitHub Actions; the file that takes its summary."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"), prepend=":")
    target = pytester.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(target))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    pytester.makeini(INI)
    pytester.path.joinpath("m.pt").touch()
    answering(pytester)
    return target


def answering(pytester: pytest.Pytester, status: str = "pass", name: str = "cat", *, broken: bool = False) -> None:
    """What the gate answers."""
    pytester.makepyfile(answers=ANSWERS.format(status=status, name=name, broken=broken))


def properties(file: Path) -> list[dict[str, str]]:
    """The properties of every test of a JUnit file, by name."""
    tests = ET.parse(file).getroot().iter("testcase")  # noqa: S314 - our own file
    return [{each.attrib["name"]: each.attrib["value"] for each in test.iter("property")} for test in tests]


@pytest.mark.parametrize("processes", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["one process", "two"])
def test_the_suite_sums_up_all_configurations_once(pytester: pytest.Pytester, summary: Path, processes: tuple[str, ...]) -> None:
    answering(pytester, status="fail")

    result = pytester.runpytest_subprocess(*SUITE, *processes, "-k", "not latency and not baseline")

    result.assert_outcomes(passed=2, failed=2, deselected=0 if processes else 5)
    page = rendered(summary.read_text(encoding="utf-8"))
    assert page.text.startswith("Parity: FAIL\ncat: 2 of 4 checks failed (missed).\nm.pt\n")
    assert [row[0] for row in page.rows] == ["configuration", "m-onnx-320", "m-torchscript-320", "", "fail", "fail"]
    result.stdout.fnmatch_lines(["::error title=parity fail::cat: 2 of 4 checks failed (missed).%0Am.pt"])


def test_a_pass_is_summed_up_and_not_annotated(pytester: pytest.Pytester, summary: Path) -> None:
    result = pytester.runpytest_subprocess(*SUITE, "-k", "not latency and not baseline")
    assert result.ret == 0
    assert rendered(summary.read_text(encoding="utf-8")).text.startswith("Parity: PASS\n")
    assert "::" not in result.stdout.str().replace("::test", "")


def test_a_test_that_broke_is_no_pass(pytester: pytest.Pytester, summary: Path) -> None:
    answering(pytester, broken=True)
    result = pytester.runpytest_subprocess(*SUITE, "-k", "detects")
    result.assert_outcomes(passed=1, failed=1, deselected=7)
    text = rendered(summary.read_text(encoding="utf-8")).text
    assert text.startswith("Parity: INCONCLUSIVE\nThere is not enough evidence to pass: pytest.")


def test_a_summary_that_cannot_be_written_changes_nothing(
    pytester: pytest.Pytester, summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary.parent))
    result = pytester.runpytest_subprocess(*SUITE, "-k", "detects")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["parity: note: GITHUB_STEP_SUMMARY: * cannot be written: *"])


def test_outside_of_ci_nothing_is_said(pytester: pytest.Pytester, summary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    monkeypatch.delenv("GITHUB_ACTIONS")
    answering(pytester, status="fail")
    assert "::error" not in pytester.runpytest_subprocess(*SUITE, "-k", "detects").stdout.str()
    assert not summary.exists()


def test_every_configuration_has_its_numbers_in_the_junit_file(pytester: pytest.Pytester) -> None:
    answering(pytester, status="fail")
    result = pytester.runpytest_subprocess(*SUITE, "-k", "detects", "--junitxml=junit.xml", "-W", "error")
    result.assert_outcomes(failed=2, deselected=7)
    first, second = properties(pytester.path / "junit.xml")
    assert (first["configuration"], second["configuration"]) == ("m-onnx-320", "m-torchscript-320")
    assert {name: first[name] for name in ("verdict", "AP_reference", "AP_candidate", "matched", "latency_candidate_ms")} == {
        "verdict": "fail",
        "AP_reference": "0.5",
        "AP_candidate": "0.5",
        "matched": "100",
        "latency_candidate_ms": "72.25",
    }


def test_a_failure_names_check_configuration_values_limit_and_cause(pytester: pytest.Pytester) -> None:
    answering(pytester, status="fail")
    result = pytester.runpytest_subprocess(*SUITE, "-k", "detects", "-v")
    result.stdout.fnmatch_lines(
        [
            "*test_candidate_detects_what_the_reference_detects?m-onnx-320? FAILED*",
            "m-onnx-320: CAUSE channel_order_bgr (preprocess, confirmed, explains 100%)",
            "*evidence: restored in the candidate*",
            "*fix: Swap.",
            "m-onnx-320: missed fail: measured 3, limit 0 (every one is a difference)",
        ]
    )


@pytest.mark.parametrize("found", ["result()", "failing()"], ids=["pass", "fail"])
def test_a_gate_of_ones_own_is_told_as_well(pytester: pytest.Pytester, summary: Path, found: str) -> None:
    pytester.makepyfile(OWN.format(name="m-onnx-640", found=found))
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--junitxml=junit.xml")
    verdict = {"result()": "pass", "failing()": "fail"}[found]
    assert rendered(summary.read_text(encoding="utf-8")).text.startswith(f"Parity: {verdict.upper()}\n")
    assert properties(pytester.path / "junit.xml")[0]["m-onnx-640.verdict"] == verdict


def test_hostile_names_leave_valid_xml_and_text(pytester: pytest.Pytester, summary: Path) -> None:
    pytester.makepyfile(HOSTILE_NAMES)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--junitxml=junit.xml")
    result.assert_outcomes(failed=len(HOSTILE))
    found = properties(pytester.path / "junit.xml")
    assert [each[f"{display(name)}.configuration"] for name, each in zip(HOSTILE, found, strict=True)] == [*map(display, HOSTILE)]
    page = rendered(summary.read_text(encoding="utf-8"))
    assert page.tags.count("h2") == len(HOSTILE)
    assert set(page.tags) <= {"h2", "h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code"} | ALIGNED
    assert [c for c in page.text if not (c.isprintable() or c in "\n\xa0")] == []
