"""A gate's result as tables for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import groupby

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from parity.report.next_steps import next_step
from parity.report.terminal import plain_console, safe, table, titled
from parity.report.words import reason, where
from parity.verdict import Check, ConfigResult, Diagnosis, Result, Status, Verdict

STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "waived": "bold yellow", "not_checked": "dim"}
ORDER = tuple(Status)[1:]  # of the checks that are listed: failures first
UNDEFINED = "-"


def print_result(result: Result, console: Console) -> None:
    """Print the verdict, its causes, all numbers of every configuration, every check that did not pass, and the notes."""
    console.print(headline(result))
    console.print(indented(safe(reason(result))))
    for block in diagnosis_blocks(result.diagnosis):
        console.print(block)
    for make in (detections_table, differences_table, accuracy_table, margins_table, latency_table):
        part = make(result)
        if part is not None:
            console.print(part)
    listed = [check for status in ORDER for check in result.checks if check.status is status]
    for block in (*check_blocks(listed, total=len(result.configs)), *note_lines(result.notes)):
        console.print(block)
    console.print(verdict_line(result))


def report_text(result: Result) -> str:
    """What ``print_result`` prints, as plain text for a file."""
    page = StringIO()
    print_result(result, plain_console(page))
    return page.getvalue()


def headline(result: Result) -> Text:
    """What was held against what, on which images."""
    verdict, data = result.verdict, result.dataset
    what = (safe(result.reference.path), " on ", safe(data.name), f", {data.images} images")
    return Text.assemble((verdict.upper(), STYLES[verdict]), "  ", *what)


def verdict_line(result: Result) -> Text:
    """The verdict once more, with how many checks say so: it ends what may be a long list."""
    counts = {status: sum(check.status is status for check in result.checks) for status in Status}
    told = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items() if count)
    meaning = "" if result.verdict is not Verdict.INCONCLUSIVE else ": not enough evidence to pass"
    return Text.assemble((f"{result.verdict.upper()}{meaning}", STYLES[result.verdict]), f"  checks: {told or 'none'}")


def detections_table(result: Result) -> RenderableType | None:
    """How the detections of both sides pair up, a row for each configuration."""
    if not result.configs:
        return None
    columns = ("images\nagree", "matched", "missed", "ghosts", "class\nflips", "shifted", "re-\nscored", "edges")
    rows = table("configuration", *columns, gap=1)  # so that yolov8n-torchscript-640 fits on 80 columns
    for config in result.configs:
        counts = config.parity
        agree, matched = f"{counts.images_agreeing}/{counts.images}", f"{counts.matched}/{counts.reference_detections}"
        others = (counts.missed, counts.ghosts, counts.class_flips, counts.shifted, counts.rescored)
        bad = [Text(str(count), style="red" if count else "") for count in others]
        rows.add_row(safe(config.id), agree, matched, *bad, str(counts.edges))
    return titled(f"Detections at {thresholds(result.configs)}", rows)


def thresholds(configs: Sequence[ConfigResult]) -> str:
    """The deployed thresholds, as most configurations have one pair of them."""
    pairs = dict.fromkeys((config.conf, config.iou) for config in configs)
    return " and ".join(f"confidence {conf:g}" + (", IoU in the graph" if iou is None else f", IoU {iou:g}") for conf, iou in pairs)


def differences_table(result: Result) -> RenderableType | None:
    """The largest differences of matched detections, and AP of both sides."""
    if not result.configs:
        return None
    columns = ("largest\nbox, px", "largest\nscore", "reference\nAP", "candidate\nAP", "\nchange")
    rows = table("configuration", *columns)
    for config in result.configs:
        counts, metrics = config.parity, config.metrics
        sides = (metrics.reference.AP, metrics.candidate.AP, metrics.delta["AP"].value) if metrics else (None, None, None)
        accuracy = [number(value, form) for value, form in zip(sides, (".4f", ".4f", "+.4f"), strict=True)]
        rows.add_row(safe(config.id), number(counts.max_box_px, ".2g"), number(counts.max_score, ".2g"), *accuracy)
    return titled("Largest differences of matched detections, in image pixels and score, and AP (COCO, from 0 to 1)", rows)


def accuracy_table(result: Result) -> RenderableType | None:
    """How sure the change of AP is, its worst class and size, and what ships at the deployed threshold on both sides."""
    labelled = [(config, config.accuracy) for config in result.configs if config.accuracy is not None]
    if not labelled:
        return None
    columns = (
        "AP change,\n95 % interval",
        "worst class\nand size",
        "its AP\nchange",
        "reference\nF1",
        "candidate\nF1",
        "best at\nconfidence",
    )
    rows = table("configuration", *columns)
    for config, accuracy in labelled:
        worst = accuracy.worst
        named = (UNDEFINED, UNDEFINED) if worst is None else (worst.title, number(worst.ap.delta, "+.3f"))
        sides = (accuracy.reference, accuracy.candidate)
        best = " / ".join("-" if side.best is None else f"{side.best.confidence:.2f}" for side in sides)
        shipped = (number(side.deployed.f1, ".4f") for side in sides)
        rows.add_row(safe(config.id), interval(accuracy.statistics.metrics["AP"].ci95), safe(named[0]), named[1], *shipped, best)
    return titled("Accuracy: paired bootstrap over images; F1 at the deployed threshold, and the thresholds where it is best", rows)


def interval(ends: tuple[float, float] | None) -> str:
    """An interval of differences, a dash where too little is known."""
    return UNDEFINED if ends is None else f"{ends[0]:+.4f} to {ends[1]:+.4f}"


def margins_table(result: Result) -> RenderableType | None:
    """Every measurement of noise against its limit, passed or not."""
    told = [check for check in result.checks if check.noise_floors]
    if not told:
        return None
    rows = table("configuration", "check", "measured", "limit", "noise\nfloors", "", left=2)
    for check in told:
        floors = number(check.measured and check.floor and check.measured / check.floor, ".2g")
        rows.add_row(safe(check.config), check.name, number(check.measured, ".2g"), number(check.limit, ".2g"), floors, check.status)
    return titled("Measurements against their limits, and as multiples of what the reference differs from itself by", rows)


def latency_table(result: Result) -> RenderableType | None:
    """Milliseconds of both networks for one image, where both are models."""
    timed = [(config, config.latency_ms) for config in result.configs if config.latency_ms is not None]
    if not timed:
        return None
    rows = table("configuration", "reference\nms", "candidate\nms", "faster\nby", "95 % interval")
    for config, latency in timed:
        low, high = latency.speedup.ci95
        milliseconds = (f"{latency.reference.median:.1f}", f"{latency.candidate.median:.1f}")
        rows.add_row(safe(config.id), *milliseconds, f"{latency.speedup.value:.2f}x", f"{low:.2f} to {high:.2f}")
    return titled("Latency: the network alone, one image, medians of runs in turn", rows)


def number(value: float | None, form: str) -> str:
    """A number for people, a dash for what is undefined."""
    return UNDEFINED if value is None else format(value, form)


def check_blocks(checks: Sequence[Check], *, total: int) -> Iterator[RenderableType]:
    """Every check in words; those that say the same of several configurations are told once."""
    told = groupby(sorted(checks, key=same_words), key=same_words)
    blocks = sorted(([*group] for _, group in told), key=lambda group: (ORDER.index(group[0].status), checks.index(group[0])))
    for group in blocks:
        yield Text()
        yield check_title(group, total=total)
        yield indented(check_text(group[0]))


def same_words(check: Check) -> tuple[str, ...]:
    """What must agree for two checks to be told as one."""
    return (check.status, check.name, str(check.measured), str(check.limit), check.origin, check.detail)


def check_title(group: Sequence[Check], *, total: int) -> Text:
    """Status, name and where."""
    check = group[0]
    status = check.status.replace("_", " ").upper()
    return Text.assemble((status, STYLES[check.status]), "  ", (check.name, "bold"), "  ", safe(where(group, total=total)))


def check_text(check: Check) -> Text:
    """Measurement, limit and its origin, then what was seen, then what to do."""
    lines = []
    if check.status is not Status.NOT_CHECKED:
        measured = "nothing that is a number" if check.measured is None else f"{check.measured:.4g}"
        limit = "" if check.limit is None else f", limit {check.limit:g}"
        lines.append(safe("; ".join(filter(None, (f"measured {measured}{limit} ({check.origin})", check.noise_floors)))))
    lines += [safe(f"- {part}") for part in check.detail.split("; ") if part]
    lines += [safe(f"next: {next_step(check)}", "italic")] if check.status in {Status.FAIL, Status.INCONCLUSIVE} else []
    return Text("\n").join(lines)


def diagnosis_blocks(causes: Sequence[Diagnosis]) -> Iterator[RenderableType]:
    """The named causes, each with what speaks for it and what to do about it."""
    for cause in causes:
        yield from diagnosis_block(cause, cause.config)


def diagnosis_block(cause: Diagnosis, configs: str) -> Iterator[RenderableType]:
    """One cause and where it was found."""
    yield Text()
    yield Text.assemble(("CAUSE", "bold magenta"), "  ", safe(cause.title, "bold"), "  ", safe(configs))
    lines = [safe(cause.message), safe(f"evidence: {cause.evidence}"), safe(f"next: {cause.fix}", "italic")]
    yield indented(Text("\n").join(lines))


def indented(text: Text) -> Padding:
    """Text below its title."""
    return Padding(text, (0, 0, 0, 2), expand=False)


def note_lines(notes: Sequence[str]) -> Iterator[RenderableType]:
    """What a reader should know besides."""
    if notes:
        yield Text("\nNotes", style="bold")
    for note in dict.fromkeys(notes):
        yield indented(safe(note))
    yield Text()
