"""Both sides are timed in turn, and what may be said of the ratio follows from the times; here of clocks that are made up."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import seeds

from parity import latency
from parity.latency import (
    PAIRS,
    WARM_UP,
    LatencyComparison,
    Speedup,
    compare_latency,
    milliseconds,
    noise_of,
    speedup,
    summary,
    time_in_turn,
    torch_held_at,
    waited,
)
from parity.limits import LATENCY_FLOOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

SIMULATED = 100
SLOWDOWN = 1.1


class Clock:
    """A clock that only moves when a call takes its time."""

    def __init__(self) -> None:
        self.now, self.order, self.waiting = 0.0, "", 0.0

    def taking(self, name: str, seconds: float, waiting: float = 0.0) -> Callable[[], None]:
        """A call that takes so long, some of it waiting for a processor, and signs its name."""

        def call() -> None:
            self.now += seconds
            self.waiting += waiting
            self.order += name

        return call

    def noisily(self, seconds: float, rng: np.random.Generator) -> Callable[[], None]:
        """A call on a machine with heavy tails and, for two of every seven seconds, half the speed."""

        def call() -> None:
            slow = 2.0 if self.now % 7 < 2 else 1.0
            self.now += seconds * slow * float(np.exp(0.05 * abs(rng.standard_t(2))))

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the module reads."""
    made = Clock()
    monkeypatch.setattr(latency, "perf_counter", lambda: made.now)
    monkeypatch.setattr(latency, "waited", lambda: made.waiting * 1e3)
    return made


# The times


def test_the_order_of_each_pair_alternates(clock: Clock) -> None:
    compare_latency(clock.taking("A", 0.004), clock.taking("B", 0.002))
    assert clock.order == "ABBAAB" + "ABBA" * (PAIRS // 2)
    assert WARM_UP == 3


def test_everyone_is_timed_in_turn_and_every_other_round_backwards(clock: Clock) -> None:
    times = time_in_turn([clock.taking(name, seconds) for name, seconds in zip("abc", (0.001, 0.002, 0.003), strict=True)], 4)
    assert clock.order == "abccbaabccba"
    assert times.tolist() == [pytest.approx([1, 2, 3])] * 4


def test_a_network_settles_before_it_is_timed(clock: Clock) -> None:
    times = time_in_turn([clock.taking(name, seconds) for name, seconds in zip("ab", (0.001, 0.002), strict=True)], 2, settled=True)
    assert clock.order == "aabbbbaa"
    assert times.tolist() == [pytest.approx([1, 2])] * 2


def test_each_time_is_given_to_the_side_it_belongs_to(clock: Clock) -> None:
    result = compare_latency(clock.taking("A", 0.004), clock.taking("B", 0.002))
    assert (result.reference.median, result.candidate.median) == (pytest.approx(4), pytest.approx(2))
    assert (result.speedup.value, *result.speedup.ci95) == pytest.approx((2, 2, 2))
    assert (result.reference.fps, result.candidate.fps) == pytest.approx((250, 500))
    assert (result.pairs, result.feigned, result.smallest_enforceable) == (PAIRS, None, None)


def test_a_call_is_timed_in_milliseconds_less_what_it_waited_for_a_processor(clock: Clock) -> None:
    assert milliseconds(clock.taking("A", 0.25)) == 250
    assert milliseconds(clock.taking("A", 0.25, waiting=0.1)) == pytest.approx(150)
    assert milliseconds(clock.taking("A", 0.25, waiting=0.3)) == pytest.approx(250)  # which cannot be


def test_waiting_is_what_the_system_tells_and_none_where_it_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "schedstat").write_bytes(b"9000000 2500000 7\n")
    (tmp_path / "other").write_bytes(b"")
    told = []
    for name in ("schedstat", "other", "missing"):
        monkeypatch.setattr(latency, "SCHEDULER", tmp_path / name)
        told.append(waited())
    assert told == [2.5, 0, 0]


def test_quantiles_of_known_times() -> None:
    result = summary(np.arange(101.0))
    assert (result.median, result.p95, result.p99, result.fps) == (50, 95, 99, 20)
    assert summary(np.arange(101.0), batch=4).fps == 80


@pytest.mark.parametrize(("runs", "p95", "p99"), [(19, None, None), (20, 18.05, None), (99, 93.1, None), (100, 94.05, 98.01)])
def test_a_quantile_that_no_run_would_lie_beyond_is_undefined(runs: int, p95: float | None, p99: float | None) -> None:
    result = summary(np.arange(float(runs)))
    assert (result.p95, result.p99) == (p95 and pytest.approx(p95), p99 and pytest.approx(p99))


