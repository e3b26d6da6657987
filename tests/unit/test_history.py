"""What is kept of a run: a row for each configuration, with the verdict of its own checks and what decided it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from oracles.histories import REQUEST
from oracles.results import ENVIRONMENT, check, config, result

from parity.baselines import slug
from parity.history import checkpoint_label, entries_of, fingerprint
from parity.verdict import Diagnosis, Status, Verdict

TIME = "2026-01-05T12:00:00+00:00"
TWO = result(
    configs=(config(), config(id="m-onnx-320", imgsz=(320, 320), metrics=None, latency_ms=None)),
    checks=(check(), check(Status.FAIL, config="m-onnx-320", name="ghosts"), check(Status.FAIL, config="m-onnx-320")),
)


def test_a_run_has_a_row_for_each_configuration() -> None:
    rows = entries_of(REQUEST, TWO, time=TIME)
    assert [(row.config, row.setting, row.imgsz) for row in rows] == [("m-onnx-640", "onnx-640", "640"), ("m-onnx-320", "onnx-320", "320")]
    assert len({row.run for row in rows}) == 1
    assert {row.time for row in rows} == {TIME}


def test_two_runs_are_told_apart() -> None:
    assert entries_of(REQUEST, TWO, time=TIME)[0].run != entries_of(REQUEST, TWO, time=TIME)[0].run


def test_a_row_has_the_verdict_of_its_own_checks_and_says_what_decided() -> None:
    rows = entries_of(REQUEST, TWO, time=TIME)
    assert [(row.verdict, row.reason) for row in rows] == [(Verdict.PASS, ""), (Verdict.FAIL, "ghosts, missed")]


@pytest.mark.parametrize(
    ("statuses", "verdict", "reason"),
    [
        ({"missed": Status.INCONCLUSIVE, "ghosts": Status.PASS}, Verdict.INCONCLUSIVE, "missed"),
        ({"missed": Status.INCONCLUSIVE, "ghosts": Status.FAIL}, Verdict.FAIL, "ghosts"),
        ({"missed": Status.WAIVED, "ghosts": Status.PASS}, Verdict.PASS, ""),
    ],
)
def test_a_failure_says_more_than_an_open_question(statuses: dict[str, Status], verdict: Verdict, reason: str) -> None:
    checks = tuple(check(status, name=name) for name, status in statuses.items())
    (row,) = entries_of(REQUEST, result(checks=checks), time=TIME)
    assert (row.verdict, row.reason) == (verdict, reason)


def test_a_check_of_no_configuration_counts_for_all() -> None:
    (row,) = entries_of(REQUEST, result(checks=(check(), check(Status.FAIL, config="", name="images"))), time=TIME)
    assert (row.verdict, row.reason) == (Verdict.FAIL, "images")


def test_a_named_cause_is_the_reason() -> None:
    cause = Diagnosis("m-onnx-640", "stretch", "preprocess", {}, 1.0, "confirmed", "reproduce", "message", "fix")
    other = replace(cause, config="m-onnx-320", fault="bgr")
    (row,) = entries_of(REQUEST, result(checks=(check(Status.FAIL),), diagnosis=(cause, other)), time=TIME)
    assert row.reason == "stretch"


def test_a_row_keeps_what_was_measured() -> None:
    (row,) = entries_of(replace(REQUEST, threads=2), result(), time=TIME)
    assert row.latency is not None
    assert (row.latency.reference_ms, row.latency.candidate_ms, row.latency.speedup_low) == (130.4, 72.25, 1.7)
    assert (row.agreement, row.parity.matched, row.threads) == (1.0, 100, 2)
    assert row.ap == result().configs[0].metrics.candidate.AP  # type: ignore[union-attr]
    assert checkpoint_label(row) == "1111111"


def test_what_was_not_measured_is_none() -> None:
    row = entries_of(REQUEST, TWO, time=TIME)[1]
    assert (row.ap, row.reference_metrics, row.ap_change, row.latency) == (None, None, None, None)


def test_a_setting_is_how_a_model_ships_whatever_its_name() -> None:
    named = replace(REQUEST, reference=Path("epoch 10.pt"))
    (row,) = entries_of(named, result(configs=(config(id=f"{slug('epoch 10')}-onnx-int8-480x640"),)), time=TIME)
    assert row.setting == "onnx-int8-480x640"


@pytest.mark.parametrize("other", [{"processor": "another"}, {"processors": 4}, {"instruction_sets": ()}, {"platform": "Darwin arm64"}])
def test_a_machine_is_another_where_times_are(other: dict[str, object]) -> None:
    assert fingerprint(replace(ENVIRONMENT, **other)) != fingerprint(ENVIRONMENT)  # type: ignore[arg-type]


def test_a_machine_with_newer_packages_is_the_same() -> None:
    assert fingerprint(replace(ENVIRONMENT, python="3.14.0", packages={})) == fingerprint(ENVIRONMENT)
