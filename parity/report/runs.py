"""What `parity convert` and `parity eval` print of a run directory."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.text import Text

from parity.metrics import METRIC_NAMES
from parity.report.terminal import safe, table, titled
from parity.report.text import number
from parity.runs.comparison import COMPARED, RunComparison
from parity.runs.conversion import Conversion, agreement_text
from parity.runs.evaluation import Kept, RunEvaluation
from parity.runs.workflow import RunOutcome

STYLES = {"excellent": "green", "good": "yellow", "warning": "red"}


def print_outcome(outcome: RunOutcome, console: Console) -> None:
    """Print the conversion, the evaluations and the comparison, as far as there are any."""
    if outcome.conversion is not None:
        print_conversion(outcome.conversion, console)
    if outcome.evaluations:
        console.print(evaluation_table(outcome.evaluations))
        print_classes(outcome.evaluations[0].found, console)
        for kept in outcome.evaluations:
            console.print(Text.assemble("  ", safe(kept.folder), " (kept from before)" if kept.before else ""))
    if outcome.comparison is not None:
        print_comparison(outcome.comparison, console)
    if outcome.comparison_file is not None:
        console.print(Text.assemble("  ", safe(outcome.comparison_file)))


def print_conversion(made: Conversion, console: Console) -> None:
    """Where the file lies and how it was checked."""
    console.print(Text.assemble("converted: ", safe(made.file), f" ({made.file.stat().st_size / 1e6:.1f} MB)"))
    style = "" if made.agreement.compared else "yellow"
    console.print(Text.assemble("checked on ", safe(made.image), ": ", Text(agreement_text(made.agreement), style=style)))
    console.print(Text.assemble("summary: ", safe(made.summary)))


def evaluation_table(evaluations: tuple[Kept, ...]) -> RenderableType:
    """The twelve COCO numbers, a column for each model."""
    first = evaluations[0].found
    rows = table("", *(kept.found.side for kept in evaluations))
    for name in METRIC_NAMES:
        rows.add_row(name, *(number(getattr(kept.found.metrics, name), ".4f") for kept in evaluations))
    rows.add_row("detections", *(str(kept.found.detections) for kept in evaluations))
    cut = f"scores above {first.score_thresh:g}, at most {first.detections_per_img} an image, as the graph lets through"
    return titled(f"COCO numbers on {first.dataset.name}, {first.dataset.images} images; {cut}", rows)


def print_classes(found: RunEvaluation, console: Console) -> None:
    """The classes that only the data set or only the model has."""
    if found.only_dataset:
        console.print(Text.assemble("note: the model lacks these classes, whose objects lower AP: ", safe(", ".join(found.only_dataset))))
    if found.only_model:
        console.print(Text.assemble("note: only the model has these classes, which are not measured: ", safe(", ".join(found.only_model))))


def print_comparison(found: RunComparison, console: Console) -> None:
    """The differences and what they mean, or what is in the way of a comparison."""
    if not found.available:
        for absent in found.missing:
            console.print(Text.assemble(f"not compared: no {absent.evaluation} evaluation; next: ", safe(absent.command)))
        if not found.missing:
            console.print("not compared: the two evaluations are of different data")
        return
    rows = table("", "pytorch", "onnx", "difference")
    for name in COMPARED:
        sides = (number(getattr(side, name), ".4f") for side in (found.pytorch, found.onnx))
        rows.add_row(name, *sides, number(getattr(found.difference, name), "+.2g"))
    console.print(titled("ONNX against PyTorch, same images and ground truth", rows))
    largest, word = number(found.largest_absolute_difference, ".2g"), found.acceptability or ""
    console.print(Text.assemble(f"largest absolute difference {largest}: ", Text(word, style=STYLES.get(word, ""))))