def test_rounds_are_handed_on_to_whoever_follows(clock: Clock) -> None:
    seen: list[int] = []

    def follow(numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            yield number
            seen.append(number)
            clock.now += 5  # drawing a bar is not timed

    times = time_in_turn([clock.taking("a", 0.001)], 3, follow=follow)
    assert (seen, times.tolist()) == ([0, 1, 2], [[pytest.approx(1)]] * 3)


def test_pytorch_has_the_threads_of_the_setting_while_it_is_timed_and_its_own_afterwards() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with torch_held_at(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


# The ratio


def test_speedup_of_known_times() -> None:
    assert speedup(np.array([[10.0, 5.0], [10, 5], [10, 5], [10, 5]])) == Speedup(pytest.approx(2), (pytest.approx(2), pytest.approx(2)))
    assert speedup(np.array([[5.0, 10.0], [5, 10]])).value == pytest.approx(0.5)


def test_the_change_of_time_follows_from_the_speedup() -> None:
    assert [Speedup(value, (1, 1)).time_change_percent for value in (2.0, 1.0, 0.5)] == [-50, 0, 100]


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
    assert together == pytest.approx((2, 2))
    assert separate[1] - separate[0] > 0.1


def test_a_few_interruptions_change_nothing() -> None:
    times = np.full((40, 2), 10.0)
    times[:9, 1] = times[9::2, 0] = 500
    assert speedup(times).value == pytest.approx(1)


def test_times_are_drawn_from_every_pair(clock: Clock) -> None:
    calls = itertools.cycle([clock.taking("B", 0.001), clock.taking("B", 0.001), clock.taking("B", 0.009), clock.taking("B", 0.009)])
    result = compare_latency(clock.taking("A", 0.005), lambda: [next(calls)()])
    assert result.speedup.ci95[0] < result.speedup.ci95[1]


# What may be enforced


def compared(low: float, high: float, feigned: float | None) -> LatencyComparison:
    """A comparison with this interval, on a machine that feigns so much."""
    side = summary(np.ones(3))
    return LatencyComparison(side, side, Speedup((low + high) / 2, (low, high)), 40, feigned, feigned)


def test_feigned_is_the_far_end_of_what_the_reference_differs_from_itself_and_enforceable_a_width_more() -> None:
    exact = Speedup(2.0, (2.0, 2.0))
    assert noise_of(Speedup(1.0, (0.8, 1.1)), exact) == pytest.approx((0.25, 1.25 * 1.1 / 0.8 - 1))
    assert noise_of(Speedup(1.0, (0.95, 1.1)), exact) == pytest.approx((0.1, 1.1 * 1.1 / 0.95 - 1))
    assert noise_of(Speedup(1.0, (1.0, 1.0)), exact) == pytest.approx((LATENCY_FLOOR, LATENCY_FLOOR))
    assert noise_of(Speedup(1.0, (1.0, 1.0)), Speedup(2.0, (1.8, 2.2))) == pytest.approx((LATENCY_FLOOR, 1.03 * 2.2 / 1.8 - 1))


@pytest.mark.parametrize(
    ("low", "high", "feigned", "reaches", "falls_short"),
    [
        (1.58, 1.6, 0.05, True, False),
        (1.57, 1.6, 0.05, False, False),  # above, but by less than is feigned
        (1.7, 1.8, None, False, False),
        (1.7, 1.8, float("nan"), False, False),
        (1.49, 1.6, 0.05, False, False),
        (1.4, 1.49, 0.05, False, False),  # below, but by less than is feigned
        (1.3, 1.42, 0.05, False, True),
        (1.3, 1.42, None, False, False),  # nothing is known of the machine
        (float("nan"), float("nan"), 0.05, False, False),
        (1.3, 1.42, float("nan"), False, False),
    ],
)
def test_a_limit_is_reached_or_missed_by_the_whole_interval(
    low: float, high: float, feigned: float | None, *, reaches: bool, falls_short: bool
) -> None:
    found = compared(low, high, feigned)
    assert (found.reaches(1.5), found.falls_short(1.5)) == (reaches, falls_short)


def test_a_limit_is_not_reached_within_what_the_machine_feigns() -> None:
    assert not compared(1.0001, 1.004, 0.03).reaches(1.0)
    assert compared(1.03, 1.04, 0.03).reaches(1.0)


def test_a_limit_is_decided_on_after_timing_the_reference_against_itself_as_often(clock: Clock) -> None:
    result = compare_latency(clock.taking("A", 0.004), clock.taking("B", 0.002), least=1.5)
    quadruples = PAIRS // 2
    assert clock.order == "ABBAAB" + "AAAA" * quadruples + "ABBA" * quadruples
    assert (result.pairs, result.feigned, result.smallest_enforceable) == pytest.approx((PAIRS, LATENCY_FLOOR, LATENCY_FLOOR))
    assert result.reaches(1.5)


def test_pairs_are_doubled_while_nothing_is_decided_and_time_is_left(clock: Clock) -> None:
    same = clock.taking("A", 0.005)
    assert compare_latency(same, same, least=1.01, seconds=0).pairs == PAIRS
    assert compare_latency(same, same, least=1.01, seconds=1).pairs == 2 * PAIRS  # a look takes 0.4 s
    assert compare_latency(same, same, least=1.01, seconds=2).pairs == 4 * PAIRS
    assert compare_latency(same, same, least=0.9, seconds=4).pairs == PAIRS  # decided at once


def simulated(clock: Clock, slower: float) -> list[LatencyComparison]:
    """Gates of a candidate that takes so much longer, on a noisy machine."""
    rng = np.random.default_rng(0)
    reference, candidate = clock.noisily(0.01, rng), clock.noisily(0.01 * slower, rng)
    return [compare_latency(reference, candidate, least=1.0, seconds=5) for _ in range(SIMULATED)]


def test_on_a_noisy_machine_no_candidate_fails_that_is_as_fast(clock: Clock) -> None:
    found = simulated(clock, 1.0)
    assert sum(each.falls_short(1.0) for each in found) == 0
    assert sum(each.reaches(1.0) for each in found) == 0  # nor does noise alone make one pass
    assert np.median([each.smallest_enforceable for each in found]) < SLOWDOWN - 1


def test_on_a_noisy_machine_a_slowdown_of_a_tenth_is_found(clock: Clock) -> None:
    found = simulated(clock, SLOWDOWN)
    able = [each for each in found if (each.smallest_enforceable or 1) <= SLOWDOWN - 1]
    assert len(able) > SIMULATED / 2
    assert sum(each.falls_short(1.0) for each in able) >= 0.95 * len(able)


def test_without_what_is_feigned_the_same_noise_fails_equal_candidates(clock: Clock) -> None:
    found = simulated(clock, 1.0)
    assert any(each.speedup.ci95[1] < 1 for each in found)
