"""Waivers as they are written: ``[[tool.parity.waivers]]`` in a pyproject.toml, or in a file of that form."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from parity.errors import UsageError
from parity.project_file import WAIVERS, WRITTEN, parity_table
from parity.verdict import CHECK_NAMES
from parity.waivers import NEVER, Waiver

KINDS: dict[str, type] = {"check": str, "config": str, "reason": str, "owner": str, "expires": date}
NEEDED = 'check = "...", config = "...", reason = "...", owner = "...", expires = 2027-01-31'
LONGEST = timedelta(days=366)  # a year, leap years too: somebody has to accept it anew, so that nothing is waived for ever


def read_waivers(path: Path, *, today: date) -> tuple[Waiver, ...]:
    """The waivers of a file; raises ``UsageError`` that names the file and the entry, also of one that holds too long after ``today``."""
    entries = parity_table(path).get(WAIVERS, [])
    if not isinstance(entries, list):
        raise UsageError("waivers are a list of tables", file=path, found=type(entries).__name__, expected=WRITTEN)
    return tuple(waiver_of(entry, f"waiver {place}", path, today=today) for place, entry in enumerate(entries, 1))


def waiver_of(entry: Any, place: str, path: Path, *, today: date) -> Waiver:
    """One waiver; all of it is needed, since one without a reason, an owner or an end would never go away."""
    if not isinstance(entry, dict):
        raise UsageError(f"{place} is no table", file=path, found=entry, expected=NEEDED)
    place = f"{place} ({entry['check']})" if isinstance(entry.get("check"), str) else place
    unknown, missing = sorted(set(entry) - set(KINDS)), [name for name in KINDS if name not in entry]
    if unknown:
        raise UsageError(
            f"{place} has an unknown key", file=path, found=unknown[0], expected=NEEDED, next_step=suggestion(unknown[0], KINDS)
        )
    if missing:
        raise UsageError(f"{place} has no {' and no '.join(missing)}", file=path, expected=NEEDED)
    for name, kind in KINDS.items():
        if type(entry[name]) is not kind or not str(entry[name]).strip():  # a date with a time is a date, and is refused
            expected = "a date such as 2027-01-31, without quotes" if kind is date else "a text"
            raise UsageError(f"{name} of {place} is none", file=path, found=repr(entry[name]), expected=expected)
    check_name(entry["check"], place, path)
    check_last_day(entry["expires"], place, path, today=today)
    return Waiver(**entry)


def check_last_day(expires: date, place: str, path: Path, *, today: date) -> None:
    """Raise ``UsageError`` for a waiver that nobody would look at again for longer than a year."""
    if expires - today > LONGEST:
        expected = f"a day up to {today + LONGEST}: a waiver holds for a year at most"
        raise UsageError(f"{place} holds too long", file=path, found=expires, expected=expected, next_step="renew it when it expires")


def check_name(name: str, place: str, path: Path) -> None:
    """Raise ``UsageError`` for a check that does not exist or cannot be waived."""
    if name in NEVER:
        reason = "a result without evidence is none"
        raise UsageError(f"{place}: this check cannot be waived: {reason}", file=path, found=name, next_step="remove the waiver")
    if name not in CHECK_NAMES:
        raise UsageError(f"{place}: there is no such check", file=path, found=name, next_step=suggestion(name, sorted(CHECK_NAMES - NEVER)))


def suggestion(name: str, known: Iterable[str]) -> str:
    """What was probably meant."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
