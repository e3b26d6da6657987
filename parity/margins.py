"""Whether a difference that is known with some uncertainty keeps a margin: of AP over all classes, and of each class and size.

Over all classes the interval decides. Class by class one-sided tests ask whether a drop beyond the margin is proven, with Holm's
correction for their number. Their p-values come from the bootstrap's standard error and Student's t with as many degrees of freedom as
images hold the class, less one: the share of resamples beyond the margin cannot be smaller than 1 / 2,001, which no correction for 320
tests would ever accept, and the normal distribution blames a class in 2.3 % of 400 gates of equal sides on 64 images where 1 % is
allowed (Student's t: 0.3 %). A class verdict of pass says that no such drop is proven, not that there is none: see ``open``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, copysign, inf, nan
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np

from parity.display import display
from parity.limits import CONFIDENCE, FAMILY_ERROR, MOST_IMAGES
from parity.statistics import ClassEstimate, PairedStatistics

Outcome: TypeAlias = Literal["pass", "fail", "inconclusive", "not_checked"]
TWO_SIDED = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # 1.96 standard errors to the end of an interval
ONE_SIDED = NormalDist().inv_cdf(CONFIDENCE)


@dataclass(frozen=True, slots=True)
class MarginVerdict:
    """What the interval says of a margin; ``detail`` says it in words.

    ``images_needed`` is about how many images would decide where these do not, ``None`` also where no sensible number would.
    ``detectable`` is the smallest true drop that these images prove to be beyond the margin in 95 % of all samples.
    """

    outcome: Outcome
    margin: float
    images_needed: int | None
    detectable: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class ClassVerdict:
    """What the tests of all classes and sizes say; ``failing`` lost more than the margin, the most certain first.

    ``worst`` is the line with the strongest evidence against it. ``tested`` and ``too_few`` count lines: the latter have too few
    objects, or on one image only. ``open`` lines are tested, and their interval reaches beyond the margin without proof.
    """

    outcome: Outcome
    margin: float
    tested: int
    too_few: int
    open: int
    failing: tuple[ClassEstimate, ...]
    worst: ClassEstimate | None
    detail: str


def judge_margin(name: str, statistics: PairedStatistics, margin: float) -> MarginVerdict:
    """Hold a difference over all classes against what it may drop; ``name`` is a metric of the statistics."""
    found = statistics.metrics[name]
    if found.delta is None or found.ci95 is None or found.standard_error is None:
        undefined = f"{name} is undefined: no such object"
        few = f"{statistics.units} images or groups of them, and fewer than {statistics.bootstrap.min_images} say nothing statistically"
        return MarginVerdict("not_checked", margin, None, None, undefined if found.delta is None else few)
    low, high = found.ci95
    outcome: Outcome = "pass" if low >= -margin else "fail" if high < -margin else "inconclusive"
    needed = images_needed(found.delta, found.standard_error, margin, statistics.images) if outcome == "inconclusive" else None
    detectable = margin + (TWO_SIDED + ONE_SIDED) * found.standard_error
    words = f"{name} {found.delta:+.4f}, 95 % between {low:+.4f} and {high:+.4f}, allowed {-margin:+.4f}"
    return MarginVerdict(outcome, margin, needed, detectable, "; ".join([words, *advice(outcome, needed)]))


def images_needed(delta: float, standard_error: float, margin: float, images: int) -> int | None:
    """How many images would bring the interval's end to the margin if the difference stays; ``None`` beyond ``MOST_IMAGES``."""
    distance = abs(delta + margin)
    needed = images * (TWO_SIDED * standard_error / distance) ** 2 if distance else inf
    return max(ceil(needed), images + 1) if needed <= MOST_IMAGES else None


def advice(outcome: Outcome, needed: int | None) -> list[str]:
    """What would decide an open question."""
    if outcome != "inconclusive":
        return []
    near = "the difference is so near to the margin that no sensible number of images decides"
    return [near if needed is None else f"about {needed} images would decide"]


def judge_classes(statistics: PairedStatistics, margin: float) -> ClassVerdict:
    """Test every class and size for a drop beyond the margin, at a false alarm in ``FAMILY_ERROR`` of all gates at most."""
    tested = testable(statistics)
    too_few = len(statistics.classes) - len(tested)
    if not tested:
        return ClassVerdict("not_checked", margin, 0, too_few, 0, (), None, f"none of {too_few} classes and sizes has enough objects")
    p_values = [drop_p_value(line, margin) for line in tested]
    order = np.argsort(p_values, kind="stable").tolist()
    adjusted = holm(p_values)
    fails = [value <= FAMILY_ERROR for value in adjusted]
    failing = tuple(tested[i] for i in order if fails[i])
    reaching = [line.ap.ci95 is not None and line.ap.ci95[0] < -margin for line in tested]
    still_open = sum(reaches and not failed for reaches, failed in zip(reaching, fails, strict=True))
    worst = failing[0] if failing else tested[order[0]]
    detail = f"worst {described(worst)}; {len(tested)} classes and sizes tested, {still_open} open, {too_few} with too few objects"
    outcome: Outcome = "fail" if failing else "pass" if all(value <= 1 for value in p_values) else "inconclusive"  # NaN is no pass
    return ClassVerdict(outcome, margin, len(tested), too_few, still_open, failing, worst, detail)


def testable(statistics: PairedStatistics) -> list[ClassEstimate]:
    """The classes and sizes with enough objects, on more than one image."""
    return [line for line in statistics.classes if line.ap.ci95 is not None and line.units > 1]


def worst_line(statistics: PairedStatistics) -> ClassEstimate | None:
    """The class and size with the strongest evidence of a loss, ``None`` where none that can be judged lost anything."""
    lost = [line for line in testable(statistics) if (line.ap.delta or 0.0) < 0]
    return min(lost, key=lambda line: drop_p_value(line, 0.0), default=None)


def drop_p_value(line: ClassEstimate, margin: float) -> float:
    """How likely so low an AP is if the class had lost just the margin: one-sided, by Student's t."""
    from scipy.special import stdtr  # noqa: PLC0415 - slow to import, which the networks can run beside

    if line.ap.delta is None or line.ap.standard_error is None:
        return nan
    kept = line.ap.delta + margin
    statistic = kept / line.ap.standard_error if line.ap.standard_error else copysign(inf, kept)
    return float(stdtr(line.units - 1, statistic))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values that can be held against one level, however many there are (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * factors), 1.0)
    return [float(value) for value in adjusted[np.argsort(order, kind="stable")]]


def described(line: ClassEstimate) -> str:
    """A class, its size and its difference, in printable characters."""
    return f"{display(line.title)} {line.ap.delta:+.3f}"
