"""What a gate says to the CI that runs it: a summary for the page of the job, and annotations.

Nothing here changes a verdict: what cannot be written is said on stderr.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from parity.display import display

SUMMARY, ACTIONS = "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"  # a file to append to; set to "true" in GitHub Actions
LARGEST = 1_048_576  # bytes: of a larger file GitHub shows nothing at all


def append_summary(text: str, environ: Mapping[str, str]) -> str | None:
    """Append Markdown to the summary of the job, if there is one; what went wrong, if anything did."""
    if not environ.get(SUMMARY):
        return None
    target, content = Path(environ[SUMMARY]), text.encode(errors="backslashreplace")
    try:
        if target.exists() and target.stat().st_size + len(content) > LARGEST:
            return f"{SUMMARY}: {display(target)} is full: nothing was added"
        with target.open("ab") as file:
            file.write(content)
    except (OSError, ValueError) as failure:  # the second: a path with a null in it
        return f"{SUMMARY}: {display(target)} cannot be written: {display(failure)}"
    return None


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether anybody reads a summary or annotations."""
    return bool(environ.get(SUMMARY)) or is_annotated(environ)


def is_annotated(environ: Mapping[str, str]) -> bool:
    """Whether a runner reads workflow commands in what is printed."""
    return environ.get(ACTIONS) == "true"


@contextmanager
def no_commands(environ: Mapping[str, str]) -> Iterator[None]:
    """Let a runner read no command in what is printed meanwhile on stdout: a class may be called ``::add-mask::e``."""
    if not is_annotated(environ):
        yield
        return
    token = secrets.token_hex(16)  # nobody who names a class knows it
    write_line(f"::stop-commands::{token}")
    try:
        yield
    finally:
        write_line(f"::{token}::")


def write_line(text: str) -> None:
    """One line on stdout, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
