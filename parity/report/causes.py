"""The answer of ``parity diagnose``: why the candidate differs, configuration by configuration, before any number."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from parity.judging import asks_why
from parity.report.terminal import safe
from parity.report.text import STYLES, detections_table, diagnosis_blocks, headline, indented, note_lines, verdict_line
from parity.verdict import Check, ConfigResult, Result, Status, Verdict

AGREES = "both sides agree within the limits: there is nothing to explain"
UNNAMED = "nothing could be named: no fault that can be simulated was found, alone or with others, to give these detections"
NOT_SEARCHED = "nothing was searched for: what failed is no difference between detections"
NOT_SIMULATED = "nothing could be named: a reference of recorded detections cannot be simulated; give the checkpoint as --reference"


def print_diagnosis(result: Result, console: Console) -> None:
    """Print the causes of every configuration first, or that nothing could be named or need be; then how the detections pair up."""
    console.print(headline(result))
    for config in result.configs:
        for block in answer(result, config):
            console.print(block)
    table = detections_table(result)
    for block in (*([] if table is None else [table]), *note_lines(result.notes)):
        console.print(block)
    console.print(verdict_line(result))


def answer(result: Result, config: ConfigResult) -> Iterator[RenderableType]:
    """The causes of one configuration, or why there are none."""
    causes = [cause for cause in result.diagnosis if cause.config == config.id]
    own = [check for check in result.checks if check.config == config.id]
    failed, doubtful = (told(own, status) for status in (Status.FAIL, Status.INCONCLUSIVE))
    if causes:
        yield from diagnosis_blocks(causes)
    elif failed:
        yield from block("NOT NAMED", Verdict.FAIL, config, answer_text(result, config))
    elif doubtful:
        yield from block("INCONCLUSIVE", Verdict.INCONCLUSIVE, config, answer_text(result, config))
    else:
        yield from block("AGREES", Verdict.PASS, config, answer_text(result, config))


def answer_text(result: Result, config: ConfigResult) -> str:
    """Why a configuration has no named cause, in lines."""
    own = [check for check in result.checks if check.config == config.id]
    failed, doubtful = (told(own, status) for status in (Status.FAIL, Status.INCONCLUSIVE))
    if failed:
        return f"{why_unnamed(result, config, own)}\nfailed at: {failed}"
    return f"not enough evidence to explain anything: {doubtful}" if doubtful else AGREES


def why_unnamed(result: Result, config: ConfigResult, checks: list[Check]) -> str:
    """Why a configuration that failed has no named cause."""
    if not asks_why(checks, config.profile):
        return NOT_SEARCHED
    return NOT_SIMULATED if result.reference.family == "predictions" else UNNAMED


def told(checks: list[Check], status: Status) -> str:
    """The checks of a status with what was measured."""
    chosen = (check for check in checks if check.status is status)
    return ", ".join(check.name if check.measured is None else f"{check.name} ({check.measured:.4g})" for check in chosen)


def block(word: str, verdict: Verdict, config: ConfigResult, text: str) -> Iterator[RenderableType]:
    """One answer below its title."""
    yield Text()
    yield Text.assemble((word, STYLES[verdict]), "  ", safe(config.id))
    yield indented(Text("\n").join(map(safe, text.splitlines())))
