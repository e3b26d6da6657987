"""What `parity history` prints: a row for each configuration of each run, and which measures drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Console, RenderableType
from rich.text import Text

from parity.drift import History, Line, Move, Series, Trend, line_of
from parity.history import Entry, checkpoint_label
from parity.limits import DRIFT, MIN_DRIFT_RUNS, Limit
from parity.report.terminal import safe, table, titled
from parity.report.text import STYLES, UNDEFINED, indented, note_lines, number

SHORT_DIGEST = 7
FORMS = {"AP": ".4f", "AP change": "+.4f", "agreement": ".1%", "latency": ".1f"}
STEPS = {"AP": "+.4f", "AP change": "+.4f", "agreement": "+.1%", "latency": "+.1f"}
PER = 10  # runs that a slope is told for: of one it has too many zeros
RAREST = 1e-6  # a smaller chance is not told apart: it stands on more than is known of the runs
UNITS = {"AP": "", "AP change": "", "agreement": " of the images", "latency": " ms"}


def print_history(found: History, console: Console) -> None:
    """Print the runs of every configuration, and what they do over time."""
    console.print(safe(title(found), "bold"))
    for each in found.series:
        runs = [entry for entry in found.entries if line_of(entry, as_one=found.as_one) == each.line]
        console.print(titled(series_title(each), runs_table(runs)))
        console.print(titled("Over these runs", trends_table(each)))
        for line in (*drift_lines(each), *quiet_lines(each)):
            console.print(indented(line))
    for note in note_lines(found.notes):
        console.print(note)


def title(found: History) -> str:
    """Which runs are shown."""
    if not found.entries:
        return f"{found.file}: no runs"
    first, last = (f"{moment(found.entries[place]):%Y-%m-%d %H:%M}" for place in (0, -1))
    runs = len({entry.run for entry in found.entries})
    return f"{found.file}: {counted(runs, 'run')}, {first} to {last} UTC"


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def moment(entry: Entry) -> datetime:
    """When a run was found, and the beginning of time where that cannot be read."""
    try:
        return datetime.fromisoformat(entry.time)
    except ValueError:
        return datetime.min  # noqa: DTZ901 - only shown


def runs_table(entries: Iterable[Entry]) -> RenderableType:
    """A row for each run, oldest first, with what decided it where it did not pass."""
    columns = ("images\nagree", "AP\nref.", "AP\ncand.", "\nchange", "cand.\nms")
    rows = table("when", "check-\npoint", "verdict", *columns, left=3, gap=1)
    rows.add_column("because", overflow="fold", vertical="bottom")
    for entry in entries:
        metrics = (entry.reference_metrics, entry.candidate_metrics)
        accuracy = [number(side.AP if side else None, ".4f") for side in metrics]
        rows.add_row(
            f"{moment(entry):%m-%d %H:%M}",
            safe(checkpoint_label(entry)),
            Text(entry.verdict, STYLES[entry.verdict]),
            f"{entry.parity.images_agreeing}/{entry.parity.images}",
            *accuracy,
            number(entry.ap_change.value if entry.ap_change else None, "+.4f"),
            number(entry.latency.candidate_ms if entry.latency else None, ".1f"),
            safe(entry.reason),
        )
    return rows


def series_title(each: Series) -> str:
    """Which runs are compared."""
    count = f"{counted(each.runs, 'run')} of {counted(each.checkpoints, 'checkpoint')}"
    return f"{line_name(each.line)} on {each.dataset} ({each.images} images, sha256 {each.line.dataset_sha256[:SHORT_DIGEST]}): {count}"


def line_name(line: Line) -> str:
    """A configuration and where it runs."""
    overlap = "in the graph" if line.iou is None else f"{line.iou:g}"
    precision = "" if line.profile.exact else f", {line.profile}"
    return f"{line.config} at {line.conf:g} / {overlap}{precision}"


def trends_table(each: Series) -> RenderableType:
    """First, best and latest value of every measure, and how the latest differs from both."""
    rows = table("measure", "values", "first", "best", "latest", "since\nfirst", "from\nbest", f"move in {PER} runs,\n95 % interval", gap=1)
    for trend in each.trends:
        form, step = FORMS[trend.measure], STEPS[trend.measure]
        away = [number(difference(trend.latest, other), step) for other in (trend.first, trend.best)]
        ends = [number(value, form) for value in (trend.first, trend.best, trend.latest)]
        interval = UNDEFINED if trend.ci95 is None else " to ".join(format(PER * end, step) for end in trend.ci95)
        name = f"{trend.measure}{', ms' if trend.measure == 'latency' else ''}"
        rows.add_row(name, str(trend.runs), *ends, *away, interval)
    return rows


def difference(value: float | None, other: float | None) -> float | None:
    """How far a value lies above another."""
    return None if value is None or other is None else value - other


def drift_lines(each: Series) -> Iterator[Text]:
    """Every measure that drifts, in words."""
    for trend in each.trends:
        if trend.move in {Move.FALLS, Move.RISES}:
            style = "bold red" if trend.worse else "bold yellow"
            yield Text.assemble(("DRIFT", style), "  ", drift_text(trend))


def drift_text(trend: Trend) -> str:
    """How far a measure has moved, and how sure that is."""
    step, unit = STEPS[trend.measure], UNITS[trend.measure]
    shift = f"{number(trend.shift, step)}{unit} over {trend.runs} runs"
    sure = f"chance alone orders them so once in {once_in(trend.p_value)}"
    return f"{trend.measure} {trend.move}: {shift}, more than {limit_text(DRIFT[trend.measure])}; {sure}"


def limit_text(limit: Limit) -> str:
    """A limit with its unit; a share as a percentage."""
    return f"{100 * limit.value:g} % {limit.unit}" if limit.unit.startswith("of ") else f"{limit.value:g} {limit.unit}"


def once_in(chance: float | None) -> str:
    """How rare a chance is, in one digit and up to a million."""
    return "a million or more" if not chance or chance < RAREST else f"{float(f'{1 / chance:.0e}'):,.0f}"


def quiet_lines(each: Series) -> Iterator[Text]:
    """What was looked for and not found, and what could not be looked for."""
    moves = {move: [trend.measure for trend in each.trends if trend.move is move and trend.runs] for move in Move}
    if moves[Move.NONE]:
        yield safe(f"no drift beyond chance: {', '.join(moves[Move.NONE])}")
    if moves[Move.SMALL]:
        yield safe(f"a trend within what it may be: {', '.join(moves[Move.SMALL])}")
    few = {trend.measure: trend.runs for trend in each.trends if trend.move is Move.UNKNOWN and trend.runs}
    if few:
        there = ", ".join(f"{count} of {name}" for name, count in few.items()) if len(set(few.values())) > 1 else str(min(few.values()))
        yield safe(
            f"too few to tell a trend: it needs at least {MIN_DRIFT_RUNS} values of different checkpoints or files, there are {there}"
        )
    for trend in each.trends:
        if trend.left_out:
            yield safe(f"{trend.measure}: {counted(trend.left_out, 'run')} on other machines or with other threads not compared")
