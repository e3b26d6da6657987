"""The suite around a gate that answers at once: what becomes of stored results and waivers, in one process and in several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from oracles.samples import metrics, some_environment

from parity.baselines import Baseline, Identity, write_baseline

ROOT = Path(__file__).parents[2]
SUITE = ("-c", "tox.ini", "--pyargs", "parity.suite", "-m", "parity", "-p", "no:cacheprovider", "-p", "answers", "-rsx")
WHOLE = ("-k", "not latency")  # which needs networks
INI = "[pytest]\nparity_checkpoint = m.pt\nparity_data = data.yaml\nparity_backend = onnx\nparity_imgsz = 320,640\n"
PROCESSES = [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)]
ANSWERS = """
from dataclasses import replace
from types import SimpleNamespace

from oracles.results import check, config
from oracles.samples import metrics, some_environment
from parity.baselines import Baseline, Identity
from parity.judging import Outcome
from parity.limits import FLOAT32
from parity.suite import running
from parity.verdict import Status

STATUS, PRECISION, SETS = Status({status!r}), {precision!r}, {sets!r}


def gate(gates, checkpoint):
    return SimpleNamespace(limits=FLOAT32, request=running.request(gates.settings, checkpoint))


def outcome(gates, asked):
    found = Baseline(Identity("a" * 64, "b" * 64, "c" * 64, "onnx", asked.size), metrics(), 12, some_environment(), precision=PRECISION)
    found = replace(found, environment=replace(some_environment(), instruction_sets=SETS))
    checks = tuple(check(name=name, config=asked.id) for name in ("missed", "ap_reference"))
    checks += (check(STATUS, name="rescored", config=asked.id, measured=0.5, limit=1e-4),)
    return Outcome(config(id=asked.id), checks, found, gates.settings.baselines / f"{{asked.id}}.json", ())


running.Gates.gate, running.Gates.outcome = gate, outcome
"""
SOON = str(datetime.now(UTC).date() + timedelta(days=30))
WAIVER = """
[[tool.parity.waivers]]
check = "{check}"
config = "{config}"
reason = "a known rounding"
owner = "Ada"
expires = {expires}
"""


@pytest.fixture(autouse=True)
def _project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a checkpoint, stored results of both its sizes, and a gate that answers at once."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"), prepend=":")
    pytester.makeini(INI)
    pytester.path.joinpath("m.pt").touch()
    answering(pytester)
    stored(pytester)


def answering(pytester: pytest.Pytester, status: str = "pass", precision: str = "fp32", sets: tuple[str, ...] = ("avx2",)) -> None:
    """What the gate answers."""
    pytester.makepyfile(answers=ANSWERS.format(status=status, precision=precision, sets=sets))


def stored(pytester: pytest.Pytester, precision: str = "fp32") -> None:
    """What is stored."""
    for side in (320, 640):
        identity = Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (side, side))
        baseline = Baseline(identity, metrics(), 12, some_environment(), precision=precision)
        write_baseline(pytester.path / "baselines" / f"m-onnx-{side}.json", baseline)


def waiving(pytester: pytest.Pytester, check: str = "rescored", config: str = "m-onnx-*", expires: str = SOON) -> None:
    """A waiver in the project's file."""
    pytester.makepyprojecttoml(WAIVER.format(check=check, config=config, expires=expires))


UNUSED = "parity: stored results that no configuration reads, in *: old.json, older.json"


@pytest.mark.parametrize("processes", PROCESSES, ids=["one process", "two"])
def test_stored_results_that_nothing_reads_are_named(pytester: pytest.Pytester, processes: tuple[str, ...]) -> None:
    for name in ("older.json", "old.json", "m-onnx-320.json.bak"):
        pytester.path.joinpath("baselines", name).touch()

    result = pytester.runpytest_subprocess(*SUITE, *WHOLE, *processes)

    result.assert_outcomes(passed=6, deselected=0 if processes else 4)
    result.stdout.fnmatch_lines([UNUSED])


@pytest.mark.parametrize(
    "part",
    [
        ("-k", "baseline"),
        ("-k", "not latency and not 640"),
        (*WHOLE, "--parity-imgsz", "320"),
        (*WHOLE, "-x", "--deselect", "x", "--maxfail", "1"),
    ],
    ids=["one question", "one size", "fewer configurations", "stopped"],
)
def test_a_part_of_the_suite_does_not_know_what_is_unused(pytester: pytest.Pytester, part: tuple[str, ...]) -> None:
    answering(pytester, status="fail")
    pytester.path.joinpath("baselines", "old.json").touch()
    assert "no configuration reads" not in pytester.runpytest_subprocess(*SUITE, *part).stdout.str()


