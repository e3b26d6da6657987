"""What a gate found as Markdown, for the page that GitHub shows of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parity.report.figures import interval, signed
from parity.report.markdown import cell, prose
from parity.report.next_steps import next_step
from parity.report.text import UNDEFINED, number
from parity.report.words import OPEN, Judged, amount, floors, of_status, reason, told_causes, unexplained
from parity.verdict import Check, ConfigResult, Diagnosis, Result, Verdict

MOST_ROWS = 40  # of each table: with names as long as they may be, still below the 1 MiB that GitHub shows of a step
MOST_CAUSES = 10
COLUMNS = {
    "configuration": ":---",
    "images agree": "---:",
    "matched": "---:",
    "missed, ghosts": "---:",
    "AP reference": "---:",
    "AP candidate": "---:",
    "change, 95 % interval": "---:",
    "ms, reference and candidate": "---:",
    "faster by, 95 % interval": "---:",
}
CHECKS = {"": ":---", "check": ":---", "configuration": ":---", "measured": "---:", "limit": "---:", "noise": "---:", "cause": ":---"}


def summary(result: Judged, title: str) -> str:
    """The verdict and its reason, the configurations, what did not pass and why, and what to do; ``title`` is what was gated."""
    parts = (head(result, title), configurations(result.configs), open_checks(result), causes(result), todo(result))
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n\n"


def title_of(result: Result) -> str:
    """What a gate has judged, on which images."""
    return f"{result.reference.path} on {result.dataset.name}, {result.dataset.images} images"


def head(result: Judged, title: str) -> Iterator[str]:
    """The verdict and its reason."""
    yield f"## Parity: {result.verdict.upper()}"
    yield ""
    yield f"**{prose(reason(result))}**"
    yield ""
    yield prose(title)


def configurations(configs: Sequence[ConfigResult]) -> Iterator[str]:
    """A row for each configuration."""
    if configs:
        yield from table(COLUMNS, [[*configuration(config)] for config in configs])


def configuration(config: ConfigResult) -> Iterator[str]:
    """One configuration: how it agrees, its accuracy and its latency, a dash for what is not known."""
    counts, metrics, latency = config.parity, config.metrics, config.latency_ms
    yield cell(config.id)
    yield f"{counts.images_agreeing}/{counts.images}"
    yield f"{counts.matched}/{counts.reference_detections}"
    yield f"{counts.missed}, {counts.ghosts}"
    sides = (metrics.reference.AP, metrics.candidate.AP) if metrics else (None, None)
    yield from (number(side, ".4f") for side in sides)
    yield ap_change(config)
    if latency is None:
        yield from (UNDEFINED, UNDEFINED)
    else:
        yield on_one_line(f"{latency.reference.median:.1f}, {latency.candidate.median:.1f}")
        yield f"{latency.speedup.value:.2f}x {on_one_line('({:.2f} to {:.2f})'.format(*latency.speedup.ci95))}"


def ap_change(config: ConfigResult) -> str:
    """How far AP of the candidate is from the reference's, and how sure that is."""
    if config.metrics is None:
        return UNDEFINED
    delta = config.metrics.delta["AP"]
    return signed(delta.value) if delta.ci95 is None else f"{signed(delta.value)} {on_one_line(f'({interval(delta.ci95)})')}"


def on_one_line(numbers: str) -> str:
    """Numbers that are not torn apart where a table is narrow."""
    return numbers.replace(" ", "&nbsp;")


def open_checks(result: Judged) -> Iterator[str]:
    """A row for every check that failed or is inconclusive."""
    found = of_status(result, *OPEN)
    if found:
        yield "### Checks that did not pass"
        yield ""
        yield from table(CHECKS, [open_check(check, result.diagnosis) for check in found])


def open_check(check: Check, diagnosis: Sequence[Diagnosis]) -> list[str]:
    """One check: measured, limit, and the causes that were named in its configuration."""
    measured = "no number" if check.measured is None else amount(check.measured)
    limit = UNDEFINED if check.limit is None else amount(check.limit)
    named = ", ".join(cause.fault for cause in diagnosis if cause.config == check.config)
    return [check.status, cell(check.name), cell(check.config), measured, limit, floors(check), cell(named)]


def causes(result: Judged) -> Iterator[str]:
    """The named causes with their evidence and what to do about them."""
    told = told_causes(result)
    if not told:
        return
    yield "### Causes"
    yield ""
    for cause, configs in told[:MOST_CAUSES]:
        yield f"- **{prose(cause.title)}** of {prose(configs)}"
        yield f"  - {prose(cause.message)}"
        yield f"  - evidence: {prose(cause.evidence)}"
        yield f"  - next: {prose(cause.fix)}"
    if len(told) > MOST_CAUSES:
        yield f"- and {len(told) - MOST_CAUSES} more"


def todo(result: Judged) -> Iterator[str]:
    """What to do about what has no cause with advice of its own; nothing where all passed."""
    if result.verdict is Verdict.PASS:
        return
    steps = dict.fromkeys((check.name, next_step(check)) for check in unexplained(result))
    yield "### Next"
    yield ""
    yield from (f"- {cell(name)}: {prose(step)}" for name, step in steps)
    yield r"- `parity gate` with the same options and `--report report.html` shows the images that differ"


def table(columns: dict[str, str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of cells that are safe already; how many rows are left out is said below it."""
    yield line([*columns])
    yield line([*columns.values()])
    yield from map(line, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        yield ""
        yield f"and {len(rows) - MOST_ROWS} more, which the result JSON has"


def line(cells: Sequence[str]) -> str:
    """One row."""
    return f"| {' | '.join(cells)} |"
