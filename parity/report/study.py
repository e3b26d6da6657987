"""A study as files: Markdown with its tables and charts, and JSON; and as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from parity.display import display
from parity.environment import busy_note
from parity.report.markdown import cell, prose
from parity.report.output import write_text
from parity.report.page import share
from parity.report.plots import Plots, write_plots
from parity.report.series import NUMBERS
from parity.report.terminal import safe, table, titled
from parity.report.text import UNDEFINED, note_lines, number
from parity.report.words import reason
from parity.study_result import JSON, MARKDOWN, Protocol, Studied, Study, StudyChange, StudyRow
from parity.verdict import Status
from parity.wire import to_json

COSTS = {"median_ms": "median, ms", "p95_ms": "p95, ms", "fps": "images/s", "size_mb": "MB"}
CHANGES = ("median latency", "p95 latency", "images/s", "size", "times as fast")  # of COSTS in their order, and what tells them best
FORMS = {"size_mb": ".1f", "median_ms": ".1f", "p95_ms": ".1f", "fps": ".1f"}
AGREEMENT = ("parity pass rate", "match rate", "gate")


def write_study(folder: Path, found: Studied) -> tuple[str, ...]:
    """Write charts, Markdown and JSON into a folder, which is made where it is missing, and say where they are."""
    plots = write_plots(folder, found.result, found.exhibits)
    write_text(study_markdown(found, plots), folder / MARKDOWN)
    write_text(to_json(found.study, indent=2) + "\n", folder / JSON)
    return (f"study written: {display(folder / MARKDOWN)}, {display(folder / JSON)}", *plots.notes())


# Markdown


def study_markdown(found: Studied, plots: Plots) -> str:
    """The report, with links to the charts beside it."""
    study = found.study
    blocks = (
        [f"# Study of {cell(Path(study.reference.path).name)}"],
        [f"**{study.verdict.upper()}** {prose(reason(found.result))}"],
        [data_words(study)],
        ["## Results"],
        markdown_table(("configuration", *NUMBERS.values(), *COSTS.values(), *AGREEMENT), map(result_cells, study.rows)),
        ["## Change against PyTorch at the same size, in per cent"],
        markdown_table(("configuration", *NUMBERS.values(), *CHANGES), change_rows(study)),
        ["## Charts"],
        *([f"![{plot.shows}]({plot.file})"] for plot in plots.written),
        ["## What the numbers are"],
        [f"- {line}" for line in meanings(study.protocol)],
        *open_checks(study),
        ["## How it was made"],
        [f"- {line}" for line in provenance(study)],
    )
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def markdown_table(columns: Sequence[str], found: Iterable[Sequence[str]]) -> list[str]:
    """A table whose first column holds words and the others numbers; the cells are Markdown already."""
    lines = [columns, [":--", *["--:"] * (len(columns) - 1)], *found]
    return [f"| {' | '.join(line)} |" for line in lines]


def result_cells(row: StudyRow) -> tuple[str, ...]:
    """One network's numbers."""
    return (cell(row.id), *numbers(row), *agreement(row))


def numbers(row: StudyRow) -> Iterator[str]:
    """Accuracy and cost, as both tables show them."""
    yield from (number(getattr(row.metrics, name), ".4f") for name in NUMBERS)
    yield from (number(getattr(row, name), FORMS[name]) for name in COSTS)


def agreement(row: StudyRow) -> tuple[str, str, str]:
    """Parity, which PyTorch is the measure of."""
    if row.parity is None or row.verdict is None:
        return "reference", "reference", UNDEFINED
    found = row.parity
    images = f"{found.images_agreeing}/{found.images} ({share(found.images_agreeing, found.images)})"
    matched = f"{found.matched}/{found.reference_detections} ({share(found.matched, found.reference_detections)})"
    return images, matched, row.verdict.value


def change_rows(study: Study) -> Iterator[tuple[str, ...]]:
    """The changes of every candidate."""
    for row in study.rows:
        if row.change_percent is not None and row.speedup is not None:
            low, high = row.speedup.ci95
            yield (cell(row.id), *change_cells(row.change_percent), f"{row.speedup.value:.2f} ({low:.2f} to {high:.2f})")


def change_cells(found: StudyChange) -> Iterator[str]:
    """Per cent, in the order of the columns."""
    yield from (signed_percent(getattr(found, name)) for name in (*NUMBERS, *COSTS))


