"""The table of `parity quantize`: what each number of layers in float costs and gains."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from parity.quantize import Quantization
from parity.report.terminal import safe, table, titled
from parity.report.text import check_blocks, interval, note_lines, number
from parity.request import size_label
from parity.verdict import Status, Verdict

STYLES = {Verdict.PASS: "bold green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}


def print_quantization(found: Quantization, console: Console) -> None:
    """Print what was tried, what the chosen file lacks, and where it is."""
    calibration = found.quantisation.calibration
    judged = f", judged on {found.dataset.images} images of "
    console.print(Text.assemble(safe(found.checkpoint.path), judged, safe(found.dataset.name)))
    console.print(Text.assemble(f"calibrated on {calibration.images} images: ", safe(calibration.source)))
    console.print(trade_off(found))
    open_checks = [check for check in found.checks if check.status in {Status.FAIL, Status.INCONCLUSIVE}]
    for block in check_blocks(open_checks, total=1):
        console.print(block)
    for line in note_lines(found.notes):
        console.print(line)
    for text in closing(found):
        console.print(text)


def trade_off(found: Quantization) -> RenderableType:
    """A row for each number of layers in float that was tried."""
    made = found.quantisation
    columns = ("AP", "drop", "95 % interval", "faster\nby", "95 %\ninterval", "file\nMB", "verdict")
    rows = table("layers\nin float", *columns, gap=1)  # 80 columns, as a terminal has
    for step in made.steps:
        in_float = f"{len(made.always_float) + step.returned} of {made.layers}"
        speed = f"{step.speedup_ci95[0]:.2f}-{step.speedup_ci95[1]:.2f}"
        numbers = (number(step.ap, ".4f"), number(step.drop, "+.4f"), interval(step.drop_ci95), f"{step.speedup:.2f}x", speed)
        rows.add_row(in_float, *numbers, f"{step.size_mb:.1f}", step.verdict)
    allowed = f"a drop of AP of {made.budget:g} is allowed"
    return titled(f"INT8 for {found.target} at {size_label(found.imgsz)} against its float32; {allowed}", rows)


def closing(found: Quantization) -> Iterator[Text]:
    """The verdict, and what there is to ship."""
    yield Text.assemble("verdict: ", (str(found.verdict), STYLES[found.verdict]))
    if found.file is None:
        yield Text("nothing was written: no file with most layers in INT8 keeps the budget; give a larger --budget, or other images")
    elif found.released:
        yield Text.assemble("released: ", safe(found.file))
    else:
        yield Text.assemble("not released: ", safe(found.file), "; these images cannot tell whether it keeps the budget: judge it by more")
