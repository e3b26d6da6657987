"""Everyone has turns, one at a time and in ABBA order, as many as an interval takes and as fit into the time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from parity import turns
from parity.latency import FOR_P99, PAIRS, WARM_UP
from parity.turns import MOST_RUNS, Plan, pairs, plan_rounds, take_turns


class Clock:
    """A clock that moves only when a network runs, and the order in which they did."""

    def __init__(self) -> None:
        self.now, self.order, self.tensors = 0.0, "", ""

    def turn(self, name: str, milliseconds: float) -> turns.Turn:
        """A turn of a network that takes so long, and settles once."""

        def take(tensor: int, runs: int) -> Sequence[float]:
            self.now += (1 + runs) * milliseconds / 1e3
            self.order += name
            self.tensors += str(tensor)
            return [milliseconds + number for number in range(runs)]

        return take


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the plan is made with."""
    made = Clock()
    monkeypatch.setattr(turns, "perf_counter", lambda: made.now)
    return made


def test_everyone_has_a_turn_in_a_round_and_every_other_round_is_backwards(clock: Clock) -> None:
    times = take_turns([clock.turn(name, 10 * place) for place, name in enumerate("abca")], Plan(4, 2), tensors=1, follow=iter)
    assert clock.order == "abca" + "acba" + "abca" + "acba"
    assert times.tolist() == [[[0, 1], [10, 11], [20, 21], [30, 31]]] * 4


def test_both_rounds_of_a_pair_run_on_one_tensor_and_after_the_last_comes_the_first_again(clock: Clock) -> None:
    take_turns([clock.turn("a", 1)], Plan(8, 1), tensors=3, follow=iter)
    assert clock.tensors == "00112200"


def test_a_turn_counts_as_its_median_run() -> None:
    times = np.array([[[1.0, 2.0, 30.0], [4.0, 5.0, 6.0], [1.0, 1.0, 1.0]]] * 2)
    assert pairs(times, 0, 1).tolist() == [[2, 5]] * 2
    assert pairs(times, 0, -1).tolist() == [[2, 1]] * 2


@pytest.mark.parametrize(
    ("milliseconds", "plan"),
    [
        (1, Plan(80, 5)),
        (100, Plan(50, 5)),  # what is quick gets more than p99 takes
        (500, Plan(20, 5)),
        (2000, Plan(20, 2)),  # what is slow gets shorter turns, and as many
        (30_000, Plan(20, 1)),
    ],
)
def test_as_many_runs_are_timed_as_fit_into_the_time_and_no_fewer_turns_than_an_interval_takes(
    clock: Clock, milliseconds: float, plan: Plan
) -> None:
    assert plan_rounds(None, [clock.turn("a", milliseconds)]) == plan
    assert clock.now == pytest.approx(WARM_UP * milliseconds / 1e3)
    assert Plan(80, 5).runs == MOST_RUNS
    assert Plan(20, 5).runs == FOR_P99


def test_as_many_runs_are_timed_as_were_asked_for_but_whole_pairs_of_turns(clock: Clock) -> None:
    turn = [clock.turn("a", 1)]
    assert [plan_rounds(asked, turn).runs for asked in (20, 21, 40, 99, 100, 1000)] == [20, 22, 40, 104, 100, 1000]
    assert [plan_rounds(asked, turn).block for asked in (1, 20, 40, 99, 100, 1000)] == [1, 1, 2, 4, 5, 5]
    assert min(plan_rounds(asked, turn).rounds for asked in range(PAIRS, 200)) == PAIRS
