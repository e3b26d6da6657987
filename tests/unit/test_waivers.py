"""A waiver accepts what does not pass, for as long as it says, and is never a pass itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from oracles.results import check

from parity.verdict import Check, Status, Verdict, conclude
from parity.waivers import NEVER, Waiver, waive, waiver_notes

LAST_DAY = date(2027, 1, 31)
BEFORE, AFTER = date(2027, 1, 30), date(2027, 2, 1)
WAIVER = Waiver("rescored", "m-onnx-*", "a known rounding", "Ada", LAST_DAY)
RED = check(Status.FAIL, name="rescored", config="m-onnx-640", measured=0.5, limit=1e-4, detail="3 of 9 beyond")
GREEN = replace(RED, status=Status.PASS)
OTHER = check()


def under(one: Check, *waivers: Waiver, today: date = BEFORE) -> Check:
    """One check under some waivers."""
    (found,) = waive([one], waivers, today=today)
    return found


@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE])
def test_a_waived_check_keeps_its_measurement_and_says_by_whom_until_when_and_why(status: Status) -> None:
    found = under(replace(RED, status=status), WAIVER)
    said = "waived by Ada until 2027-01-31: a known rounding; 3 of 9 beyond"
    assert found == replace(RED, status=Status.WAIVED, detail=said)


@pytest.mark.parametrize(("today", "status"), [(BEFORE, Status.WAIVED), (LAST_DAY, Status.WAIVED), (AFTER, Status.FAIL)])
def test_a_waiver_holds_through_its_last_day(today: date, status: Status) -> None:
    assert under(RED, WAIVER, today=today).status is status


def test_an_expired_waiver_is_named_beside_what_fails() -> None:
    assert under(RED, WAIVER, today=AFTER) == replace(RED, detail="its waiver by Ada expired on 2027-01-31; 3 of 9 beyond")


def test_one_that_holds_counts_beside_one_that_has_expired() -> None:
    renewed = replace(WAIVER, owner="Grace", expires=date(2028, 1, 1))
    assert under(RED, WAIVER, renewed, today=AFTER).detail.startswith("waived by Grace until 2028-01-01")


@pytest.mark.parametrize("status", [Status.PASS, Status.NOT_CHECKED])
def test_nothing_else_is_waived(status: Status) -> None:
    one = replace(RED, status=status)
    assert under(one, WAIVER) == one


@pytest.mark.parametrize(
    "waiver",
    [replace(WAIVER, check="shifted"), replace(WAIVER, config="m-torchscript-*"), replace(WAIVER, config="M-onnx-*")],
)
def test_a_waiver_of_something_else_waives_nothing(waiver: Waiver) -> None:
    assert under(RED, waiver) == RED


@pytest.mark.parametrize("name", sorted(NEVER))
def test_evidence_itself_is_never_waived(name: str) -> None:
    one = replace(RED, name=name)
    assert under(one, replace(WAIVER, check=name)) == one


@pytest.mark.parametrize(
    ("checks", "today", "verdict"),
    [
        ((RED, OTHER), BEFORE, Verdict.PASS),
        ((RED, OTHER), AFTER, Verdict.FAIL),
        ((RED,), BEFORE, Verdict.INCONCLUSIVE),
        ((RED, replace(OTHER, status=Status.FAIL)), BEFORE, Verdict.FAIL),
    ],
    ids=["waived beside a pass", "expired", "nothing passed", "another failure"],
)
def test_what_is_waived_does_not_fail_and_is_no_pass(checks: tuple[Check, ...], today: date, verdict: Verdict) -> None:
    assert conclude(waive(checks, [WAIVER], today=today)) is verdict


@pytest.mark.parametrize(
    ("checks", "today", "said"),
    [
        ((RED,), BEFORE, []),
        ((RED, replace(GREEN, config="m-onnx-320")), BEFORE, []),
        ((RED,), AFTER, []),
        ((GREEN,), BEFORE, ["its check passes: remove it"]),
        ((GREEN,), AFTER, ["it has expired and its check passes: remove it"]),
        ((replace(RED, status=Status.NOT_CHECKED),), BEFORE, ["its check was not made"]),
        ((OTHER,), BEFORE, ["no check of this run is so named: correct or remove it"]),
    ],
)
def test_a_waiver_that_does_nothing_is_said_to_do_nothing(checks: tuple[Check, ...], today: date, said: list[str]) -> None:
    notes = list(waiver_notes(checks, [WAIVER], today=today))
    assert notes == [f"waiver of rescored for m-onnx-* by Ada until 2027-01-31: {each}" for each in said]


def test_a_part_of_a_run_does_not_know_what_matches_nothing() -> None:
    assert list(waiver_notes([OTHER], [WAIVER], today=BEFORE, whole=False)) == []
    assert len(list(waiver_notes([GREEN], [WAIVER], today=BEFORE, whole=False))) == 1
