"""What becomes of a stored result: the old baseline beside the new, and every value in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from parity.baselines import Baseline, baseline_files, load_baseline, read_baseline
from parity.errors import BaselineError, UsageError
from parity.metrics import METRIC_NAMES
from parity.spec import STRICT
from parity.verdict import Verdict
from parity.wire import to_plain

Value = float | str | None
INFORMATION = frozenset({"environment", "latency_ms"})  # what may differ between two runs of the same


class State(StrEnum):
    """What a revision does to a file."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after; ``part`` is the field of a baseline that it belongs to."""

    part: str
    name: str
    old: Value
    new: Value
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Revision:
    """One file: what it holds or held, and what would stand there; ``damage`` is why the old one cannot be read."""

    file: str
    old: Baseline | None
    new: Baseline | None
    damage: str | None = None
    __pydantic_config__ = STRICT

    @property
    def state(self) -> State:
        """What happens to the file; another environment or latency alone is no change."""
        if self.old is None or self.new is None:
            return State.ADDED if self.old is None else State.REMOVED
        return State.CHANGED if any(change.part not in INFORMATION for change in self.changes) else State.SAME

    @property
    def worth_storing(self) -> bool:
        """Whether the file would say anything new; every run has another latency."""
        return self.new is not None and any(change.part != "latency_ms" for change in self.changes)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every value that differs."""
        return tuple(change for change in self.values if change.old != change.new)

    @property
    def values(self) -> tuple[Change, ...]:
        """Every value of either side, the metrics first."""
        old, new = (dict(parts(side)) for side in (self.old, self.new))
        return tuple(Change(*key, old.get(key), new.get(key)) for key in dict.fromkeys([*new, *old]))


@dataclass(frozen=True, slots=True)
class Revisions:
    """Several files, and what the gate said of the results that they would hold, ``None`` where none was run."""

    revisions: tuple[Revision, ...]
    verdict: Verdict | None = None
    notes: tuple[str, ...] = ()
    __pydantic_config__ = STRICT

    @property
    def differ(self) -> bool:
        """Whether anything changes."""
        return any(each.state is not State.SAME for each in self.revisions)


def parts(baseline: Baseline | None) -> Iterator[tuple[tuple[str, str], Value]]:
    """Every value of a baseline by its part and name; none of none."""
    if baseline is None:
        return
    plain = to_plain(baseline)
    yield from ((("metrics", name), plain["metrics"][name]) for name in METRIC_NAMES)
    yield from (((name, name), plain[name]) for name in ("detections", "precision", "latency_ms"))
    for part in ("identity", "environment"):
        yield from (((part, name), value) for name, value in leaves(plain[part]))


def leaves(plain: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """The values of an object; those of one within it by their own names, and lists as people write them."""
    for name, value in plain.items():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield name, " ".join(map(str, value)) if isinstance(value, list) else value


def revision(file: Path, fresh: Baseline) -> Revision:
    """A fresh result for a file; where that is damaged, the damage is said, since an update is what repairs it."""
    try:
        return Revision(str(file), load_baseline(file), fresh)
    except BaselineError as damaged:
        return Revision(str(file), None, fresh, str(damaged).partition("\n")[0])


def compare_stored(old: Path, new: Path) -> Revisions:
    """Two files, or two folders file by file; raises ``BaselineError`` for a damaged one."""
    for path in (old, new):
        if not path.exists():
            raise UsageError("no such baseline", file=path, expected="a file or folder of stored results")
    if old.is_dir() != new.is_dir():
        raise UsageError("a file does not compare with a folder", found=f"{old} and {new}", expected="two files or two folders")
    if not old.is_dir():
        return Revisions((Revision(str(new), read_baseline(old), read_baseline(new)),))
    names = sorted({path.name for folder in (old, new) for path in baseline_files(folder)})
    return Revisions(tuple(Revision(str(new / name), load_baseline(old / name), load_baseline(new / name)) for name in names))


def in_words(each: Revision) -> str:
    """The metrics that change, old → new, on one line."""
    changed = [change for change in each.changes if change.part == "metrics"]
    return ", ".join(f"{change.name} {shown(change.old)} → {shown(change.new)}" for change in changed) or "no change in the metrics"


def shown(value: Value) -> str:
    """A value for people."""
    if value is None:
        return "none"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
