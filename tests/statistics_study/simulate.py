"""How often the statistics are right: ``tox run -e statistics``, or ``python -m statistics_study.simulate`` with ``tests`` on the path.

Gates are simulated on synthetic pairs of which the truth is known: how often equal sides fail, how often the interval holds the true
difference, and how often a true drop is found. The noise is that of a float32 model against its 8-bit one: on 128 images of COCO the
standard deviation of their difference in AP is 0.104 / sqrt(images).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from scipy.special import betaincinv
from statistics_study.populations import CATEGORIES, CLASSES, Population, some_population

from parity.limits import BOOTSTRAP, MARGINS
from parity.margins import judge_classes, judge_margin
from parity.statistics import compare_records

NOISE = 0.35
MARGIN = MARGINS["int8"]
GATES = {64: 500, 128: 1000, 500: 100}  # by images
RESAMPLES = 500  # a quarter of the gate's: the ends of an interval then move by 6 % of its half width from seed to seed
TYPICAL, FEW = 128, 64
TRUTH = 3_000  # images: their chance is a seventh of that of 64
COVERED, ANY = (0.93, 0.97), (0.0, 1.0)
LOSS = 0.4  # of skill, at most, where the sides differ


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One simulated gate on new images of a population."""

    population: Population
    images: int
    seed: int
    same: bool = False  # the very same detections on both sides
    truth: bool = False  # ask for the true difference, which is otherwise taken to be 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a gate said, beside the true difference (0 where it was not asked for)."""

    failed: bool
    class_failed: bool
    class_blamed: bool  # at a margin of 0, which equal sides just keep
    low: float
    high: float
    error: float
    detectable: float
    true: float

    @property
    def covered(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.true <= self.high


Ask = Callable[[list[Trial]], list[Outcome]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of gates and what it has to be."""

    what: str
    images: int
    gates: int
    share: float
    least: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether the share is what it has to be."""
        return self.least <= self.share <= self.most

    def row(self) -> str:
        """The figure as a line of the table."""
        low, high = certain(self.share, self.gates)
        mark = "" if self.holds else "  MISSED"
        return f"{self.what:<68} {self.images:>6} {self.gates:>6} {self.share:>7.1%} ({low:.1%} to {high:.1%})  {self.required}{mark}"

    @property
    def required(self) -> str:
        """What it has to be, in words."""
        words = [f"at least {self.least:.0%}"] if self.least > 0 else []
        words += [f"at most {self.most:.0%}"] if self.most < 1 else []
        return " and ".join(words) or "-"


def certain(share: float, gates: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934)."""
    hits = round(share * gates)
    low = float(betaincinv(hits, gates - hits + 1, 0.025)) if hits else 0.0
    return low, float(betaincinv(hits + 1, gates - hits, 0.975)) if hits < gates else 1.0


def run(trial: Trial) -> Outcome:
    """Draw both sides and judge them as the gate does."""
    reference, candidate = trial.population.draw(trial.images, trial.seed)
    bootstrap = replace(BOOTSTRAP, seed=trial.seed, resamples=RESAMPLES)
    found = compare_records(reference, reference if trial.same else candidate, CATEGORIES, bootstrap=bootstrap)
    verdict, classes = judge_margin("AP", found, MARGIN.ap.value), judge_classes(found, MARGIN.per_class.value)
    blamed = judge_classes(found, 0.0).outcome == "fail"
    ap = found.metrics["AP"]
    if ap.ci95 is None or ap.standard_error is None or verdict.detectable is None:
        raise RuntimeError("a simulated gate has no interval")
    true = trial.population.true_difference(TRUTH, trial.seed) if trial.truth else 0.0
    return Outcome(verdict.outcome == "fail", classes.outcome == "fail", blamed, *ap.ci95, ap.standard_error, verdict.detectable, true)


def equal_sides(images: int, gates: int) -> list[Trial]:
    """Different populations, in each of which both sides are equally good and each has its own noise."""
    return [Trial(some_population(seed, noise=NOISE), images, seed) for seed in range(gates)]


def unequal_sides(images: int, gates: int) -> list[Trial]:
    """The same with a candidate that is worse, each time by another amount."""
    shifts = np.random.default_rng(1).uniform(0, LOSS, gates)
    return [Trial(some_population(seed, noise=NOISE, shift=shift), images, seed, truth=True) for seed, shift in enumerate(shifts)]


def dropped(drop: float, images: int, gates: int) -> list[Trial]:
    """An average population whose candidate's true AP is lower by ``drop``."""
    average = Population(0.6, NOISE, 0.0, np.zeros(CLASSES), 0.3)
    low, high = 0.0, 5.0
    for _ in range(12):
        middle = (low + high) / 2
        found = -replace(average, shift=middle).true_difference(TRUTH, 1)
        low, high = (middle, high) if found < drop else (low, middle)
    return [Trial(replace(average, shift=high), images, seed) for seed in range(gates)]


def equal_figures(images: int, gates: int, outcomes: list[Outcome]) -> list[Figure]:
    """What equal sides have to show."""
    spread = np.mean([outcome.error for outcome in outcomes]) * images**0.5
    return [
        Figure(
            f"equal sides fail (noise {spread:.3f} / sqrt(images))",
            images,
            gates,
            share(o.failed or o.class_failed for o in outcomes),
            0,
            0.01,
        ),
        Figure("  of these by one class", images, gates, share(o.class_failed for o in outcomes), 0, 0.01),
        Figure("  a class is blamed for any drop at all", images, gates, share(o.class_blamed for o in outcomes), 0, 0.02),
        Figure(
            "the interval holds a difference of 0",
            images,
            gates,
            share(o.covered for o in outcomes),
            *(COVERED if images == TYPICAL else ANY),
        ),
    ]


def figures(ask: Ask, scale: float) -> Iterator[Figure]:
    """Every figure, as soon as it is known; ``scale`` makes the study smaller or larger."""
    detectable = 0.0
    for images, gates in ((images, round(gates * scale)) for images, gates in GATES.items()):
        outcomes = ask(equal_sides(images, gates))
        yield from equal_figures(images, gates, outcomes)
        detectable = float(np.mean([o.detectable for o in outcomes])) if images == TYPICAL else detectable
    few, many = round(100 * scale), round(1000 * scale)
    same = ask([replace(trial, same=True) for trial in equal_sides(TYPICAL, few)])
    yield Figure("the same detections fail", TYPICAL, few, share(o.failed or o.class_failed for o in same), 0, 0)
    unequal = ask(unequal_sides(FEW, many))
    drops = -np.quantile([o.true for o in unequal], [0.95, 0.05])
    words = "the interval holds a true drop of {:.3f} to {:.3f}".format(*drops)
    yield Figure(words, FEW, many, share(o.covered for o in unequal), *COVERED)
    for times, least in ((1, 0.9), (2, 0.95)):
        found = ask(dropped(times * detectable, TYPICAL, 2 * few))
        words = f"a true drop of {times} x the smallest detectable ({times * detectable:.3f}) is found"
        yield Figure(words, TYPICAL, 2 * few, share(o.failed for o in found), least, 1)


def share(flags: Iterable[bool]) -> float:
    """How many are true."""
    return float(np.mean(list(flags)))


def say(line: str) -> None:
    """A line of the table, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(given: Sequence[str] | None = None) -> int:
    """Print the table; with ``--check`` return 1 where a figure is not what it has to be."""
    parser = argparse.ArgumentParser(description="simulate gates whose truth is known")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of gates")
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure misses")
    options = parser.parse_args(given)
    began, missed = time.perf_counter(), 0
    say(f"{'what':<68} {'images':>6} {'gates':>6} {'share':>7} (95 % interval)  required")
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        for figure in figures(lambda trials: list(pool.map(run, trials, chunksize=8)), options.scale):
            say(figure.row())
            missed += not figure.holds
    say(f"{missed} figures missed; {time.perf_counter() - began:.0f} s")
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
