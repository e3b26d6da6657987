"""JSON output: where it may go, and a file that is written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from parity.errors import UsageError

STDOUT = Path("-")


def check_target(target: Path | None, *, inputs: Iterable[Path | None]) -> None:
    """Raise ``UsageError`` before any work for a target that cannot be written or is one of the inputs."""
    if target is None or target == STDOUT:
        return
    if target.suffix.lower() != ".json" or target.name.endswith(".parity.json"):
        raise UsageError("--json needs a file of its own", found=target, expected="a name that ends in .json, or - for stdout")
    if target.is_dir() or not target.resolve().parent.is_dir():
        raise UsageError("--json cannot be written", found=target, expected="a file in a folder that exists")
    for path in inputs:
        if path is not None and target.exists() and path.exists() and target.samefile(path):
            raise UsageError("--json would overwrite an input", found=target, expected="another file")


def write_json(text: str, target: Path) -> None:
    """Write JSON text to a file, whole or not at all, or to stdout."""
    if target == STDOUT:
        sys.stdout.write(f"{text}\n")
        return
    place = target.resolve()  # through a link, to what it names
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".parity-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
        Path(temporary).chmod(0o644)
        Path(temporary).replace(place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
