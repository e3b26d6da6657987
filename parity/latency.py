"""How long two networks take on one machine, measured in turn so that both meet the same noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from parity.spec import STRICT

WARM_UP = 3
PAIRS = 20
RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of one side, in milliseconds for one image."""

    median: float
    p95: float
    p99: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Speedup:
    """Median reference time over median candidate time, above 1 = the candidate is faster, and its 95 % interval."""

    value: float
    ci95: tuple[float, float]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class LatencyComparison:
    """Both sides and their ratio."""

    reference: Latency
    candidate: Latency
    speedup: Speedup
    __pydantic_config__ = STRICT


def compare_latency(reference: Callable[[], object], candidate: Callable[[], object], *, pairs: int = PAIRS) -> LatencyComparison:
    """Time both in pairs whose order alternates (ABBA), after warming up."""
    for _ in range(WARM_UP):
        reference(), candidate()
    times = np.array([timed_pair(reference, candidate, swap=bool(i % 2)) for i in range(pairs)])
    return LatencyComparison(summary(times[:, 0]), summary(times[:, 1]), speedup(times))


def timed_pair(reference: Callable[[], object], candidate: Callable[[], object], *, swap: bool) -> tuple[float, float]:
    """Milliseconds of the reference and the candidate, run one after the other."""
    if swap:
        second = milliseconds(candidate)
        return milliseconds(reference), second
    return milliseconds(reference), milliseconds(candidate)


def milliseconds(call: Callable[[], object]) -> float:
    """The wall time of one call."""
    start = perf_counter()
    call()
    return (perf_counter() - start) * 1e3


def summary(times: NDArray[np.float64]) -> Latency:
    """Median, 95th and 99th percentile."""
    median, p95, p99 = np.percentile(times, (50, 95, 99)).tolist()
    return Latency(median, p95, p99)


def speedup(times: NDArray[np.float64]) -> Speedup:
    """The ratio of medians over (pairs, 2) times; the interval resamples pairs, so that noise common to both cancels."""
    drawn = np.random.default_rng(SEED).integers(len(times), size=(RESAMPLES, len(times)))
    ratios = np.median(times[drawn, 0], axis=1) / np.median(times[drawn, 1], axis=1)
    low, high = np.percentile(ratios, (2.5, 97.5)).tolist()
    return Speedup(float(np.median(times[:, 0]) / np.median(times[:, 1])), (low, high))
