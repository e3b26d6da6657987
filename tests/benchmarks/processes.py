"""Fresh processes, with the time and the memory that they took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
QUIET = {"PYTHONPATH": str(TESTS), "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took: seconds from start to end, megabytes at its largest, and the seconds inside its networks if it says."""

    seconds: float
    peak_mb: float
    inside_s: float | None


def spend(command: Sequence[object], *, log: Path, **variables: str) -> Spent:
    """Run a command to its end and measure it; its output goes to ``log``. Raises ``RuntimeError`` where it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | QUIET | variables
    with log.open("w", encoding="utf-8") as output:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *map(str, command)], stdout=output, stderr=output, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(encoding="utf-8")
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {said[-2000:]}")
    last = said.strip().splitlines()[-1] if said.strip() else ""
    inside = json.loads(last)["inside_s"] if last.startswith('{"inside_s"') else None
    return Spent(seconds, used.ru_maxrss / 1e3, inside)