def test_a_folder_whose_results_are_all_read_is_not_mentioned(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SUITE, *WHOLE)
    result.assert_outcomes(passed=6, deselected=4)
    assert "parity: " not in result.stdout.str()


@pytest.mark.parametrize("variable", ["CI"])
def test_updating_in_ci_is_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "true")
    before = {path.name: path.read_bytes() for path in (pytester.path / "baselines").iterdir()}

    result = pytester.runpytest_subprocess(*SUITE, *WHOLE, "--parity-update-baselines")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*baselines are not updated in CI: a result must not bless itself; found CI=true*"])
    assert {path.name: path.read_bytes() for path in (pytester.path / "baselines").iterdir()} == before


@pytest.mark.parametrize("processes", [("-n", "1"), ("-n", "2")])
def test_updating_in_workers_is_refused_in_ci_as_well(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, processes: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CI", "true")
    result = pytester.runpytest_subprocess(*SUITE, *processes, "--parity-update-baselines")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--parity-update-baselines*without -n*"])


def test_int8_on_another_processor_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    stored(pytester, precision="int8")
    answering(pytester, precision="int8", sets=("avx2", "avx512_vnni"))

    result = pytester.runpytest_subprocess(*SUITE, *WHOLE)

    result.assert_outcomes(passed=4, skipped=2, deselected=4)
    result.stdout.fnmatch_lines(["SKIPPED*INT8 results do not compare across instruction sets: stored with avx2, here avx2, avx512_vnni*"])


@pytest.mark.parametrize("processes", PROCESSES, ids=["one process", "two"])
def test_a_test_that_lacks_only_what_is_waived_is_an_expected_failure(pytester: pytest.Pytester, processes: tuple[str, ...]) -> None:
    answering(pytester, status="fail")
    waiving(pytester)

    result = pytester.runpytest_subprocess(*SUITE, *WHOLE, *processes)

    result.assert_outcomes(passed=4, xfailed=2, deselected=0 if processes else 4)
    result.stdout.fnmatch_lines([f"XFAIL*rescored waived by Ada until {SOON}: a known rounding*"])
    result.stdout.fnmatch_lines(["parity: waivers: 1 in *pyproject.toml"])
    assert result.ret == 0


@pytest.mark.parametrize(
    ("check", "config", "expires", "says"),
    [
        ("rescored", "m-onnx-*", "2026-01-31", "its waiver by Ada expired on 2026-01-31"),
        ("missed", "m-onnx-*", SOON, "rescored fail"),
        ("rescored", "other-*", SOON, "rescored fail"),
    ],
    ids=["expired", "another check", "another configuration"],
)
def test_a_waiver_that_does_not_hold_waives_nothing(pytester: pytest.Pytester, check: str, config: str, expires: str, says: str) -> None:
    answering(pytester, status="fail")
    waiving(pytester, check=check, config=config, expires=expires)

    result = pytester.runpytest_subprocess(*SUITE, *WHOLE)

    result.assert_outcomes(passed=4, failed=2, deselected=4)
    result.stdout.fnmatch_lines([f"*{says}*"])


@pytest.mark.parametrize("processes", PROCESSES, ids=["one process", "two"])
def test_waivers_that_do_nothing_are_named_when_all_is_through(pytester: pytest.Pytester, processes: tuple[str, ...]) -> None:
    needless, unmatched = (WAIVER.format(check="rescored", config=config, expires=SOON) for config in ("m-onnx-320", "old-*"))
    pytester.makepyprojecttoml(needless + unmatched)

    result = pytester.runpytest_subprocess(*SUITE, *WHOLE, *processes)

    result.stdout.fnmatch_lines(
        [
            f"parity: waiver of rescored for m-onnx-320 by Ada until {SOON}: its check passes: remove it",
            "*old-*no check of this run is so named*",
        ]
    )
    assert result.ret == 0


def test_a_part_of_the_suite_does_not_know_what_a_waiver_may_match(pytester: pytest.Pytester) -> None:
    waiving(pytester, config="m-onnx-640")
    assert "no check of this run" not in pytester.runpytest_subprocess(*SUITE, "-k", "320 and not latency").stdout.str()


def test_a_wrong_waiver_is_a_usage_error_before_anything_is_run(pytester: pytest.Pytester) -> None:
    waiving(pytester, check="rescore")
    result = pytester.runpytest_subprocess(*SUITE, *WHOLE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pyproject.toml: waiver 1 (rescore): there is no such check; found rescore", "*did you mean rescored?"])


def test_a_failed_check_that_nobody_waives_fails(pytester: pytest.Pytester) -> None:
    answering(pytester, status="fail")
    pytester.runpytest_subprocess(*SUITE, *WHOLE).assert_outcomes(passed=4, failed=2, deselected=4)
