"""The chart of a history: AP, agreement and latency over the runs, a line for each configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

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
COLOURS, MARKERS, DASHES = (REFERENCE, CANDIDATE, *OTHERS), "os^DvP*X", ("-", "--", ":", "-.")
MOST_TICKS = 12
MOST_MARKED = 40  # runs whose points have room of their own
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
    configs = list(dict.fromkeys(entry.config for entry in found.entries))
    for axes, measure in zip(panels, measures, strict=True):
        axes.set_title(TITLES[measure.name], loc="left", fontsize="medium")
        for number, config in enumerate(configs):
            runs = [entry for entry in found.entries if entry.config == config]
            draw_config(axes, measure, runs, places, number=number)
        if all(measure.value(entry) is None for entry in found.entries):
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color="0.35")
        draw_changes(axes, measure, found.entries, places)
        finish(axes, measure)
    name_runs(panels[-1], found.entries, places)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False, fontsize="small")


def draw_config(axes: Axes, measure: Measure, runs: Sequence[Entry], places: dict[str, int], *, number: int) -> None:
    """The lines of one configuration; another data set or machine breaks them."""
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    size = 5.0 if len(places) <= MOST_MARKED else 2.0
    axes.plot([], [], color=colour, marker=marker, markersize=5, label=legible(runs[0].config)[:LONGEST_NAME])
    for each in stretches(measure, runs, places):
        dash = DASHES[each.order % len(DASHES)]
        axes.plot(each.places, each.values, dash, color=colour, marker=marker, markersize=size, linewidth=1.3, alpha=0.85)


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


def draw_changes(axes: Axes, measure: Measure, entries: Sequence[Entry], places: dict[str, int]) -> None:
    """Where a data set, and for times a machine, appears that its configuration had not met before."""
    kinds: list[tuple[str, Callable[[Entry], object], str]] = [("data", lambda entry: entry.dataset.sha256, "-.")]
    kinds += [("machine", lambda entry: (entry.machine, entry.threads), ":")] if measure.timed else []
    for name, key, dash in kinds:
        for place in sorted(new_places(entries, places, key)):
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
            )


def new_places(entries: Sequence[Entry], places: dict[str, int], key: Callable[[Entry], object]) -> set[int]:
    """The places of runs that are the first on something, but for the first run of all of a configuration."""
    found: set[int] = set()
    for _, runs in groupby(sorted(entries, key=lambda entry: entry.config), key=lambda entry: entry.config):
        firsts: dict[object, int] = {}
        for run in runs:
            firsts.setdefault(key(run), places[run.run])
        found |= set(list(firsts.values())[1:])
    return found


def finish(axes: Axes, measure: Measure) -> None:
    """Scales that show small changes, without making any look large."""
    if measure.name == "agreement":
        low, _ = axes.get_ylim()
        room = max(1 - low, 0.02)
        axes.set_ylim(max(1 - 1.05 * room, -0.02), 1 + 0.05 * room)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if room > 0.1 else f"{value:.1%}")  # noqa: PLR2004


def name_runs(axes: Axes, entries: Sequence[Entry], places: dict[str, int]) -> None:
    """Dates and checkpoints below, as many as have room."""
    first = {places[entry.run]: entry for entry in reversed(entries)}
    step = -(-len(places) // MOST_TICKS)
    ticks = range(0, len(places), max(step, 1))
    axes.set_xticks(list(ticks), [f"{moment(first[place]):%Y-%m-%d}\n{legible(checkpoint_label(first[place]))}" for place in ticks])
    axes.tick_params(axis="x", labelsize="x-small")
    axes.set_xlim(-0.6, max(len(places), 1) - 0.4)
    axes.set_xlabel("run: date and checkpoint")
