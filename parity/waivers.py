"""Waivers: checks that are known not to pass, accepted by somebody, for a reason, until a day. A waived check is never a pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from fnmatch import fnmatchcase

from parity.verdict import Check, Status

OPEN = frozenset({Status.FAIL, Status.INCONCLUSIVE})  # what can be waived
NEVER = frozenset({"images", "finite", "evidence", "repeatable"})  # without these there is no evidence, and so no result


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who accepts which check, of which configurations (a glob), why, and the last day that holds."""

    check: str
    config: str
    reason: str
    owner: str
    expires: date

    def names(self, check: Check) -> bool:
        """Whether it is for this check."""
        return self.check == check.name and fnmatchcase(check.config, self.config)

    def holds(self, today: date) -> bool:
        """Whether its last day has not gone by."""
        return today <= self.expires


class Use(Enum):
    """What a waiver does in one run, and what a reader should know of it."""

    WAIVES = ""
    UNMADE = "its check was not made"
    NEEDLESS = "its check passes: remove it"
    EXPIRED = "it has expired and its check passes: remove it"
    UNMATCHED = "no check of this run is so named: correct or remove it"


def waive(checks: Iterable[Check], waivers: Sequence[Waiver], *, today: date) -> tuple[Check, ...]:
    """The checks; those that are waived say by whom, until when and why, and those whose waiver has expired say so."""
    return tuple(waived(check, [waiver for waiver in waivers if waiver.names(check)], today=today) for check in checks)


def waived(check: Check, waivers: Sequence[Waiver], *, today: date) -> Check:
    """One check under the waivers that are for it."""
    if check.status not in OPEN or check.name in NEVER or not waivers:
        return check
    holding = [waiver for waiver in waivers if waiver.holds(today)]
    if holding:
        said = f"waived by {holding[0].owner} until {holding[0].expires}: {holding[0].reason}"
        return replace(check, status=Status.WAIVED, detail="; ".join(filter(None, (said, check.detail))))
    latest = max(waivers, key=lambda waiver: waiver.expires)
    said = f"its waiver by {latest.owner} expired on {latest.expires}"
    return replace(check, detail="; ".join(filter(None, (said, check.detail))))


def waiver_notes(checks: Sequence[Check], waivers: Sequence[Waiver], *, today: date, whole: bool = True) -> Iterator[str]:
    """Which waivers do nothing, of checks as they were before; ``whole``: all that the waivers may be for was judged."""
    for waiver in waivers:
        use = use_of(waiver, checks, today=today)
        if use is not Use.WAIVES and (whole or use is not Use.UNMATCHED):
            yield f"waiver of {waiver.check} for {waiver.config} by {waiver.owner} until {waiver.expires}: {use.value}"


def use_of(waiver: Waiver, checks: Sequence[Check], *, today: date) -> Use:
    """What a waiver does with these checks; an expired one whose check does not pass is said beside that check."""
    statuses = {check.status for check in checks if waiver.names(check)}
    if statuses & OPEN:
        return Use.WAIVES
    if Status.PASS in statuses:
        return Use.NEEDLESS if waiver.holds(today) else Use.EXPIRED
    return Use.UNMADE if statuses else Use.UNMATCHED
