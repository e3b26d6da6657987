"""A latency limit is held where it can be, and what cannot be told is said to be that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from oracles.results import LATENCY, config

from parity.environment import processors
from parity.errors import UsageError
from parity.latency import LatencyComparison, Speedup
from parity.options import least_speedup
from parity.request import GateRequest
from parity.timing import XDIST, latency_check, latency_checks, latency_notes, with_fair_timing
from parity.verdict import Status

ASKED = GateRequest(Path("m.pt"), least_speedup=1.5)


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may themselves run under pytest-xdist."""
    monkeypatch.delenv(XDIST, raising=False)


def timed(value: float, low: float, high: float, smallest: float = 0.03) -> LatencyComparison:
    """A comparison with this speedup and interval."""
    return replace(LATENCY, speedup=Speedup(value, (low, high)), feigned=smallest / 2, smallest_enforceable=smallest)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (timed(1.6, 1.55, 1.65), Status.PASS),
        (timed(1.4, 1.35, 1.44), Status.FAIL),
        (timed(1.51, 1.505, 1.52), Status.INCONCLUSIVE),  # above, by less than the machine feigns
        (timed(1.47, 1.46, 1.49), Status.INCONCLUSIVE),
        (timed(1.6, 1.45, 1.65), Status.INCONCLUSIVE),
        (timed(float("nan"), float("nan"), float("nan")), Status.INCONCLUSIVE),
    ],
)
def test_the_check_holds_the_interval_against_the_limit(found: LatencyComparison, status: Status) -> None:
    check = latency_check("m-onnx-640", found, 1.5)
    assert (check.name, check.config, check.status, check.limit) == ("latency", "m-onnx-640", status, 1.5)
    assert check.origin == '--latency-fail "speedup<1.5"'
    assert "reference 130.4 ms, candidate 72.2 ms" in check.detail
    assert "may be enforced on this machine now is 3.0 %" in check.detail


def test_an_undecided_check_says_whether_the_machine_or_the_pairs_leave_it_open() -> None:
    machine = latency_check("m", timed(1.45, 1.4, 1.49, smallest=0.2), 1.5).detail
    assert "this machine cannot tell 3.3 % now, which is how far the speedup lies from the limit: end what else runs on it" in machine
    assert "the pairs leave it open" in latency_check("m", timed(1.7, 1.4, 1.9, smallest=0.03), 1.5).detail


def test_recorded_detections_have_no_latency_to_hold() -> None:
    check = latency_check("m", None, 1.5)
    assert (check.status, check.measured) == (Status.INCONCLUSIVE, None)
    assert "recorded detections have no latency" in check.detail


def test_only_what_was_asked_for_is_held() -> None:
    result = config(latency_ms=timed(1.4, 1.35, 1.44))
    assert list(latency_checks(GateRequest(Path("m.pt")), result)) == []
    assert [check.status for check in latency_checks(ASKED, result)] == [Status.FAIL]


def test_what_may_be_enforced_is_a_note_where_it_was_measured() -> None:
    results = (config(), config(latency_ms=None), config(id="n", latency_ms=timed(1.4, 1.35, 1.44)))
    assert list(latency_notes(results)) == [
        "n: the smallest difference in time that may be enforced on this machine now is 3.0 % (from timing the reference against itself)"
    ]


def test_both_sides_get_as_many_threads_where_a_limit_is_held() -> None:
    assert with_fair_timing(ASKED).threads == processors()
    assert with_fair_timing(replace(ASKED, threads=1)).threads == 1
    assert with_fair_timing(GateRequest(Path("m.pt"))).threads is None


def test_a_limit_is_refused_under_xdist_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(XDIST, "gw0")
    with pytest.raises(UsageError, match=r"no latency can be held; found PYTEST_XDIST_WORKER=gw0; expected pytest without -n"):
        with_fair_timing(ASKED)
    assert with_fair_timing(GateRequest(Path("m.pt"))) == GateRequest(Path("m.pt"))


def test_a_limit_on_what_is_not_measured_is_refused() -> None:
    with pytest.raises(UsageError, match="holds what is not measured"):
        with_fair_timing(replace(ASKED, latency=False))


@pytest.mark.parametrize(("text", "least"), [("speedup<1.5", 1.5), (" speedup < 0.9 ", 0.9), ("speedup<2", 2.0), (None, None)])
def test_a_limit_is_read(text: str | None, least: float | None) -> None:
    assert least_speedup(text) == least


@pytest.mark.parametrize(
    "text",
    [
        *("", "1.5", "speedup>1.5", "speedup<=1.5", "speedup<", "speedup<-1", "speedup<0", "speedup<nan", "speedup<inf", "speedup<1e3"),
        *("speedup<1.5x", "speedup<1,5", "speedup<50%", "fps<30", "speedup<99999", "speedup<\u0661"),
    ],
)
def test_any_other_limit_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError, match=r'no limit that can be held; found .*; expected speedup<NUMBER: "speedup<1.5" fails'):
        least_speedup(text)
