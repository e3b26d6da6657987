"""What a run of the suite adds to a history: one row for each configuration that was judged, by whichever process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from parity.display import display
from parity.errors import ParityError
from parity.gate import conclusion
from parity.history import Entry, entries_of, reason_of
from parity.history_file import append, entry_of, row_of
from parity.holding import unheld
from parity.judging import Outcome
from parity.open_gate import Gate
from parity.verdict import Check, conclude


def judged_row(gate: Gate, outcome: Outcome) -> list[object]:
    """A judged configuration as plain values, since they travel between processes."""
    result = conclusion(gate, [outcome], lambda gate, outcome: unheld(gate, outcome, "a test of its own holds it"), busy=None)
    (entry,) = entries_of(gate.request, result, time="")
    return list(row_of(entry))


def add_run(target: Path, rows: Iterable[Sequence[Any]], checks: Sequence[Check]) -> Iterator[str]:
    """Append a run, each configuration once, by the checks that the tests have made of it; say so, or why it was not."""
    run, time = uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
    try:
        entries = {entry.config: replace(entry, run=run, time=time) for entry in (entry_of((0, *row), source=target) for row in rows)}
        append(target, [answered(entry, [check for check in checks if check.config == name]) for name, entry in entries.items()])
    except ParityError as failure:
        yield f"this run was not added to the history: {failure}"
    else:
        yield f"added to the history {display(target)}: `parity history` lists it"


def answered(entry: Entry, checks: Sequence[Check]) -> Entry:
    """An entry with the verdict of the checks that tests have asked about; a cause that was named stays the reason."""
    return replace(entry, verdict=conclude(checks), reason=entry.reason or reason_of(checks, ())) if checks else entry
