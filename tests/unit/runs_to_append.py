"""Append runs to one history in child processes: several at once, or one that is killed at a random moment, over and over.

Run as ``python runs_to_append.py FILE together|killed CHILDREN whole|naive``; prints JSON.
It forks, so that nothing heavy is imported anew.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

from oracles.histories import run

from parity.history_file import append, check_history, read_history

ROWS = run(0, ids=("a-onnx-640", "b-onnx-640", "c-onnx-640"))
EACH = 10  # runs of a child
LONGEST = 0.05  # seconds that a child lives


def append_run(path: Path, name: str) -> None:
    """Append one run of three configurations."""
    append(path, [replace(row, run=name) for row in ROWS])


def append_naively(path: Path, name: str) -> None:
    """What a program does that thinks of no end but its own: a row at a time."""
    for row in ROWS:
        append(path, [replace(row, run=name)])


WRITERS = {"whole": append_run, "naive": append_naively}


def together(path: Path, children: int, write: Callable[[Path, str], None]) -> None:
    """Let children append at once."""
    started = []
    for number in range(children):
        child = os.fork()
        if child == 0:
            for turn in range(EACH):
                write(path, f"{number}-{turn}")
            os._exit(0)
        started.append(child)
    for child in started:
        _, status = os.waitpid(child, 0)
        assert status == 0


def killed(path: Path, children: int, write: Callable[[Path, str], None]) -> None:
    """Kill children one after the other while they append, and append one run after each."""
    chance = random.Random(7)  # noqa: S311 - not for secrets
    for number in range(children):
        child = os.fork()
        if child == 0:
            for turn in count():
                write(path, f"killed-{number}-{turn}")
        time.sleep(chance.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        check_history(path, inputs=())
        append_run(path, f"after-{number}")


def main(path: Path, way: str, children: int, writer: str) -> None:
    """Print what the file then holds: how many runs of how many rows, in which state it is, and what else lies there."""
    {"together": together, "killed": killed}[way](path, children, WRITERS[writer])
    rows = Counter(entry.run for entry in read_history(path))
    with closing(sqlite3.connect(path)) as connection:
        ((state,),) = connection.execute("PRAGMA integrity_check").fetchall()
    after = sum(name.startswith("after") for name in rows)
    files = sorted(file.name for file in path.parent.iterdir())
    found = {"state": state, "runs": len(rows), "rows of a run": sorted(set(rows.values())), "after": after, "files": files}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
