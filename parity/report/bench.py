"""The tables of `parity bench`, one for each setting."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from parity.bench import Bench, BenchRow, BenchSetting
from parity.environment import busy_note
from parity.latency import FOR_P95, FOR_P99, Speedup
from parity.report.terminal import safe, table, titled
from parity.report.text import UNDEFINED, note_lines, number


def print_bench(found: Bench, console: Console) -> None:
    """Print a table for each setting, and what its numbers are."""
    images = "1 image" if found.images == 1 else f"{found.images} images"
    console.print(Text.assemble(safe(found.reference.path), f": the network alone, without preprocessing and NMS; {images}"))
    for one in found.settings:
        console.print(setting_table(one))
    console.print(f"\n{found.environment.processor}, {found.environment.processors} processors.")
    for line in note_lines((*readings(found), *found.notes)):
        console.print(line)
    warning = busy_note(found.load)
    if warning:
        console.print(Text(warning, style="yellow"))


def setting_table(found: BenchSetting) -> RenderableType:
    """A row for each network; the channels-last column only where PyTorch was timed."""
    both = any(row.channels_last_speedup for row in found.rows)
    columns = ("file\nMB", "p50\nms", "p95\nms", "p99\nms", "images\n/s", "size", "time", "times as fast\nas the first")
    rows = table("", *columns, *(["as channels_\nlast PyTorch"] if both else []), gap=1)
    for row in found.rows:
        ratios = (row.speedup, row.channels_last_speedup)[: 1 + both]
        rows.add_row(safe(title_of(row)), *measured(row), *(ratio(each) for each in ratios))
    feigned = f"differences below {100 * found.feigned:.1f} % cannot be told apart here"
    return titled(f"{found.setting}: {found.runs} runs in turn; {feigned}", rows)


def title_of(row: BenchRow) -> str:
    """The name, and what kind of file it is."""
    return row.name if row.shape is None else f"{row.name}, {row.shape}"


def measured(row: BenchRow) -> Iterator[str]:
    """Size, times, images a second, and the changes against the first row as people quote them."""
    yield from (number(value, ".1f") for value in (row.size_mb, row.median_ms, row.p95_ms, row.p99_ms, row.fps))
    yield from (f"{value:+.0f} %" for value in (row.size_change_percent, row.time_change_percent))


def ratio(found: Speedup | None) -> str:
    """A speedup and its interval."""
    return UNDEFINED if found is None else f"{found.value:.2f} {found.ci95[0]:.2f}-{found.ci95[1]:.2f}"


def readings(found: Bench) -> Iterator[str]:
    """How the columns are to be read, as far as these tables need it."""
    yield "each network ran alone in a process of its own, in turn with the others"
    yield "changes of size and time are against the first row; time and speedups (with 95 % intervals) are of turns, not of p50"
    if any(row.p99_ms is None for one in found.settings for row in one.rows):
        yield f"p95 takes {FOR_P95} runs and p99 {FOR_P99}: of fewer, none would lie beyond"
    if any(one.batch > 1 for one in found.settings):
        yield "milliseconds are of the whole batch, which holds one image as often as needed; images a second count each"
