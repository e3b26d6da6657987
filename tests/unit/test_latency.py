"""Both sides are timed in turn, and the ratio and its interval follow from the times."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import seeds

from parity import latency
from parity.latency import WARM_UP, Speedup, compare_latency, milliseconds, speedup, summary

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """A clock that only moves when a call takes its time."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, ""

    def taking(self, name: str, seconds: float) -> Callable[[], None]:
        """A call that takes so long and signs its name."""

        def call() -> None:
            self.now += seconds
            self.order += name

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the module reads."""
    made = Clock()
    monkeypatch.setattr(latency, "perf_counter", lambda: made.now)
    return made


def test_the_order_of_each_pair_alternates(clock: Clock) -> None:
    compare_latency(clock.taking("A", 0.004), clock.taking("B", 0.002), pairs=4)
    assert clock.order == "AB" * WARM_UP + "ABBAABBA"


def test_each_time_is_given_to_the_side_it_belongs_to(clock: Clock) -> None:
    result = compare_latency(clock.taking("A", 0.004), clock.taking("B", 0.002), pairs=6)
    assert (result.reference.median, result.candidate.median) == (pytest.approx(4), pytest.approx(2))
    assert (result.speedup.value, *result.speedup.ci95) == pytest.approx((2, 2, 2))


def test_a_call_is_timed_in_milliseconds(clock: Clock) -> None:
    assert milliseconds(clock.taking("A", 0.25)) == 250


def test_speedup_of_known_times() -> None:
    assert speedup(np.array([[10.0, 5.0], [10, 5], [10, 5]])) == Speedup(2.0, (2.0, 2.0))
    assert speedup(np.array([[5.0, 10.0]])).value == 0.5


@given(seeds)
def test_the_interval_contains_the_ratio(seed: int) -> None:
    times = np.random.default_rng(seed).uniform(1, 10, (20, 2))
    result = speedup(times)
    assert result.ci95[0] <= result.value <= result.ci95[1]
    assert result == speedup(times)


def test_noise_that_both_share_cancels() -> None:
    noise = np.random.default_rng(0).uniform(1, 20, (40, 1))
    apart = np.column_stack([noise * 2, np.random.default_rng(1).permutation(noise)])
    together, separate = speedup(noise * [2, 1]).ci95, speedup(apart).ci95
    assert together == (2, 2)
    assert separate[1] - separate[0] > 0.1


def test_quantiles_of_known_times() -> None:
    result = summary(np.arange(101.0))
    assert (result.median, result.p95, result.p99) == (50, 95, 99)


def test_times_are_drawn_from_every_pair(clock: Clock) -> None:
    calls = itertools.cycle([clock.taking("B", 0.001), clock.taking("B", 0.009)])

    def unsteady() -> None:
        next(calls)()

    result = compare_latency(clock.taking("A", 0.005), unsteady, pairs=8)
    assert result.speedup.ci95[0] < result.speedup.ci95[1]
