"""The tables of `parity eval`, `parity convert` and `parity doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from parity.backends.weight_files import size_in_bytes
from parity.convert.conversion import Converted
from parity.doctor import Checkup, State
from parity.evaluation import ModelEvaluation, SizeEvaluation
from parity.limits import MATCH_IOU
from parity.metrics import METRIC_NAMES
from parity.report.terminal import safe, table, titled
from parity.report.text import note_lines, number
from parity.request import size_label

STATE_STYLES = {State.OK: "green", State.TOO_OLD: "yellow", State.MISSING: "yellow", State.BROKEN: "red"}


def print_evaluation(found: ModelEvaluation, console: Console) -> None:
    """Print COCO's numbers at every size, then every class."""
    console.print(Text.assemble(safe(found.model.path), " on ", safe(found.dataset.name), f", {found.dataset.images} images"))
    console.print(coco_table(found))
    for one in found.sizes:
        console.print(class_table(one))
    for line in note_lines(found.notes):
        console.print(line)


def coco_table(found: ModelEvaluation) -> RenderableType:
    """The twelve COCO numbers and overall precision and recall, a column for each size."""
    rows = table("size", *(size_label(one.imgsz) for one in found.sizes))
    for name in METRIC_NAMES:
        rows.add_row(name, *(number(getattr(one.metrics, name), ".4f") for one in found.sizes))
    rows.add_row("P", *(number(one.precision, ".4f") for one in found.sizes))
    rows.add_row("R", *(number(one.recall, ".4f") for one in found.sizes))
    return titled("COCO numbers, from 0 to 1, and P and R at the deployed thresholds", rows)


def class_table(one: SizeEvaluation) -> RenderableType:
    """A row for each class of the data set."""
    rows = table("class", "objects", "P", "R", "AP50", "AP")
    for row in one.classes:
        values = (row.precision, row.recall, row.AP50, row.AP)
        rows.add_row(safe(row.name), str(row.objects), *(number(value, ".4f") for value in values))
    return titled(f"Classes at {size_label(one.imgsz)}; P and R at confidence {one.conf:g}, hits from IoU {MATCH_IOU:g}", rows)


def print_files(files: Sequence[Converted], console: Console) -> None:
    """Print every file that was exported and how it was checked."""
    for each in files:
        within = f"{each.tolerance.box_px:g} px and {each.tolerance.score:g} of score"
        check = f"checked against the checkpoint: same raw outputs on one image, within {within}"
        console.print(Text.assemble(safe(each.file), f"  {size_in_bytes(each.file) / 1e6:.1f} MB  {check}"))


def print_checkup(found: Checkup, console: Console) -> None:
    """Print what is installed and what is wrong, and what that means."""
    rows = table("package", "state", "version", "at least", "without it", left=5)
    for finding in found.findings:
        state = Text(finding.state.replace("_", " "), style=STATE_STYLES[finding.state])
        rows.add_row(finding.name, state, safe(finding.version or "-"), finding.least or "any", safe(finding.meaning))
    console.print(titled("Packages", rows))
    for line in machine_lines(found):
        console.print(line)
    console.print(Text("ready" if found.ready else "not ready: a required package is missing, broken or too old", style="bold"))


def machine_lines(found: Checkup) -> Iterator[Text]:
    """The machine in words."""
    machine = found.environment
    yield Text()
    yield safe(f"Python {machine.python} on {machine.platform}; {machine.processor}, {machine.processors} processors")
    yield safe(f"instruction sets: {', '.join(machine.instruction_sets) or 'unknown'}")
    yield safe(f"threads: {', '.join(f'{name} {count}' for name, count in found.threads.items())}")
