"""A gate's result on one screen: the verdict and why, the causes, one table, what did not pass, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter, itemgetter

from rich.console import Console, RenderableType
from rich.text import Text

from parity.report.figures import signed
from parity.report.terminal import safe, table, titled
from parity.report.text import (
    STYLES,
    UNDEFINED,
    check_blocks,
    diagnosis_block,
    headline,
    indented,
    note_lines,
    number,
    thresholds,
    verdict_line,
)
from parity.report.words import OPEN, alike, amount, floors, of_status, reason, told_causes, unexplained
from parity.verdict import Check, ConfigResult, Result, Status, Verdict

MOST_ROWS = 16  # of checks that did not pass
NOISE = ("shifted", "rescored")  # the checks whose measurements noise moves
MORE = "more: --verbose for every number and check, --report FILE.html for the images"


def print_brief(result: Result, console: Console) -> None:
    """Print what decides, and how to see the rest; a failure shows its causes before its checks."""
    for block in brief_blocks(result):
        console.print(block)


def brief_blocks(result: Result) -> Iterator[RenderableType]:
    """Everything on the screen, in its order."""
    yield headline(result)
    yield indented(safe(reason(result)))
    for cause, configs in told_causes(result):
        yield from diagnosis_block(cause, configs)
    yield from summary_table(result.configs)
    below = [*margin_lines(result), *unchecked_lines(result)]
    yield from ([Text(), *below] if below else [])
    yield from open_table(result)
    yield from check_blocks([*unexplained(result), *of_status(result, Status.WAIVED)], total=len(result.configs))
    yield from note_lines(told_notes(result))
    yield safe(MORE, "dim")
    yield verdict_line(result)


def told_notes(result: Result) -> list[str]:
    """The notes, one that says the same of several configurations once."""
    split = [place_and_words(note, result.configs) for note in result.notes]
    groups = alike(split, itemgetter(1))
    return [note_of([place for place, _ in dict.fromkeys(group)], group[0][1], total=len(result.configs)) for group in groups]


def place_and_words(note: str, configs: Sequence[ConfigResult]) -> tuple[str, str]:
    """The configuration that a note is of, empty where it is of all or none, and what it says."""
    place = next((config.id for config in configs if note.startswith(f"{config.id}: ")), "")
    return place, note.removeprefix(f"{place}: ") if place else note


def note_of(places: Sequence[str], words: str, *, total: int) -> str:
    """A note and the configurations that it is of."""
    if places == [""]:
        return words
    return f"{'all configurations' if len(places) == total > 1 else ', '.join(places)}: {words}"


# One table


def summary_table(configs: Sequence[ConfigResult]) -> Iterator[RenderableType]:
    """A row for each configuration; accuracy and latency only where one of them has any."""
    if not configs:
        return
    labelled, timed = any(config.metrics for config in configs), any(config.latency_ms for config in configs)
    accuracy = ("\nAP", "AP\nchange") if labelled else ()
    speed = ("latency\nms", "faster\nby") if timed else ()
    rows = table("configuration", "images\nagree", "\nmatched", *accuracy, *speed, gap=1)
    for config in configs:
        rows.add_row(safe(config.id), *pairing(config), *(change(config) if labelled else ()), *(latency(config) if timed else ()))
    whose = ", ".join((*(("AP",) if labelled else ()), *(("latency",) if timed else ())))
    yield titled(f"At {thresholds(configs)}" + (f"; {whose} of the candidate" if whose else ""), rows)


def pairing(config: ConfigResult) -> Iterator[Text]:
    """How many images and detections agree, in red where some do not."""
    counts = config.parity
    pairs = ((counts.images_agreeing, counts.images), (counts.matched, counts.reference_detections))
    for part, whole in pairs:
        yield Text(f"{part}/{whole}", style="" if part == whole else "red")


def change(config: ConfigResult) -> tuple[str, str]:
    """AP of the candidate, and how far it is from the reference's."""
    metrics = config.metrics
    return (number(metrics.candidate.AP, ".4f"), signed(metrics.delta["AP"].value)) if metrics else (UNDEFINED, UNDEFINED)


def latency(config: ConfigResult) -> tuple[str, str]:
    """Milliseconds of the candidate, and how many times as fast it is as the reference."""
    found = config.latency_ms
    return (f"{found.candidate.median:.1f}", f"{found.speedup.value:.2f}x") if found else (UNDEFINED, UNDEFINED)


def margin_lines(result: Result) -> Iterator[RenderableType]:
    """How near a pass came to its limits, of all configurations together."""
    measured = [check for check in of_status(result, Status.PASS) if check.name in NOISE and check.measured is not None]
    worst = [max(group, key=lambda check: check.measured or 0.0) for group in alike(measured, attrgetter("name"))]
    if result.verdict is Verdict.PASS:
        yield from map(margin, worst)


def margin(check: Check) -> Text:
    """One measurement, what it may be, and what of that is noise."""
    told = f"largest {check.name} {number(check.measured, '.2g')}, limit {number(check.limit, 'g')}"
    return safe(f"{told} ({check.noise_floors})" if check.noise_floors else told)


# What did not pass


def unchecked_lines(result: Result) -> Iterator[RenderableType]:
    """What was not checked, and why, each once."""
    unchecked = of_status(result, Status.NOT_CHECKED)
    for group in alike(unchecked, lambda check: (check.name, check.detail)):
        yield safe(f"not checked: {group[0].name} ({group[0].detail.split('; ')[0]})")


def open_table(result: Result) -> Iterator[RenderableType]:
    """Every check that failed or is inconclusive as one row."""
    found = of_status(result, *OPEN)
    if not found:
        return
    rows = table("check", "configuration", "measured", "limit", "x noise", left=2, gap=1)
    for check in found[:MOST_ROWS]:
        rows.add_row(Text(check.name, style=STYLES[check.status]), safe(check.config), *held(check))
    if len(found) > MOST_ROWS:
        rows.add_row(f"and {len(found) - MOST_ROWS} more")
    yield titled("Checks that did not pass", rows)


def held(check: Check) -> tuple[str, str, str]:
    """Measurement, limit, and the multiple of the noise."""
    measured = "no number" if check.measured is None else amount(check.measured)
    return measured, UNDEFINED if check.limit is None else amount(check.limit), floors(check).removesuffix(" x")
