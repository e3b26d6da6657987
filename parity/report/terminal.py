"""The terminal: what is printed on it, what must not reach it, and progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, TextIO, TypeVar

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from parity.display import display_whole

T = TypeVar("T")
WIDTH_OF_A_LOG = 120  # columns, where the output is not a terminal and COLUMNS does not say


class Follow(Protocol):
    """A way to follow work: hands on the items while somebody watches."""

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterable[T]:
        """The same items; ``label`` says what is done with them."""


def stdout_console() -> Console:
    """What tables are printed with: no markup, no emoji, no colours of its own accord."""
    is_log = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(markup=False, emoji=False, highlight=False, width=WIDTH_OF_A_LOG if is_log else None)


def plain_console(file: TextIO) -> Console:
    """What a plain text file is written with."""
    return Console(file=file, force_terminal=False, color_system=None, markup=False, emoji=False, highlight=False, width=WIDTH_OF_A_LOG)


def safe(untrusted: object, style: str = "") -> Text:
    """Text that a terminal shows as it is, however long; ``display`` alone cuts what is longer than a name."""
    return Text(display_whole(untrusted), style=style, overflow="fold")


def table(*columns: str, left: int = 1, gap: int = 2) -> Table:
    """An empty table that folds and never crops; the first ``left`` columns hold words, the others numbers, ``gap`` cells apart."""
    empty = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False)
    for place, column in enumerate(columns):
        empty.add_column(column, justify="left" if place < left else "right", overflow="fold", vertical="bottom")
    return empty


def titled(title: str, content: RenderableType) -> RenderableType:
    """A title on its own line, as wide as the terminal and not as the table."""
    return Group(Text(), safe(title, "bold"), content)


@contextmanager
def progress(*, in_background: bool = True) -> Iterator[Follow]:
    """A way to follow long work on stderr, silent where that is not a terminal.

    What is drawn in the background takes time from what is running; otherwise it is drawn between two items.
    """
    if not sys.stderr.isatty():
        yield silent
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), Count(), Clock())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=in_background) as bars:
        yield Bars(bars)


class Bars:
    """A bar for each loop while it runs, a spinner for a single piece of work, and one for whatever is between them."""

    def __init__(self, bars: Progress) -> None:
        self.bars, self.running = bars, 0
        self.between = bars.add_task("opening", total=None)

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:
        """Hand on the items; a single one tells nothing of the time that is left."""
        self.running += 1
        self.bars.update(self.between, visible=False)
        task = self.bars.add_task(label, total=total if total > 1 else None)
        try:
            yield from self.bars.track(items, task_id=task, total=total) if total > 1 else items
        finally:
            self.running -= 1
            self.bars.remove_task(task)
            self.bars.reset(self.between, visible=not self.running, description="working")


class Count(MofNCompleteColumn):
    """How many of how many, where that is known."""

    def render(self, task: Task) -> Text:
        """Nothing for a spinner."""
        return Text() if task.total is None else super().render(task)


class Clock(TimeRemainingColumn):
    """The time that is left, and of a spinner the time since it began."""

    def render(self, task: Task) -> Text:
        """Hours, minutes and seconds."""
        return super().render(task) if task.total else Text(str(timedelta(seconds=int(task.elapsed or 0))))


def silent(items: Iterable[T], label: str, total: int) -> Iterable[T]:
    """Progress that nobody sees."""
    del label, total
    return items
