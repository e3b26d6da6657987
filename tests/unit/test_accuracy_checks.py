"""AP against the reference's: exactly, or by what the images can prove."""

from __future__ import annotations

from typing import Any

import pytest
from oracles.results import config
from oracles.samples import metrics

from parity.accuracy import F1, Accuracy, OperatingPoints
from parity.accuracy_checks import accuracy_checks, compare_metrics, shown
from parity.limits import BOOTSTRAP, FLOAT32, MARGINS
from parity.operating import OperatingPoint
from parity.statistics import ClassEstimate, Estimate, PairedStatistics
from parity.verdict import Check, Status, Verdict, conclude

UNDEFINED = Estimate(None, None, None, None, None)
POINTS = OperatingPoints(OperatingPoint(0.25, 0.8, 0.6, 0.7), OperatingPoint(0.31, 0.85, 0.6, 0.72))
MARGIN = MARGINS["int8"]


def known(delta: float | None, *, spread: float = 0.0) -> Estimate:
    """A difference with an interval of two standard errors."""
    if delta is None:
        return UNDEFINED
    return Estimate(0.5, 0.5 + delta, delta, (delta - 2 * spread, delta + 2 * spread), spread)


def statistics(ap: Estimate, *, f1: Estimate | None = None, classes: tuple[ClassEstimate, ...] = (), units: int = 100) -> PairedStatistics:
    """What was resampled."""
    named = dict.fromkeys(("AP50", "AP75", "APs", "APm", "APl"), UNDEFINED)
    return PairedStatistics(units, units, BOOTSTRAP, {"AP": ap, F1: f1 or known(0.0), **named}, classes)


def exact(candidate: float | None, **others: Any) -> Check:
    """The one check of a float32 candidate."""
    compared = compare_metrics(metrics(0.5), metrics(0.5, AP=candidate), statistics(UNDEFINED))
    (check,) = accuracy_checks(config(metrics=compared, **others), FLOAT32, None, detail="above 0.001")
    return check


def by_statistics(found: PairedStatistics) -> dict[str, Check]:
    """The checks of an INT8 candidate by name."""
    result = config(accuracy=Accuracy(found, None, POINTS, POINTS))
    return {check.name: check for check in accuracy_checks(result, FLOAT32, MARGIN, detail="above 0.001")}


@pytest.mark.parametrize(
    ("candidate", "status"),
    [
        (0.5, Status.PASS),
        (0.5009, Status.PASS),
        (0.4991, Status.PASS),
        (0.4985, Status.FAIL),
        (0.59, Status.FAIL),
        (None, Status.INCONCLUSIVE),
    ],
)
def test_ap_of_float32_is_held_against_the_references_either_way(candidate: float | None, status: Status) -> None:
    check = exact(candidate)
    assert (check.name, check.status) == ("ap_reference", status)
    assert "above 0.001" in check.detail


def test_without_labels_ap_is_not_checked_and_that_is_no_pass() -> None:
    (check,) = accuracy_checks(config(metrics=None), FLOAT32, None, detail="no labels")
    assert (check.status, check.detail) == (Status.NOT_CHECKED, "no labels")
    assert conclude([check]) is Verdict.INCONCLUSIVE


def test_without_labels_a_coarser_candidate_cannot_be_judged() -> None:
    (check,) = accuracy_checks(config(metrics=None, accuracy=None), FLOAT32, MARGIN, detail="no labels")
    assert (check.name, check.status, check.limit) == ("ap_reference", Status.INCONCLUSIVE, MARGIN.ap.value)


@pytest.mark.parametrize(
    ("delta", "spread", "status"),
    [
        (0.0, 0.001, Status.PASS),
        (-0.004, 0.003, Status.PASS),
        (-0.004, 0.004, Status.INCONCLUSIVE),
        (-0.02, 0.004, Status.FAIL),
        (0.09, 0.01, Status.FAIL),
        (0.02, 0.01, Status.PASS),
        (None, 0.0, Status.INCONCLUSIVE),
        (float("nan"), float("nan"), Status.INCONCLUSIVE),
    ],
)
def test_ap_of_int8_must_be_proven_to_keep_its_margin_and_may_not_rise_beyond_it(
    delta: float | None, spread: float, status: Status
) -> None:
    assert by_statistics(statistics(known(delta, spread=spread)))["ap_reference"].status == status


def test_a_rise_is_said_to_be_one() -> None:
    assert by_statistics(statistics(known(0.09)))["ap_reference"].detail.startswith("AP rose by more than rounding can")


def test_an_open_question_says_how_many_images_would_decide_it_and_what_would_be_found() -> None:
    check = by_statistics(statistics(known(-0.004, spread=0.004)))["ap_reference"]
    assert "about 171 images would decide" in check.detail
    assert "a true drop of 0.0244 would be found" in check.detail
    assert check.measured == pytest.approx(0.004)


def test_too_few_images_say_nothing() -> None:
    few = Estimate(0.5, 0.4, -0.1, None, None)
    check = by_statistics(statistics(few, units=8))["ap_reference"]
    assert (check.status, "fewer than 20" in check.detail) == (Status.INCONCLUSIVE, True)


def test_a_class_that_lost_more_than_its_margin_fails_where_the_mean_does_not() -> None:
    lost = ClassEstimate("red triangle", "small", 40, 30, Estimate(0.9, 0.6, -0.3, (-0.34, -0.26), 0.02))
    checks = by_statistics(statistics(known(-0.002), classes=(lost,)))
    assert (checks["ap_reference"].status, checks["ap_classes"].status) == (Status.PASS, Status.FAIL)
    assert "red triangle small -0.300" in checks["ap_classes"].detail


def test_classes_with_too_few_objects_are_counted_and_pass_nothing() -> None:
    rare = ClassEstimate("rare", "all", 3, 3, Estimate(0.9, 0.2, -0.7, None, None))
    check = by_statistics(statistics(known(0.0), classes=(rare,)))["ap_classes"]
    assert (check.status, check.detail) == (Status.NOT_CHECKED, "none of 1 classes and sizes has enough objects")


def test_f1_at_the_deployed_threshold_is_held_too_with_both_sides_points() -> None:
    check = by_statistics(statistics(known(0.0), f1=known(-0.1, spread=0.01)))["f1_deployed"]
    assert check.status is Status.FAIL
    assert "reference P 0.8000, R 0.6000, F1 0.7000, best 0.7200 at 0.310" in check.detail


def test_a_delta_is_candidate_minus_reference_where_both_are_defined_with_its_interval() -> None:
    comparison = compare_metrics(metrics(0.5, APs=None), metrics(0.25, APl=None), statistics(known(-0.25, spread=0.01)))
    assert comparison.delta["AP"].value == -0.25
    assert comparison.delta["AP"].ci95 == pytest.approx((-0.27, -0.23))
    assert (comparison.delta["APs"].value, comparison.delta["APl"].value) == (None, None)
    assert comparison.delta["AR1"].ci95 is None


def test_words_for_people() -> None:
    assert (shown(None), shown(0.12345)) == ("undefined", "0.1235")
