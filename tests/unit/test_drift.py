"""A drift is told where there is one, and hardly ever where runs differ by chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from oracles.histories import NOISE_AP, on, run, runs
from scipy.stats import binom, linregress

from parity.drift import History, Measure, Move, Observed, Trend, history_of, latency_of, slope_of, trend_of
from parity.history import Entry
from parity.limits import DRIFT, DRIFT_ERROR, MIN_DRIFT_RUNS, MOST_DRIFT_RUNS
from parity.metrics import CocoMetrics

AP = Measure("AP", lambda entry: entry.ap)
LATENCY = Measure("latency", latency_of, better=-1, relative=True, timed=True)
EIGHT = tuple(f"m-onnx-{size}" for size in range(320, 576, 32))
HISTORIES = 400


def found(entries: Sequence[Entry], *, as_one: bool = False) -> History:
    """What runs say together."""
    return history_of("h.sqlite", entries, as_one=as_one)


def trends(entries: Sequence[Entry]) -> dict[str, Trend]:
    """The trends of the one series."""
    (series,) = found(entries).series
    return {trend.measure: trend for trend in series.trends}


def moves(entries: Sequence[Entry]) -> dict[str, Move]:
    """What every measure of the one series does."""
    return {name: trend.move for name, trend in trends(entries).items()}


def of(values: Sequence[float], *, measure: Measure = AP, level: float = DRIFT_ERROR) -> Trend:
    """The trend of some values."""
    return trend_of(Observed(measure, list(values), 0), level=level)


# How often it is right


def claims(entries: Sequence[Entry]) -> bool:
    """Whether a drift of anything is told."""
    return any(trend.move in {Move.FALLS, Move.RISES, Move.SMALL} for series in found(entries).series for trend in series.trends)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "ids"), [(8, EIGHT[:1]), (12, EIGHT[:1]), (30, EIGHT[:1]), (10, EIGHT)])
def test_histories_that_differ_by_chance_alone_drift_in_no_more_than_one_of_twenty(count: int, ids: tuple[str, ...]) -> None:
    alarms = sum(claims(independent(count, ids, seed)) for seed in range(HISTORIES))
    assert alarms <= binom.ppf(0.99, HISTORIES, DRIFT_ERROR)


def independent(count: int, ids: Sequence[str], seed: int) -> list[Entry]:
    """Runs of configurations that differ by chance, each for itself."""
    return [entry for place, name in enumerate(ids) for entry in runs(count, seed=1000 * seed + place, ids=(name,))]


@pytest.mark.slow
def test_many_configurations_need_a_stricter_level_than_one() -> None:
    histories = [found(independent(10, EIGHT, seed)).series for seed in range(60)]
    careless = sum(any((trend.p_value or 1.0) <= DRIFT_ERROR for each in series for trend in each.trends) for series in histories)
    assert careless > binom.ppf(0.9999, len(histories), DRIFT_ERROR)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "loss"), [(12, 5 * NOISE_AP), (20, 5 * NOISE_AP), (50, 3 * NOISE_AP)])
def test_a_slow_loss_of_ap_is_found_almost_always(count: int, loss: float) -> None:
    seen = sum(moves(runs(count, seed=seed, loss=loss))["AP"] is Move.FALLS for seed in range(HISTORIES))
    assert seen >= 0.95 * HISTORIES


@pytest.mark.slow
def test_a_slowdown_of_a_twentieth_over_twenty_runs_is_found_almost_always() -> None:
    seen = sum(moves(runs(20, seed=seed, slower=0.05))["latency"] is Move.RISES for seed in range(HISTORIES))
    assert seen >= 0.95 * HISTORIES


def test_a_synthetic_history_with_a_drift_says_what_drifts_and_what_does_not() -> None:
    assert moves(runs(20, loss=0.02, slower=0.1)) == {
        "AP": Move.FALLS,
        "AP change": Move.NONE,
        "agreement": Move.NONE,
        "latency": Move.RISES,
    }
    assert moves(runs(20)) == dict.fromkeys(("AP", "AP change", "agreement", "latency"), Move.NONE)


# What it says


def test_the_slope_is_the_median_of_the_slopes_of_all_pairs_and_one_wild_run_does_not_move_it() -> None:
    values = list(0.5 - 0.001 * np.arange(20))
    values[7] = 0.1
    pairs = [(values[b] - values[a]) / (b - a) for a, b in combinations(range(20), 2)]
    slope, low, high = slope_of(values)
    assert slope == pytest.approx(np.median(pairs))
    assert slope == pytest.approx(-0.001)
    assert low <= slope <= high
    assert linregress(range(20), values).slope > 0  # least squares would have it rise


def test_the_chance_of_a_strict_order_is_exact() -> None:
    assert of([0.5 - 0.01 * place for place in range(8)]).p_value == pytest.approx(2 / factorial(8))


def test_eight_runs_in_order_are_told_among_the_trends_of_eight_configurations() -> None:
    assert 2 / factorial(MIN_DRIFT_RUNS) <= DRIFT_ERROR / (4 * 8)
    assert of(np.linspace(0.5, 0.4, MIN_DRIFT_RUNS).tolist(), level=DRIFT_ERROR / 32).move is Move.FALLS


def test_fewer_runs_say_nothing_but_where_they_are() -> None:
    trend = of([0.5, 0.49, 0.48, 0.47, 0.46, 0.45, 0.44])
    assert (trend.move, trend.slope, trend.ci95, trend.p_value, trend.worse) == (Move.UNKNOWN, None, None, None, False)
    assert (trend.runs, trend.first, trend.best, trend.latest) == (7, 0.5, 0.5, 0.44)


def test_nothing_measured_is_no_evidence() -> None:
    trend = of([])
    assert (trend.move, trend.runs, trend.first, trend.best, trend.latest, trend.shift) == (Move.UNKNOWN, 0, None, None, None, None)


def test_what_never_moves_has_no_trend() -> None:
    trend = of([1.0] * 30)
    assert (trend.move, trend.slope, trend.p_value) == (Move.NONE, 0.0, 1.0)


def test_a_move_within_its_limit_is_small_however_steady() -> None:
    limit = DRIFT["AP"].value
    assert of(np.linspace(0.5, 0.5 - 0.9 * limit, 20).tolist()).move is Move.SMALL
    assert of(np.linspace(0.5, 0.5 - 1.1 * limit, 20).tolist()).move is Move.FALLS


def test_a_limit_of_latency_is_a_share_of_the_first() -> None:
    assert of(np.linspace(100, 102.9, 20).tolist(), measure=LATENCY).move is Move.SMALL
    assert of(np.linspace(100, 103.1, 20).tolist(), measure=LATENCY).move is Move.RISES


@pytest.mark.parametrize(("measure", "falling_is_worse"), [(AP, True), (LATENCY, False)])
def test_which_way_is_worse_depends_on_the_measure(measure: Measure, *, falling_is_worse: bool) -> None:
    falling = list(np.linspace(50, 40, 10))
    assert of(falling, measure=measure).worse is falling_is_worse
    assert of(falling[::-1], measure=measure).worse is not falling_is_worse
    assert of(falling, measure=measure).best == (50 if falling_is_worse else 40)


def test_any_drift_the_wrong_way_is_told_of_the_whole() -> None:
    assert found(runs(20, loss=0.02)).worse
    assert not found(runs(20, loss=-0.02)).worse
    assert not found(runs(20)).worse


# What is compared with what


def test_other_data_are_never_mixed() -> None:
    both = (*runs(10, seed=1), *on(runs(10, seed=2, loss=0.0), data="harder"))
    lowered = [replace(entry, candidate_metrics=ap_of(entry, 0.4)) if entry.dataset.name == "harder" else entry for entry in both]
    assert [(series.dataset, series.runs) for series in found(lowered).series] == [("coco128", 10), ("harder", 10)]
    assert not claims(lowered)
    assert claims([replace(entry, dataset=both[0].dataset) for entry in lowered])  # as it would be if they were


def ap_of(entry: Entry, value: float) -> CocoMetrics:
    """The metrics of a row with another AP."""
    assert entry.candidate_metrics is not None
    return replace(entry.candidate_metrics, AP=value)


def test_latency_is_compared_on_the_latest_machine_alone() -> None:
    first, second = runs(10, seed=1), on(runs(9, seed=2, slower=0.0), processor="a faster one")
    latency = trends((*first, *second))["latency"]
    assert (latency.runs, latency.left_out, latency.move) == (9, 10, Move.NONE)
    assert trends((*first, *second))["AP"].runs == 19


def test_other_threads_are_another_machine() -> None:
    entries = [replace(entry, threads=place % 2) for place, entry in enumerate(runs(10))]
    assert (trends(entries)["latency"].runs, trends(entries)["latency"].left_out) == (5, 5)


def test_the_same_files_again_are_no_new_evidence_but_a_new_time() -> None:
    again = [entry for entry in runs(4, loss=0.02) for _ in range(3)]
    assert {name: trend.runs for name, trend in trends(again).items()} == {"AP": 4, "AP change": 4, "agreement": 4, "latency": 12}


def test_code_has_no_digest_and_each_of_its_runs_is_new() -> None:
    (first,) = run(0)
    code = replace(first.candidate, kind="callable", sha256=None)
    again = [replace(first, candidate=code, candidate_metrics=ap_of(first, 0.5 + place / 100)) for place in range(5)]
    assert (trends(again)["AP"].runs, trends(again)["agreement"].runs) == (5, 1)


def test_a_conversion_of_other_bytes_that_says_the_same_is_no_new_evidence() -> None:
    (first,) = run(0)
    again = [replace(first, candidate=replace(first.candidate, sha256=str(place))) for place in range(5)]
    assert trends(again)["AP"].runs == 1
    other = replace(again[-1], candidate_metrics=ap_of(first, 0.4), candidate=replace(first.candidate, sha256="other"))
    assert trends([*again, other])["AP"].runs == 2


@pytest.mark.parametrize("other", [{"conf": 0.3}, {"iou": None}, {"config": "other-onnx-640"}])
def test_another_operating_point_is_another_series(other: dict[str, float]) -> None:
    first, second = runs(2)
    assert len(found([first, replace(second, **other)]).series) == 2  # type: ignore[arg-type]


def test_checkpoints_of_different_names_are_one_model_if_asked_so() -> None:
    named = [replace(entry, config=f"epoch{place}-onnx-640", setting="onnx-640") for place, entry in enumerate(runs(10, loss=0.02))]
    apart, together = found(named), found(named, as_one=True)
    assert len(apart.series) == 10
    assert apart.notes == ("models of different names are kept apart; --as-one takes them for checkpoints of one model",)
    assert [(series.line.config, series.runs, series.trends[0].move) for series in together.series] == [("onnx-640", 10, Move.FALLS)]
    assert together.notes == ()


def test_a_row_of_an_image_less_run_has_no_agreement() -> None:
    (first,) = run(0)
    assert trends([replace(first, parity=replace(first.parity, images=0, images_agreeing=0))])["agreement"].first is None


def test_of_very_many_runs_the_latest_are_looked_at() -> None:
    trend = trends(runs(MOST_DRIFT_RUNS + 5))["AP"]
    assert trend.runs == MOST_DRIFT_RUNS
    assert trend.first == runs(MOST_DRIFT_RUNS + 5)[5].ap


def test_no_runs_are_no_series() -> None:
    assert found(()).series == ()
