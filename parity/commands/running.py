"""What several commands do: make a request, run it with progress, show and write what was found."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from parity.errors import UsageError
from parity.options import parse_sizes, share
from parity.report.output import STDOUT, write_text
from parity.request import GateRequest
from parity.runs.options import RunOptions

if TYPE_CHECKING:
    from rich.console import Console

    from parity.gate import Shown
    from parity.verdict import Result

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them

T = TypeVar("T")


def basic_request(
    model: Path,
    *,
    imgsz: list[str] | None,
    conf: float | None,
    iou: float | None,
    limit: int | None,
    seed: int,
    trust: list[str] | None,
    threads: int | None,
    end_to_end: bool,
    spec: Path | None,
    cut: float | None = None,
    evidence: Path | None = None,
) -> GateRequest:
    """A request with the options that several judging commands have."""
    return GateRequest(
        model,
        sizes=parse_sizes(imgsz),
        confidence=share("--conf", conf),
        iou=share("--iou", iou),
        limit=limit,
        seed=seed,
        trusted=frozenset(trust or ()),
        threads=threads,
        end_to_end=end_to_end,
        candidate_spec=spec,
        candidate_confidence=share("--candidate-conf", cut),
        evidence=evidence,
    )


def judged(request: GateRequest) -> Result:
    """Run the gate with progress."""
    from parity.report.terminal import progress

    with progress() as follow:
        from parity.gate import run_gate  # which loads for seconds

        return run_gate(request, track=follow)


def shown(request: GateRequest) -> Shown:
    """Run the gate with progress, and keep what a report shows."""
    from parity.report.terminal import progress

    with progress() as follow:
        from parity.gate import run_with_exhibits  # which loads for seconds

        return run_with_exhibits(request, track=follow)


def show(found: T, json: Path | None, print_tables: Callable[[T, Console], None]) -> None:
    """Write JSON where it was asked for, and print tables unless stdout is taken."""
    from parity.report.ci import no_commands
    from parity.report.terminal import stdout_console
    from parity.wire import to_json

    if json is not None:
        write_text(to_json(found, indent=2) + "\n", json)
    if json != STDOUT:
        with no_commands(os.environ):
            print_tables(found, stdout_console())


def tell_ci(result: Result) -> None:
    """Append to the summary of a CI job, and annotate it; on stderr, since stdout may be JSON."""
    from parity.report.annotations import annotated
    from parity.report.ci import SUMMARY, append_summary, is_annotated
    from parity.report.summary import summary, title_of

    title = title_of(result)
    problem = append_summary(summary(result, title), os.environ) if os.environ.get(SUMMARY) else None
    said = annotated(result, title) if is_annotated(os.environ) else []
    for line in (*said, *([] if problem is None else [f"note: {problem}"])):
        sys.stderr.write(f"{line}\n")


def run_directory(command: str, options: RunOptions) -> int:
    """Convert or evaluate a run, and print what was made."""
    from parity.report.runs import print_outcome
    from parity.report.terminal import progress
    from parity.runs import workflow

    work = {"convert": workflow.convert_and_compare, "evaluate": workflow.evaluate_or_compare}[command]
    with progress() as follow:
        outcome = work(options, track=follow)
    show(outcome, None, print_outcome)
    return 0


def refuse_others(ctx: typer.Context, known: frozenset[str]) -> None:
    """Raise ``UsageError`` for options that were given and would be ignored."""
    given = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    others = [f"--{name.replace('_', '-')}" for name in given if name not in known]
    if others:
        expected = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(known - {"checkpoint", "model"}))
        raise UsageError(f"{', '.join(others)} does not apply here", expected=expected)
