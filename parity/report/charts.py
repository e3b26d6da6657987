"""Small pictures of numbers: arrays in, SVG paths out. A chart is 320 by 200 units whatever it shows, and a template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.exhibits import PrecisionRecall

WIDTH, HEIGHT = 320.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 312.0, 10.0, 166.0  # of the plotted area
MOST_POINTS = 2000  # of a scatter, those apart the most
BINS_PER_DECADE = 2
LEAST_DECADE = -8  # what is smaller is shown as equal: float64 differences of float32 numbers are none that anybody acts on
STRIP_WIDTH = 160.0  # of an interval
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Series:
    """A path, how it is drawn (a class of the style sheet), and what it is called in the legend; unnamed ones are not listed."""

    path: str
    style: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template draws: a title, a sentence for who does not see it, axes and series."""

    title: str
    says: str
    x_name: str
    y_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """A difference on a line: where zero, the ends of its interval and its value lie; ``None`` where there is no interval."""

    zero: float
    value: float
    low: float | None
    high: float | None


# Scales


def across(values: Floats, low: float, high: float) -> Floats:
    """Values from ``low`` to ``high`` as horizontal places."""
    return LEFT + (values - low) / (high - low) * (RIGHT - LEFT)


def upwards(values: Floats, low: float, high: float) -> Floats:
    """Values from ``low`` to ``high`` as vertical places, which SVG counts downwards."""
    return BOTTOM - (values - low) / (high - low) * (BOTTOM - TOP)


def short(value: float) -> str:
    """A coordinate in as few characters as a tenth of a unit needs."""
    return f"{value:.1f}".removesuffix(".0")


def line(x: Floats, y: Floats) -> str:
    """An open line through points."""
    return "M" + "L".join(f"{short(a)} {short(b)}" for a, b in zip(x.tolist(), y.tolist(), strict=True)) if len(x) else ""


