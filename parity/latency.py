"""How long networks take on one machine, measured in turn so that all meet the same noise, and what such times can prove."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from parity.limits import LATENCY_FLOOR
from parity.spec import STRICT

WARM_UP = 3
PAIRS = 20  # and twice as many, and so on, where a limit is to be decided on
MOST_SECONDS = 10.0  # for that
RESAMPLES = 2000
SEED = 0
SCHEDULER = Path("/proc/thread-self/schedstat")
FOR_P95, FOR_P99 = 20, 100  # runs: of fewer, none lies beyond such a quantile, which would be the slowest run by another name
Call = Callable[[], object]
Follow = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of one side, in milliseconds for one batch, and how many images a second it takes one after the other.

    ``p95`` is ``None`` of fewer than 20 runs, ``p99`` of fewer than 100.
    """

    median: float
    p95: float | None
    p99: float | None
    fps: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Speedup:
    """Reference time over candidate time, above 1 = the candidate is faster, and its 95 % interval."""

    value: float
    ci95: tuple[float, float]
    __pydantic_config__ = STRICT

    @property
    def time_change_percent(self) -> float:
        """How much more time the candidate takes, as people quote it: -50 where it is twice as fast."""
        return 100 * (1 / self.value - 1)


@dataclass(frozen=True, slots=True)
class LatencyComparison:
    """Both sides and their ratio.

    From timing the reference against itself in as many pairs, as shares, ``None`` where that was not done: ``feigned`` is the largest
    difference that this machine now makes out of none, and ``smallest_enforceable`` the least true one that is told from it almost surely.
    """

    reference: Latency
    candidate: Latency
    speedup: Speedup
    pairs: int
    feigned: float | None
    smallest_enforceable: float | None
    __pydantic_config__ = STRICT

    def reaches(self, least: float) -> bool:
        """Whether the whole interval of the speedup lies above ``least`` by at least what may be this machine's doing."""
        return self.feigned is not None and self.speedup.ci95[0] >= least * (1 + self.feigned)

    def falls_short(self, least: float) -> bool:
        """Whether the whole interval lies below ``least`` by more than may be this machine's doing."""
        return self.feigned is not None and self.speedup.ci95[1] < least / (1 + self.feigned)


def compare_latency(reference: Call, candidate: Call, *, least: float | None = None, seconds: float = MOST_SECONDS) -> LatencyComparison:
    """Time both in pairs whose order alternates (ABBA), after warming up.

    With a ``least`` speedup to decide on, the reference is timed against itself as often (A/A), which tells how large a difference this
    machine feigns; pairs are doubled until the limit is reached or missed, or until twice as many would take more than ``seconds``.
    """
    warm_up((reference, candidate))
    if least is None:
        return comparison(time_in_turn((reference, candidate), PAIRS), None)
    start, same, apart = perf_counter(), [np.empty((0, 2))], [np.empty((0, 2))]
    while True:
        more = max(PAIRS, sum(map(len, apart)))
        same.append(time_in_turn((reference, reference), more))
        apart.append(time_in_turn((reference, candidate), more))
        found = comparison(np.concatenate(apart), np.concatenate(same))
        if found.reaches(least) or found.falls_short(least) or 2 * (perf_counter() - start) > seconds:
            return found


def warm_up(calls: Sequence[Call]) -> None:
    """Run everyone a few times: caches fill and memory is taken at the first runs."""
    time_in_turn(calls, WARM_UP)


def time_in_turn(calls: Sequence[Call], rounds: int, *, settled: bool = False, follow: Follow = iter) -> NDArray[np.float64]:
    """Milliseconds, (rounds, calls): each round runs everyone once, every other round backwards, so that what drifts meets all alike.

    Any two columns are pairs in ABBA order. ``settled`` runs each once untimed before it is timed: after another network, caches hold that
    one's weights and its threads spin on for a while, which a network that is deployed alone never meets. Of two sides it is not needed,
    since ABBA runs each after itself every other time, and ``speedup`` takes the faster. ``follow`` hands on the numbers of the rounds
    while somebody watches.
    """
    times = np.empty((rounds, len(calls)))
    for number in follow(range(rounds)):
        for place in order_of(number, len(calls)):
            if settled:
                calls[place]()
            times[number, place] = milliseconds(calls[place])
    return times


