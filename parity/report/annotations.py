"""What a gate found as GitHub's annotations: workflow commands, one a line, which a runner reads on stdout and stderr alike.

How they are escaped is in GitHub's toolkit, packages/core/src/command.ts; what is escaped stays one command on one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parity.display import display_whole
from parity.report.next_steps import next_step
from parity.report.words import Judged, amount, of_status, reason, told_causes
from parity.verdict import Check, Status, Verdict

MOST = 10  # annotations of one kind that GitHub shows of a step
KINDS = {Status.FAIL: "error", Status.INCONCLUSIVE: "warning"}


def annotated(result: Judged, title: str) -> list[str]:
    """The verdict with its reason, every named cause, and every check that did not pass; nothing where the gate passed.

    ``title`` is what was gated. Where there are more than GitHub shows, the last says how many.
    """
    if result.verdict is Verdict.PASS:
        return []
    errors = [*causes(result), *checks(result, Status.FAIL)]
    warnings = [*checks(result, Status.INCONCLUSIVE)]
    kind = KINDS[Status(result.verdict)]
    first = command(kind, f"parity {result.verdict}", [reason(result), title])
    own, others = (errors, warnings) if kind == "error" else (warnings, errors)
    return [first, *fitting(own, kind, MOST - 1), *fitting(others, "warning", MOST)]


def causes(result: Judged) -> Iterator[str]:
    """An annotation for each named cause."""
    for cause, configs in told_causes(result):
        lines = (f"{configs}: {cause.message}", f"evidence: {cause.evidence}", f"next: {cause.fix}")
        yield command("error", f"parity cause: {cause.title}", lines)


def checks(result: Judged, status: Status) -> Iterator[str]:
    """An annotation for each check of a status."""
    for check in of_status(result, status):
        yield command(KINDS[status], f"parity {check.name}: {check.config}", said(check))


def said(check: Check) -> Iterator[str]:
    """A check in words: what was measured and allowed, what was seen, and what to do."""
    measured = "nothing that is a number" if check.measured is None else amount(check.measured)
    limit = "" if check.limit is None else f", limit {amount(check.limit)}"
    yield ", ".join(filter(None, (f"measured {measured}{limit} ({check.origin})", check.noise_floors)))
    yield from ("and more" if part == "…" else part for part in check.detail.split("; ") if part)
    yield f"next: {next_step(check)}"


def fitting(commands: Sequence[str], kind: str, most: int) -> Iterator[str]:
    """As many as are shown; the last says how many are not."""
    if len(commands) <= most:
        yield from commands
        return
    yield from commands[: most - 1]
    yield command(kind, "parity", [f"and {len(commands) - most + 1} more: see the summary or the log"])


def command(kind: str, title: str, lines: Iterator[str] | Sequence[str]) -> str:
    """One workflow command; in its title a colon or comma would end the value."""
    name = in_data(display_whole(title)).replace(":", "%3A").replace(",", "%2C")
    message = in_data("\n".join(map(display_whole, lines)))
    return f"::{kind} title={name}::{message}"


def in_data(text: str) -> str:
    """Text as the value of a command, where a per cent sign begins an escape and a line end ends the command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