def signed_percent(value: float | None) -> str:
    """A change in per cent to two digits; one that is nothing has no sign."""
    return UNDEFINED if value is None else f"{value:+.2f}" if round(value, 2) else "0.00"


def data_words(study: Study) -> str:
    """What was run on what."""
    protocol, data = study.protocol, study.dataset
    drawn = f", drawn with seed {protocol.seed}" if protocol.limit is not None else ""
    return f"{prose(study.reference.path)} on {prose(data.name)}: {data.images} images{drawn}."


def meanings(protocol: Protocol) -> Iterator[str]:
    """How everything was measured."""
    threads = "1 thread" if protocol.threads == 1 else f"{protocol.threads} threads"
    yield (
        f"**Latency** is of the network alone: one preprocessed image in, raw outputs out, {threads}, without reading, preprocessing and "
        f"NMS. On each image every network of a size runs {protocol.warm_up_runs} times to warm up and then {protocol.runs_per_image} "
        "times that count, each straight after one of its own that does not, in turn with the others and every other round backwards, so "
        "that all meet the same noise. Median and p95 are "
        "over all runs on all images; images/s is 1000 / mean milliseconds."
    )
    yield (
        "**Times as fast** is PyTorch's time over the candidate's, the median of pairs of runs, with its 95 % interval. PyTorch runs as "
        "it is; `parity bench` without `--study` also times it in channels-last memory, where it is often faster."
    )
    yield (
        f"**AP** is COCO's, from 0 to 1, over detections from confidence {protocol.ap_confidence:g}; small, medium and large are sizes of "
        "objects."
    )
    iou = "the IoU in the graph" if protocol.iou is None else f"IoU {protocol.iou:g}"
    yield (
        f"**Parity** is at the deployed thresholds, confidence {protocol.confidence:g} and NMS at {iou}. The pass rate is images on which "
        "no detection is beyond its limit / all images; the match rate is matched / reference detections. The reference is PyTorch at the "
        "same size."
    )
    yield "**Gate** is the verdict on the checks of that configuration. A dash is what is undefined or was not measured."


def open_checks(study: Study) -> Iterator[list[str]]:
    """The causes and checks that keep it from passing; nothing where it passed."""
    decisive = [check for check in study.checks if check.status in {Status.FAIL, Status.INCONCLUSIVE}]
    if decisive:
        yield ["## What did not pass"]
        causes = [f"- **cause** {prose(cause.config)}: {prose(cause.title)}. {prose(cause.message)}" for cause in study.diagnosis]
        yield [*causes, *(f"- {prose(check.explain())}" for check in decisive)]


def provenance(study: Study) -> Iterator[str]:
    """Digests, machine and notes."""
    machine = study.environment
    yield f"reference sha256 `{cell(study.reference.sha256)}`, data sha256 `{cell(study.dataset.sha256)}`"
    yield prose(f"{machine.processor}, {machine.processors} processors, Python {machine.python} on {machine.platform}")
    yield prose(", ".join(f"{name} {version}" for name, version in machine.packages.items() if version))
    yield from map(prose, dict.fromkeys(filter(None, (busy_note(study.load), *study.notes))))


# Terminal


def print_study(found: Study, console: Console) -> None:
    """Print the rows of a study, in tables that fit 80 columns, and its notes."""
    console.print(Text.assemble(safe(found.reference.path), " on ", safe(found.dataset.name), f", {found.dataset.images} images"))
    accuracy = table("configuration", *(title.replace("AP ", "AP\n") for title in NUMBERS.values()))
    cost = table("configuration", "median\nms", "p95\nms", "images\n/s", "MB", "images\nagree", "detections\nmatched", "gate", gap=1)
    for row in found.rows:
        accuracy.add_row(safe(row.id), *(number(getattr(row.metrics, name), ".4f") for name in NUMBERS))
        values = (number(getattr(row, name), FORMS[name]) for name in COSTS)
        cost.add_row(safe(row.id), *values, *(part.split(" (")[0] for part in agreement(row)))
    console.print(titled("Accuracy (COCO, from 0 to 1)", accuracy))
    runs = f"{found.protocol.runs_per_image} runs in turn on each image"
    console.print(titled(f"Latency of the network alone, {runs}; size; parity with PyTorch at the same size", cost))
    for line in note_lines(found.notes):
        console.print(line)
