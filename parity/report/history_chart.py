"""The chart of a history: AP, agreement and latency over the runs, a line for each configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.ndimage import median_filter

from parity.drift import MEASURES, History, Measure
from parity.history import Entry, checkpoint_label
from parity.report.history import moment
from parity.report.plotting import CANDIDATE, OTHERS, REFERENCE, legible, write_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = (10.0, 9.0)
SHOWN = ("AP", "agreement", "latency")
TITLES = {"AP": "AP of the candidate", "agreement": "images that agree with the reference", "latency": "candidate, ms an image"}
COLOURS = (REFERENCE, CANDIDATE, *OTHERS, "#c2417c", "#1797a6")
MARKERS, DASHES = "os^DvP*X", ("-", "--", ":", "-.")
MOST_TICKS = 12
MOST_MARKED = 40  # runs whose points have room of their own
MOST_UNDER = 4  # lines that are told apart where they coincide
MEDIAN_OF = 9  # runs that a line of more is smoothed over, so that what is slow shows
LEAST_SPAN = {"AP": 0.02, "agreement": 0.02, "latency": 0.2}  # of an axis, that of latency as a share: chance must not look like a fall
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Stretch:
    """Runs that may be joined by a line: places among all runs and values, and whether what they are held on is new."""

    places: tuple[int, ...]
    values: tuple[float, ...]
    order: int  # among the stretches of its configuration: 0 for the first data set or machine


def write_history_chart(target: Path, found: History) -> None:
    """Write the chart as PNG; raises ``UsageError`` where the file cannot be written."""
    write_chart(target, partial(draw, found), inches=INCHES)


def draw(found: History, figure: Figure) -> None:
    """Three panels over the same runs, and a legend of the configurations."""
    measures = [measure for measure in MEASURES if measure.name in SHOWN]
    panels: Sequence[Axes] = figure.subplots(len(measures), 1, sharex=True)
    places = {run: place for place, run in enumerate(dict.fromkeys(entry.run for entry in found.entries))}
    configs: dict[str, list[Entry]] = {}
    for entry in found.entries:
        configs.setdefault(found.name_of(entry), []).append(entry)
    for axes, measure in zip(panels, measures, strict=True):
        axes.set_title(TITLES[measure.name], loc="left", fontsize="medium")
        for number, (name, runs) in enumerate(configs.items()):
            draw_config(axes, measure, runs, places, number=number, total=len(configs), name=name)
        if all(measure.value(entry) is None for entry in found.entries):
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color="0.35")
        draw_changes(axes, measure, configs.values(), places)
        give_room(axes, measure)
    name_runs(panels[-1], found.entries, places)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False, fontsize="small")


def draw_config(axes: Axes, measure: Measure, runs: Sequence[Entry], places: dict[str, int], *, number: int, total: int, name: str) -> None:
    """The lines of one configuration; another data set or machine breaks them."""
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    few = len(places) <= MOST_MARKED
    under = max(min(total, MOST_UNDER) - 1 - number, 0)  # what lies under another line of the same values is wider
    axes.plot([], [], color=colour, marker=marker if few else "", markersize=5, label=legible(name)[:LONGEST_NAME])
    for each in stretches(measure, runs, places):
        style: Any = {"color": colour, "linestyle": DASHES[each.order % len(DASHES)], "marker": marker, "markersize": 4.5 + 2.5 * under}
        if few or len(each.places) == 1:
            axes.plot(each.places, each.values, **style, linewidth=1.2 + 1.2 * under)
        else:
            axes.plot(each.places, each.values, color=colour, linewidth=0.6, alpha=0.35)
            axes.plot(each.places, median_filter(each.values, MEDIAN_OF, mode="nearest"), **{**style, "marker": ""}, linewidth=1.8)


def stretches(measure: Measure, runs: Sequence[Entry], places: dict[str, int]) -> Iterator[Stretch]:
    """The runs of a configuration that can be compared, a line for each."""
    kinds: dict[tuple[object, ...], list[tuple[int, float]]] = {}
    for run in runs:
        value = measure.value(run)
        points = kinds.setdefault(ground(measure, run), [])
        points += [] if value is None else [(places[run.run], value)]
    for order, points in enumerate(kinds.values()):
        if points:
            yield Stretch(tuple(place for place, _ in points), tuple(value for _, value in points), order)


def ground(measure: Measure, entry: Entry) -> tuple[object, ...]:
    """What a value stands on: another data set or operating point, and for a time another machine, cannot be compared."""
    held = (entry.dataset.sha256, entry.conf, entry.iou, entry.profile)
    return (*held, entry.machine, entry.threads) if measure.timed else held


def draw_changes(axes: Axes, measure: Measure, configs: Iterable[Sequence[Entry]], places: dict[str, int]) -> None:
    """Where a data set, and for times a machine, appears that its configuration had not met before."""
    kinds: list[tuple[str, Callable[[Entry], object], str]] = [("data", lambda entry: entry.dataset.sha256, "-.")]
    kinds += [("machine", lambda entry: (entry.machine, entry.threads), ":")] if measure.timed else []
    for name, key, dash in kinds:
        for place in sorted(new_places(configs, places, key)):
            axes.axvline(place - 0.5, color="0.35", linestyle=dash, linewidth=1)
            axes.annotate(
                f"other {name}",
                (place - 0.5, 1),
                (3, -3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize="x-small",
                color="0.35",
                rotation=90,
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1},
            )


def new_places(configs: Iterable[Sequence[Entry]], places: dict[str, int], key: Callable[[Entry], object]) -> set[int]:
    """The places of runs that are the first on something, but for the first run of all of a configuration."""
    found: set[int] = set()
    for runs in configs:
        firsts: dict[object, int] = {}
        for run in runs:
            firsts.setdefault(key(run), places[run.run])
        found |= set(list(firsts.values())[1:])
    return found


def give_room(axes: Axes, measure: Measure) -> None:
    """A scale that shows small changes and makes none look large; agreement ends at all images."""
    low, high = axes.get_ylim()
    least = LEAST_SPAN[measure.name] * (high if measure.relative else 1.0)
    more = max(least - (high - low), 0.0) / 2
    if measure.name == "agreement":
        span = max(1 - low, least)
        axes.set_ylim(1 - 1.05 * span, 1 + 0.05 * span)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if span > LEAST_SPAN["agreement"] * 5 else f"{value:.1%}")
    else:
        axes.set_ylim(low - more, high + more)


def name_runs(axes: Axes, entries: Sequence[Entry], places: dict[str, int]) -> None:
    """Dates and checkpoints below, as many as have room."""
    first = {places[entry.run]: entry for entry in reversed(entries)}
    step = -(-len(places) // MOST_TICKS)
    ticks = range(0, len(places), max(step, 1))
    axes.set_xticks(list(ticks), [f"{moment(first[place]):%Y-%m-%d}\n{legible(checkpoint_label(first[place]))}" for place in ticks])
    axes.tick_params(axis="x", labelsize="x-small")
    axes.set_xlim(-0.6, max(len(places), 1) - 0.4)
    smoothed = f"; the thick lines are medians of {MEDIAN_OF} runs" if len(places) > MOST_MARKED else ""
    axes.set_xlabel(f"run: date and checkpoint{smoothed}")
