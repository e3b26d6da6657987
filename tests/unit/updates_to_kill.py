"""Update a baseline over and over in child processes, kill each at a random moment, and count what the file then holds.

Run as ``python updates_to_kill.py FOLDER KILLS whole|naive``; prints JSON. It forks, so that nothing heavy is imported anew.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

from parity.baselines import Baseline, Identity, read_baseline, write_baseline
from parity.environment import Environment
from parity.errors import BaselineError
from parity.files import UPDATING, kept_path
from parity.metrics import METRIC_NAMES, CocoMetrics
from parity.sealed import sealed_text

ENVIRONMENT = Environment("3.12.0", "Linux x86_64", "a processor", ("avx2",), 2, {"numpy": "2.0.0"})
IDENTITY = Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (640, 640))
OLD, NEW = (Baseline(IDENTITY, CocoMetrics(**dict.fromkeys(METRIC_NAMES, value)), 12, ENVIRONMENT) for value in (0.25, 0.5))
LONGEST = 0.03  # seconds that a child lives


def write_naively(path: Path, baseline: Baseline) -> None:
    """What a program does that thinks of no end but its own."""
    text = sealed_text("baseline", baseline)
    with path.open("w", encoding="utf-8") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        time.sleep(0.001)
        file.write(text[len(text) // 2 :])


WRITERS = {"whole": write_baseline, "naive": write_naively}


def kill_one(path: Path, writer: str, lives: float) -> None:
    """Let a child update the file, at first to what it does not hold, until it is killed."""
    order = (NEW, OLD) if holds(path) == "old" else (OLD, NEW)
    child = os.fork()
    if child == 0:
        for baseline in cycle(order):
            WRITERS[writer](path, baseline)
    time.sleep(lives)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def holds(path: Path) -> str:
    """Which of the two baselines a file holds, if any."""
    try:
        return {0.25: "old", 0.5: "new"}[read_baseline(path).metrics.AP]
    except BaselineError:
        return "neither"


def main(folder: Path, kills: int, writer: str) -> None:
    """Print how often the file held which, and what was left over."""
    path, chance = folder / "a.json", random.Random(5)  # noqa: S311 - not for secrets
    write_baseline(path, OLD)
    write_baseline(path, NEW)
    held, kept, strays = Counter(), Counter(), 0
    for _ in range(kills):
        kill_one(path, writer, chance.uniform(0, LONGEST))
        held[holds(path)] += 1
        kept[holds(kept_path(path))] += 1
        strays += bool(list(folder.glob(f"{UPDATING}*")))
    write_baseline(path, NEW)
    files = sorted(file.name for file in folder.iterdir())
    found = {"held": held, "kept": kept, "strays": strays, "files": files, "at last": holds(path), "torch": "torch" in sys.modules}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
