"""What is said alike on a page, a terminal and in CI."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracles.exhibits import CAUSE, failing
from oracles.results import check, config

from parity.report.words import alike, reason, told_causes, unexplained
from parity.verdict import Status


def test_what_is_alike_stands_together_in_the_order_of_the_first() -> None:
    assert alike(["b1", "a1", "b2"], lambda word: word[0]) == [["b1", "b2"], ["a1"]]


def test_a_cause_of_several_configurations_is_told_once_by_its_least_share() -> None:
    found = replace(
        failing(),
        configs=(config(), config(id="other"), config(id="third")),
        checks=tuple(check(Status.FAIL, config=name) for name in ("m-onnx-640", "other", "third")),
        diagnosis=(CAUSE, replace(CAUSE, config="other", explains=0.5), replace(CAUSE, config="third", fix="Another.")),
    )
    assert [(cause.explains, where) for cause, where in told_causes(found)] == [(0.5, "m-onnx-640, other"), (1.0, "third")]


@pytest.mark.parametrize(
    ("failed", "cause", "is_left"),
    [
        (check(Status.FAIL), CAUSE, False),
        (check(Status.FAIL), replace(CAUSE, status="partial"), True),
        (check(Status.FAIL), replace(CAUSE, config="other"), True),
        (check(Status.FAIL, name="checkpoint"), CAUSE, True),
        (check(Status.INCONCLUSIVE), CAUSE, True),
        (check(Status.PASS), replace(CAUSE, config="other"), False),
    ],
    ids=["confirmed", "partial", "of another configuration", "another kind of check", "inconclusive", "passed"],
)
def test_only_a_confirmed_cause_explains_a_check(failed: object, cause: object, *, is_left: bool) -> None:
    found = replace(failing(), checks=(failed,), diagnosis=(cause,))
    assert (unexplained(found) == [failed]) is is_left


@pytest.mark.parametrize(("waived", "told"), [(Status.FAIL, "Red and blue"), (Status.WAIVED, "1 of 2 checks failed: latency")])
def test_a_cause_is_no_reason_once_what_it_explains_is_waived(waived: Status, told: str) -> None:
    found = replace(failing(), checks=(check(waived), check(Status.FAIL, name="latency")), diagnosis=(CAUSE,))
    assert reason(found).startswith(told)
