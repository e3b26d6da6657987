"""How each chart file is drawn: numbers and an empty figure in. Every name that comes from elsewhere is ``shortened``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.report.plotting import CANDIDATE, OTHERS, REFERENCE, legible
from parity.report.series import (
    NUMBERS,
    REFERENCE_LABEL,
    AccuracyRow,
    Floats,
    ImageSeries,
    LatencyRow,
    Pair,
    ParityRate,
    Point,
    SideSeries,
    SizeSeries,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 32  # images whose names have room below an axis, and whose sides have room beside each other
LONGEST_NAME, LONGEST_LABEL = 24, 40  # characters, below an axis and elsewhere
LEAST_SPAN = 0.02  # of AP on an axis: what differs by less shall not look far apart
MARKERS = "osD^vPX*"
SMALL = 8  # points, of what is written within a chart
Styles = dict[str, tuple[str, str]]


def styles(labels: Iterable[str]) -> Styles:
    """A colour and a marker for every label, the reference's own for the reference; both together tell 40 apart."""
    others = [label for label in dict.fromkeys(labels) if label != REFERENCE_LABEL]
    colours = (CANDIDATE, *OTHERS)
    chosen = {label: (colours[place % len(colours)], MARKERS[(place + 1) % len(MARKERS)]) for place, label in enumerate(others)}
    return {REFERENCE_LABEL: (REFERENCE, MARKERS[0]), **chosen}


# Detections and confidence


def image_inches(series: ImageSeries) -> tuple[float, float]:
    """A row of two charts for each size."""
    return 14.0, 2.6 * len(series.sizes) + (2.2 if len(series.images) <= MOST_NAMED else 1.2)


def draw_images(figure: Figure, series: ImageSeries) -> None:
    """Detections and confidence of every side on each image."""
    rows = figure.subplots(len(series.sizes), 2, squeeze=False, sharex=True)
    chosen = styles(side.label for size in series.sizes for side in size.sides)
    few = len(series.images) <= MOST_NAMED
    for (counts, scores), size in zip(rows, series.sizes, strict=True):
        name_size(counts, size, "detections on each image")
        name_size(scores, size, f"median confidence, and {'' if few else 'of the reference '}from lowest to highest")
        counts.set_ylabel("detections")
        scores.set_ylabel("score")
        scores.set_ylim(0, 1.02)
        (draw_beside if few else draw_steps)(counts, scores, size.sides, chosen)
    for axes in rows[-1]:
        name_images(axes, series.images)
    everything = {label: handle for axes in rows[:, 0] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(everything.values(), everything.keys(), loc="outside upper center", ncols=5, frameon=False)


def name_size(axes: Axes, size: SizeSeries, what: str) -> None:
    """Say what is drawn, and at which size."""
    axes.set_title(f"{size.size}: {what}", loc="left", fontsize=SMALL + 2)


def draw_beside(counts: Axes, scores: Axes, sides: Sequence[SideSeries], chosen: Styles) -> None:
    """Few images: the sides beside each other, with the spread of their scores."""
    width = 0.8 / len(sides)
    counts.set_axisbelow(True)
    for place, side in enumerate(sides):
        colour, marker = chosen[side.label]
        x = np.arange(len(side.counts)) + (place - (len(sides) - 1) / 2) * width
        counts.bar(x, side.counts, width, color=colour, label=shortened(side.label))
        some = side.counts > 0
        spread = [(side.median - side.lowest)[some], (side.highest - side.median)[some]]
        scores.errorbar(x[some], side.median[some], yerr=spread, color=colour, marker=marker, markersize=3, linestyle="", elinewidth=1)


def draw_steps(counts: Axes, scores: Axes, sides: Sequence[SideSeries], chosen: Styles) -> None:
    """Many images: the reference as an area, every candidate as a line, each thinner than the last so that equal ones all show."""
    reference, *candidates = sides
    x = np.arange(len(reference.counts))
    counts.fill_between(x, reference.counts, step="mid", color=REFERENCE, alpha=0.35, linewidth=0, label=REFERENCE_LABEL)
    scores.fill_between(x, reference.lowest, reference.highest, step="mid", color=REFERENCE, alpha=0.2, linewidth=0)
    thicker = min(1.8, 8 / len(sides))
    scores.plot(x, reference.median, drawstyle="steps-mid", color=REFERENCE, linewidth=1 + thicker * len(candidates))
    for place, side in enumerate(candidates, 1):
        style: Any = {"drawstyle": "steps-mid", "color": chosen[side.label][0], "linewidth": 1 + thicker * (len(candidates) - place)}
        counts.plot(x, side.counts, label=shortened(side.label), **style)
        scores.plot(x, side.median, **style)


def name_images(axes: Axes, images: Sequence[str]) -> None:
    """The names of images where they have room, else what their order is."""
    order = "most detections of the reference first"
    if len(images) > MOST_NAMED:
        axes.set_xlabel(f"{len(images)} images, {order}")
        return
    axes.set_xticks(range(len(images)), [shortened(name, LONGEST_NAME) for name in images], rotation=90, fontsize=SMALL - 1)
    axes.set_xlabel(order)


def shortened(name: str, longest: int = LONGEST_LABEL) -> str:
    """A name that has room in a chart; of a long one its end, where numbers stand."""
    shown = legible(name)
    return shown if len(shown) <= longest else f"...{shown[3 - longest :]}"


# Parity


def parity_inches(rates: Sequence[ParityRate]) -> tuple[float, float]:
    """As wide as the bars need."""
    return min(max(2.5 + 0.85 * len(rates), 6.0), 24.0), 4.2


def draw_parity(figure: Figure, rates: Sequence[ParityRate]) -> None:
    """The share of images that agree, by size and backend, each bar with its count."""
    axes = figure.subplots()
    sizes, named = list(dict.fromkeys(rate.size for rate in rates)), list(dict.fromkeys(rate.label for rate in rates))
    chosen, width = styles(named), 0.8 / len(named)
    for place, label in enumerate(named):
        own = [rate for rate in rates if rate.label == label]
        x = [sizes.index(rate.size) + (place - (len(named) - 1) / 2) * width for rate in own]
        bars = axes.bar(x, [100 * rate.share for rate in own], width * 0.94, color=chosen[label][0], label=shortened(label))
        axes.bar_label(bars, [f"{rate.agreeing}/{rate.images}" for rate in own], fontsize=SMALL, padding=2)
    axes.set_xticks(range(len(sizes)), sizes)
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 20))
    axes.grid(visible=False, axis="x")
    axes.set_axisbelow(True)
    axes.set(xlabel="size, px", ylabel="images that agree, %")
    axes.set_title("Parity rate: images on which nothing is beyond its limit", loc="left")
    figure.legend(loc="outside lower center", ncols=5, frameon=False)