def order_of(number: int, count: int) -> range:
    """The places of everyone in a round: every other round is backwards, so that any two of them make pairs in ABBA order."""
    return range(count)[:: -1 if number % 2 else 1]


def milliseconds(call: Call) -> float:
    """The time of one call, less what its thread waited for a processor that others had; on an idle machine, the wall time.

    With two busy processes on two cores, a network of 9 ms took 18 to 66 ms of wall time (5th and 95th percentile) and 8.3 to 10.7 ms of
    this. What a runtime's other threads waited is not known and stays in it.
    """
    start, before = perf_counter(), waited()
    call()
    waiting = waited() - before
    taken = (perf_counter() - start) * 1e3
    return taken - waiting if waiting < taken else taken


def waited() -> float:
    """Milliseconds that this thread has waited for a processor so far, as Linux counts them; 0 where the system does not tell."""
    try:
        return int(SCHEDULER.read_bytes().split()[1]) / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0


def torch_held_at(threads: int) -> AbstractContextManager[None]:
    """PyTorch at a number of threads, so that no run has to set it; nothing where nobody has loaded PyTorch."""
    if "torch" not in sys.modules:
        return nullcontext()
    from parity.backends.pytorch import torch_threads  # noqa: PLC0415 - the base installation has no torch

    return torch_threads(threads)


def comparison(apart: NDArray[np.float64], same: NDArray[np.float64] | None) -> LatencyComparison:
    """What (pairs, 2) times of reference and candidate say, and those of the reference against itself."""
    found = speedup(apart)
    noise = (None, None) if same is None else noise_of(speedup(same), found)
    return LatencyComparison(summary(apart[:, 0]), summary(apart[:, 1]), found, len(apart), *noise)


def summary(times: NDArray[np.float64], *, batch: int = 1) -> Latency:
    """Median, 95th and 99th percentile as far as so many runs have them, and images a second."""
    median, p95, p99 = np.percentile(times, (50, 95, 99)).tolist()
    runs, fps = len(times), 1000 * batch / float(times.mean())
    return Latency(median, p95 if runs >= FOR_P95 else None, p99 if runs >= FOR_P99 else None, fps)


def speedup(times: NDArray[np.float64]) -> Speedup:
    """The median over ABBA quadruples of the ratio of each side's faster run, of (pairs, 2) times, two pairs each.

    What slows a whole quadruple down meets both sides, the faster of two runs leaves out what met one, and the median what is left. The
    interval resamples quadruples.
    """
    faster = times.reshape(-1, 2, 2).min(axis=1)
    ratios = np.log(faster[:, 0] / faster[:, 1])
    drawn = np.random.default_rng(SEED).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[drawn], axis=1), (2.5, 97.5)).tolist()
    value, low, high = np.exp((np.median(ratios), low, high)).tolist()
    return Speedup(value, (low, high))


def noise_of(itself: Speedup, found: Speedup) -> tuple[float, float]:
    """The feigned and the smallest enforceable difference, of the reference's speedup against itself and the candidate's.

    A candidate that truly differs by what is feigned and the width of the wider interval is measured at most half a width nearer in 39 of
    40 cases, and its own interval then ends beyond what is feigned.
    """
    feigned = feigned_by(itself)
    width = max(one.ci95[1] / one.ci95[0] for one in (itself, found))
    return feigned, (1 + feigned) * width - 1


def feigned_by(itself: Speedup) -> float:
    """The largest difference that the reference's speedup against itself allows, as a share; never less than sessions are apart."""
    low, high = itself.ci95
    return max(high - 1, 1 / low - 1, LATENCY_FLOOR)
