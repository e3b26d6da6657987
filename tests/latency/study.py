"""How a latency limit fares on a busy machine: ``tox run -e latency``, or ``python -m latency.study`` with ``tests`` on the path.

While two processes of its own keep the machine busy, times the embedded model against itself, in two sessions of one file, and against
itself with a tenth more to do, as a gate with ``--latency-fail "speedup<1.0"`` does. Exit code 1 where a model fails against itself, where
the slower one passes, or where it is found in less than 95 % of the runs in which the machine was said to allow enforcing 10 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parity.backends.base import open_session
from parity.convert import convert
from parity.environment import machine_load, processor, processors
from parity.latency import Call, LatencyComparison, compare_latency
from parity.models import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FunctionType

CHECKPOINT = Path(__file__).parents[2] / "fixtures" / "models" / "yolov8n_shapes.pt"
SIDE = 96  # pixels: many pairs fit into the time, and at 32 a change of process costs as much as a run
RUNS = 50  # of each kind
SECONDS_ITSELF, SECONDS_SLOWER = 2.0, 6.0  # for each run, where a gate takes 10: the fewer pairs, the likelier a false alarm
BUSY_PROCESSES = 2
LEAST = 1.0  # --latency-fail "speedup<1.0": no slowdown
SLOWDOWN = 0.1
LEAST_FOUND = 0.95
FEWEST = 20  # runs that must find the slowdown, since a machine that never allows to enforce it shows nothing


@dataclass(frozen=True, slots=True)
class Counted:
    """What a gate would have said over several runs; ``able`` are those in which the slowdown might be enforced."""

    runs: int
    failed: int
    passed: int
    able: int
    failed_of_able: int
    enforceable: tuple[float, float, float]  # the 5th, 50th and 95th percentile of the smallest enforceable difference
    speedup: tuple[float, float, float]

    def __str__(self) -> str:
        """One line."""
        enforceable = " / ".join(f"{100 * share:.1f}" for share in self.enforceable)
        speedup = " / ".join(f"{value:.3f}" for value in self.speedup)
        open_ones = self.runs - self.failed - self.passed
        return (
            f"{self.failed} fail, {self.passed} pass, {open_ones} inconclusive of {self.runs}; {100 * SLOWDOWN:.0f} % might be enforced in "
            f"{self.able}, of which {self.failed_of_able} failed; smallest enforceable {enforceable} %, speedup {speedup} (5, 50, 95 %)"
        )


def spin() -> None:
    """Keep a processor busy for ever."""
    while True:
        pass


@contextmanager
def busy(processes: int, work: FunctionType = spin) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    started = [get_context("spawn").Process(target=work, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def slowed(call: Call, share: float) -> Call:
    """A call that takes so much more: its thread spins for that share of the processor time that it has just taken."""

    def slower() -> None:
        start = time.thread_time()
        call()
        end = time.thread_time()
        while time.thread_time() < end + share * (end - start):
            pass

    return slower


def counted(found: Sequence[LatencyComparison]) -> Counted:
    """The verdicts of several runs."""
    able = [each for each in found if each.smallest_enforceable is not None and each.smallest_enforceable <= SLOWDOWN]
    shares = [each.smallest_enforceable or 0.0 for each in found]
    speedups = [each.speedup.value for each in found]
    return Counted(
        len(found),
        sum(each.falls_short(LEAST) for each in found),
        sum(each.reaches(LEAST) for each in found),
        len(able),
        sum(each.falls_short(LEAST) for each in able),
        tuple(np.percentile(shares, (5, 50, 95)).tolist()),
        tuple(np.percentile(speedups, (5, 50, 95)).tolist()),
    )


def missed_targets(itself: Counted, slower: Counted) -> list[str]:
    """What the figures fall short of."""
    missed = [f"{itself.failed} runs of the model against itself failed"] if itself.failed else []
    missed += [f"{slower.passed} runs of the slower model passed"] if slower.passed else []
    if slower.failed < FEWEST:
        missed.append(f"the slowdown was found in {slower.failed} runs, so the machine is too busy to show anything: want {FEWEST}")
    if slower.failed_of_able < LEAST_FOUND * slower.able:
        missed.append(
            f"the slowdown was found in {slower.failed_of_able} of {slower.able} runs that allowed it: want {100 * LEAST_FOUND:.0f} %"
        )
    return missed


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def study(runs: int) -> list[str]:
    """Time, print, and return the targets that were missed."""
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-latency-")))
        file = convert(load_checkpoint(CHECKPOINT), "onnx", size=(SIDE, SIDE), out=folder)
        tensor = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
        sessions = [resources.enter_context(open_session(file, threads=1)) for _ in range(2)]
        reference, candidate = (partial(session.run, tensor) for session in sessions)
        sys.stdout.write(f"{processor()[0]}, {processors()} processors, load {machine_load()}, {file.name}, {runs} runs" + "\n")
        slower_candidate = slowed(candidate, SLOWDOWN)
        resources.enter_context(busy(BUSY_PROCESSES))
        itself = counted([compare_latency(reference, candidate, least=LEAST, seconds=SECONDS_ITSELF) for _ in range(runs)])
        say(f"against itself: {itself}")
        slower = counted([compare_latency(reference, slower_candidate, least=LEAST, seconds=SECONDS_SLOWER) for _ in range(runs)])
        say(f"{100 * SLOWDOWN:.0f} % slower: {slower}")
    return missed_targets(itself, slower)


def main() -> int:
    """Run the study; 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    started = time.monotonic()
    missed = study(given.runs)
    say(f"took {time.monotonic() - started:.0f} s, load {machine_load()}")
    for target in missed:
        sys.stderr.write(f"MISSED  {target}\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
