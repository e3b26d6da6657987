"""Everyone's turns: one network at a time runs a few times in a row, as it is deployed, and all meet the same noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from parity.bench_worker import SETTLING
from parity.latency import FOR_P99, PAIRS, WARM_UP, Follow, order_of

MOST_SECONDS, QUICK_SECONDS = 120.0, 30.0  # for a setting: up to 100 runs, which p99 takes, and up to 400, which make it stable
MOST_RUNS = 4 * FOR_P99
BLOCK = 5  # runs of a turn that are timed
Turn = Callable[[int, int], Sequence[float]]  # on the tensor at a place, so many runs after settling, to their milliseconds


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds there are, an even number since two of them are a pair, and how many runs of a turn are timed."""

    rounds: int
    block: int

    @property
    def runs(self) -> int:
        """How many runs of everyone are timed."""
        return self.rounds * self.block


def plan_rounds(runs: int | None, turns: Sequence[Turn]) -> Plan:
    """As many runs as were asked for, else as fit into the time, after warming up.

    Of few or slow runs, turns are shorter and not fewer: an interval takes pairs.
    """
    start = perf_counter()
    for turn in turns:
        turn(0, WARM_UP - SETTLING)
    each = (perf_counter() - start) / WARM_UP  # one run of everyone
    if runs is not None:
        block = max(1, min(BLOCK, runs // PAIRS))
        return even(runs, block)
    block = max(1, min(BLOCK, int(MOST_SECONDS / PAIRS / each) - SETTLING))
    in_turns = block / (block + SETTLING) / each  # runs a second
    affordable = max(min(FOR_P99, int(MOST_SECONDS * in_turns)), min(MOST_RUNS, int(QUICK_SECONDS * in_turns)))
    return even(max(PAIRS * block, affordable), block)


def even(runs: int, block: int) -> Plan:
    """An even number of rounds with at least so many runs."""
    return Plan(2 * -(-runs // (2 * block)), block)


def take_turns(turns: Sequence[Turn], plan: Plan, *, tensors: int, follow: Follow) -> NDArray[np.float64]:
    """Milliseconds, (rounds, turns, runs of a turn): in each round everyone has a turn, one after the other; every other is backwards."""
    times = np.empty((plan.rounds, len(turns), plan.block))
    for number in follow(range(plan.rounds)):
        for place in order_of(number, len(turns)):
            times[number, place] = turns[place](number // 2 % tensors, plan.block)  # both rounds of a pair on the same
    return times


def pairs(times: NDArray[np.float64], one: int, other: int) -> NDArray[np.float64]:
    """The median times of two sides' turns, (rounds, 2): what slowed single runs down is left out."""
    return np.median(times[:, [one, other]], axis=2)