def dots(x: Floats, y: Floats) -> str:
    """Points, drawn as strokes of no length with round ends."""
    return "".join(f"M{short(a)} {short(b)}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def bars(edges: Floats, tops: Floats) -> str:
    """Bars that stand on the lower end, between neighbouring edges; what has no height is left out."""
    rows = zip(edges[:-1].tolist(), edges[1:].tolist(), tops.tolist(), strict=True)
    return "".join(
        f"M{short(a + 0.5)} {short(BOTTOM)}V{short(top)}H{short(b - 0.5)}V{short(BOTTOM)}z" for a, b, top in rows if top < BOTTOM
    )


def upright(x: float) -> str:
    """A line from bottom to top."""
    return f"M{short(x)} {short(BOTTOM)}V{short(TOP)}"


# Charts


def difference_histogram(values: Floats, limit: float, *, title: str, unit: str) -> Chart:
    """How many matched pairs differ by how much, on a logarithmic scale whose first bar holds the equal ones; ``limit`` is a line."""
    first, last = decades(values, limit)
    logs = np.log10(np.maximum(values, 10.0**first))
    edges = np.linspace(first, last, (last - first) * BINS_PER_DECADE + 1)
    counts, _ = np.histogram(np.clip(logs, first, last), edges)
    most = max(int(counts.max(initial=0)), 1)
    places, tops = across(edges, first, last), upwards(counts.astype(np.float64), 0, most)
    allowed = float(across(np.array([np.log10(limit)]), first, last)[0]) if limit > 0 else LEFT
    beyond = int((~(values <= limit)).sum())
    ticks = tuple(
        Tick(float(across(np.array([float(e)]), first, last)[0]), power(e, first)) for e in range(first, last + 1, stride(first, last))
    )
    return Chart(
        title,
        f"{len(values)} matched pairs, {beyond} of them beyond the limit of {limit:g} {unit}",
        f"difference, {unit}",
        "pairs",
        ticks,
        count_ticks(most),
        (Series(bars(places, tops), "fill"), Series(upright(allowed), "limit", f"limit {limit:g} {unit}")),
    )


def decades(values: Floats, limit: float) -> tuple[int, int]:
    """The powers of ten that hold all differences and the limit."""
    positive = values[values > 0]
    known = np.log10(np.append(positive, limit if limit > 0 else 1.0))
    return max(int(np.floor(known.min())), LEAST_DECADE), max(int(np.floor(known.max())) + 1, LEAST_DECADE + 2)


def stride(first: int, last: int) -> int:
    """Every how many decades a tick has room."""
    return 1 if last - first <= 6 else 2  # noqa: PLR2004 - ticks on 270 units


def power(exponent: int, first: int) -> str:
    """A power of ten as people write it; the first stands for all that is smaller."""
    text = f"{10.0**exponent:g}"
    return f"≤{text}" if exponent == first else text


def count_ticks(most: int) -> tuple[Tick, ...]:
    """Nothing, and the most."""
    return (Tick(BOTTOM, "0"), Tick(TOP, f"{most}"))


def score_scatter(reference: Floats, candidate: Floats, *, missed: Floats, ghosts: Floats, limit: float) -> Chart:
    """Scores of both sides of every pair; what only one side has lies on that side's axis. Scores are from 0 to 1."""
    order = np.argsort(-np.abs(reference - candidate), kind="stable")[:MOST_POINTS]
    zero = np.zeros
    beyond = int((~(np.abs(reference - candidate) <= limit)).sum())
    left_out = len(reference) - len(order)
    shown = f"; the {MOST_POINTS} that differ most are drawn" if left_out else ""
    points = (
        Series(line(across(np.array([0.0, 1]), 0, 1), upwards(np.array([0.0, 1]), 0, 1)), "guide", "equal"),
        Series(dots(across(reference[order], 0, 1), upwards(candidate[order], 0, 1)), "dots", "matched"),
        Series(dots(across(missed, 0, 1), upwards(zero(len(missed)), 0, 1)), "dots missed", "missed"),
        Series(dots(across(zero(len(ghosts)), 0, 1), upwards(ghosts, 0, 1)), "dots ghost", "ghost"),
    )
    says = f"{len(reference)} matched pairs, {beyond} whose scores differ by more than {limit:g}{shown}"
    ticks = share_ticks()
    return Chart("Score against score", says, "reference", "candidate", *ticks, tuple(each for each in points if each.path))


def share_ticks() -> tuple[tuple[Tick, ...], tuple[Tick, ...]]:
    """Both axes from 0 to 1."""
    values = np.array([0, 0.5, 1])
    x, y = (
        tuple(Tick(at, f"{value:g}") for at, value in zip(places.tolist(), values.tolist(), strict=True))
        for places in (across(values, 0, 1), upwards(values, 0, 1))
    )
    return x, y


def precision_recall_chart(curve: PrecisionRecall) -> Chart:
    """Precision over recall of both sides."""
    x = across(np.linspace(0, 1, len(curve.reference)), 0, 1)
    both = (
        Series(line(x, upwards(curve.reference, 0, 1)), "reference", "reference"),
        Series(line(x, upwards(curve.candidate, 0, 1)), "candidate", "candidate"),
    )
    apart = float(np.abs(curve.reference - curve.candidate).max())
    says = f"mean over the classes; the curves are at most {apart:.4f} apart"
    return Chart(f"Precision and recall at IoU {curve.iou:g}", says, "recall", "precision", *share_ticks(), both)


def strips(rows: Sequence[tuple[float | None, tuple[float, float] | None]]) -> tuple[Strip | None, ...]:
    """Differences and their intervals, all on one scale around zero so that they can be compared; ``None`` for what is undefined."""
    ends = [abs(each) for value, interval in rows if value is not None for each in (value, *(interval or ()))]
    most = max([*ends, 1e-6])
    half = STRIP_WIDTH / 2

    def place(value: float) -> float:
        return round(float(half + value / most * (half - 4)), 1)

    return tuple(
        None if value is None else Strip(half, place(value), *((place(interval[0]), place(interval[1])) if interval else (None, None)))
        for value, interval in rows
    )