# Accuracy


def accuracy_inches(rows: Sequence[AccuracyRow]) -> tuple[float, float]:
    """A line for each configuration."""
    return 15.0, 1.7 + 0.42 * len(rows)


def draw_accuracy(figure: Figure, rows: Sequence[AccuracyRow]) -> None:
    """COCO's six AP numbers of both sides, each on its own axis, with the interval of the change."""
    charts = figure.subplots(1, len(NUMBERS), sharey=True)
    for place, (axes, title) in enumerate(zip(charts, NUMBERS.values(), strict=True)):
        axes.set_title(title, fontsize=SMALL + 2)
        draw_pairs(axes, [row.pairs[place] for row in rows])
    charts[0].set_yticks(range(len(rows)), [shortened(row.title) for row in rows])
    charts[0].set_ylim(len(rows) - 0.5, -0.5)
    handles = charts[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False)


def draw_pairs(axes: Axes, pairs: Sequence[Pair]) -> None:
    """One number of every configuration, a line each."""
    places = np.arange(len(pairs))
    reference, candidate = (np.array([getattr(pair, side) for pair in pairs], np.float64) for side in ("reference", "candidate"))
    lows, highs = np.array([pair.interval or (np.nan, np.nan) for pair in pairs]).T
    axes.plot(reference, places, "o", color=REFERENCE, markersize=9, markerfacecolor="none", label="reference")
    if not np.isnan(lows).all():
        axes.hlines(places, lows, highs, color=CANDIDATE, linewidth=2, label="95 % interval of the change")
    axes.plot(candidate, places, "s", color=CANDIDATE, markersize=4, label="candidate")
    for y, pair in enumerate(pairs):
        text = change_words(pair)
        axes.annotate(
            text, (0.98, y), xycoords=("axes fraction", "data"), xytext=(0, 5), textcoords="offset points", ha="right", fontsize=7
        )
    widen(axes, np.concatenate([reference, candidate, lows, highs]))


def change_words(pair: Pair) -> str:
    """Candidate minus reference."""
    if pair.reference is None or pair.candidate is None:
        return "undefined"
    change = pair.candidate - pair.reference
    return f"{change:+.4f}" if round(change, 4) else "0.0000"


