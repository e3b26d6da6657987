"""``parity history``: what earlier gates found, and whether it drifts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from parity import arguments
from parity.commands.running import show
from parity.errors import UsageError
from parity.report.output import check_picture, check_target

if TYPE_CHECKING:
    from parity.history import Entry

# ruff: noqa: PLC0415 - NumPy and its kin load for half a second, and --help must not wait for them
NAMES_SHOWN = 10


def history(
    file: arguments.HistoryFile,
    *,
    config: arguments.OnlyConfig = None,
    data: arguments.OnlyData = None,
    last: arguments.LastRuns = None,
    as_one: arguments.AsOne = False,
    plot: arguments.Plot = None,
    json: arguments.Json = None,
    fail_on_drift: arguments.FailOnDrift = False,
) -> int:
    """What earlier runs of gate --history found: a row for each, and which measures drift over the checkpoints."""
    check_target(json, inputs=(file,))
    check_picture(plot, inputs=(file,))
    from parity.drift import history_of
    from parity.history_file import read_history
    from parity.report.history import print_history

    found = history_of(str(file), chosen(read_history(file), config=config, data=data, last=last), as_one=as_one)
    if plot is not None:
        from parity.report.history_chart import write_history_chart

        write_history_chart(plot, found)
    show(found, json, print_history)
    return int(fail_on_drift and found.worse)


def chosen(entries: Sequence[Entry], *, config: str | None, data: str | None, last: int | None) -> list[Entry]:
    """The rows of a configuration and a data set, of the latest runs; raises ``UsageError`` where there are none of that name."""
    kept = named(entries, "--config", config, lambda entry: (entry.config, entry.setting))
    kept = named(kept, "--data", data, lambda entry: (entry.dataset.name, entry.dataset.sha256))
    runs = list(dict.fromkeys(entry.run for entry in kept))
    latest = set(runs if last is None else runs[-last:])
    return [entry for entry in kept if entry.run in latest]


def named(entries: Iterable[Entry], option: str, name: str | None, names: Callable[[Entry], tuple[str, str]]) -> list[Entry]:
    """The rows that bear a name."""
    rows = list(entries)
    kept = [entry for entry in rows if name is None or name in names(entry)]
    if rows and not kept:
        there = list(dict.fromkeys(names(entry)[0] for entry in rows))
        raise UsageError(f"no run of this {option}", found=name, expected=in_words(there))
    return kept


def in_words(names: Sequence[str]) -> str:
    """A few names, in printable characters."""
    from parity.display import display

    return ", ".join(map(display, names[:NAMES_SHOWN])) + (", ..." if len(names) > NAMES_SHOWN else "")