def widen(axes: Axes, values: Floats) -> None:
    """Give an axis of AP its least span around what is on it, so that no difference looks larger than it is."""
    known = values[~np.isnan(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    margin = max(LEAST_SPAN - (high - low), 0.2 * (high - low)) / 2
    axes.set_xlim(low - margin, high + margin + 0.3 * (high - low))  # room for the words on the right
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", labelsize=SMALL)


# Latency


def latency_inches(rows: Sequence[LatencyRow]) -> tuple[float, float]:
    """Two bars for each configuration."""
    return 9.0, 1.6 + 0.62 * len(rows)


def draw_latency(figure: Figure, rows: Sequence[LatencyRow]) -> None:
    """Median milliseconds of both sides, up to the 95th percentile where so many runs were made, and the speedup."""
    axes = figure.subplots()
    sides = (("reference", REFERENCE, -0.2), ("candidate", CANDIDATE, 0.2))
    for label, colour, shift in sides:
        found = [row.latency.reference if label == "reference" else row.latency.candidate for row in rows]
        medians = np.array([side.median for side in found])
        y = np.arange(len(rows)) + shift
        axes.barh(y, medians, 0.36, color=colour, label=label)
        beyond = np.array([(side.p95 or side.median) - side.median for side in found])
        axes.errorbar(medians, y, xerr=[np.zeros(len(rows)), beyond], color="black", linestyle="", elinewidth=1, capsize=2)
        for place, (median, end) in enumerate(zip(medians.tolist(), (medians + beyond).tolist(), strict=True)):
            speed = f", {speedup_words(rows[place])}" if label == "candidate" else ""
            axes.annotate(f"{median:.1f}{speed}", (end, y[place]), xytext=(4, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.set_yticks(range(len(rows)), [shortened(row.title) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.35)
    axes.grid(visible=False, axis="y")
    axes.set_axisbelow(True)
    axes.set_xlabel("milliseconds of the network alone for one image: median, whisker to the 95th percentile")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)


def speedup_words(row: LatencyRow) -> str:
    """How many times as fast, with its interval."""
    low, high = row.latency.speedup.ci95
    return f"{row.latency.speedup.value:.2f} times as fast ({low:.2f} to {high:.2f})"


# Accuracy against latency


POINT_INCHES = (9.0, 6.0)


def draw_points(figure: Figure, found: Sequence[Point]) -> None:
    """AP over milliseconds: a colour for each backend, the size beside each point, and a line from the reference to its candidates."""
    axes = figure.subplots()
    chosen = styles(point.label for point in found)
    origins = {point.size: point for point in found if point.label == REFERENCE_LABEL}
    for point in found:
        origin = origins[point.size]
        axes.plot([origin.latency.median, point.latency.median], [origin.ap, point.ap], color="#9a9a9a", linewidth=0.8, zorder=1)
    for label, (colour, marker) in chosen.items():
        draw_label(axes, [point for point in found if point.label == label], label, colour, marker)
    low, high = axes.get_ylim()
    lack = max(LEAST_SPAN - (high - low), 0.0) / 2
    axes.set_ylim(low - lack, high + lack)
    axes.set_xlim(left=0)
    axes.set(xlabel="median milliseconds of the network alone for one image; bar to the 95th percentile", ylabel="AP 50-95")
    axes.set_title("Accuracy against latency; bars of AP: 95 % interval of the change against the reference", loc="left", fontsize=10)
    figure.legend(loc="outside lower center", ncols=5, frameon=False)


def draw_label(axes: Axes, found: Sequence[Point], label: str, colour: str, marker: str) -> None:
    """All points of one backend."""
    x, y = np.array([point.latency.median for point in found]), np.array([point.ap for point in found])
    right = np.array([(point.latency.p95 or point.latency.median) - point.latency.median for point in found])
    ends = np.array([point.interval or (point.ap, point.ap) for point in found])
    spread: Floats = np.clip([y - ends[:, 0], ends[:, 1] - y], 0, None)
    axes.errorbar(
        x,
        y,
        xerr=[np.zeros(len(found)), right],
        yerr=spread,
        color=colour,
        marker=marker,
        linestyle="",
        elinewidth=1,
        capsize=2,
        markersize=7,
        label=shortened(label),
        zorder=2,
    )
    for point in found:
        place = (point.latency.median, point.ap)
        axes.annotate(point.size, place, xytext=(6, 6), textcoords="offset points", fontsize=SMALL, color=colour)
