"""A contestant's process whose network is made up: it does what its name says.

Run as ``python -m made_up_worker`` by `parity.bench_process`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import numpy as np

from parity import bench_worker
from parity.backends.fake import FakeSession, Outputs
from parity.bench_worker import Task
from parity.errors import BadInput

ANSWER: Outputs = (np.zeros((1, 5, 84), np.float32),)


def prints() -> None:
    """Say something on both streams, as runtimes do."""
    os.write(1, b"said on stdout\n")
    sys.stdout.write("printed\n")
    os.write(2, b"said on stderr\n")


def crashes() -> None:
    """End as a runtime does that reads where it must not."""
    os.write(2, b"first line\nthe last words\n")
    os.abort()


BEHAVIOURS: dict[str, Callable[[], None]] = {
    "prints": prints,
    "crashes": crashes,
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leaves": lambda: os._exit(7),
    "hangs": lambda: sleep(600),
}


def opened(task: Task) -> FakeSession:
    """A network that behaves in every run but the first, which is to open; others sign the model's file before and after each run."""
    if task.name == "refuses":
        raise BadInput("is refused", file=task.model, found=f"{task.threads} threads", expected=f"{sorted(task.trusted)}", next_step="go")

    def run(_: np.ndarray) -> Outputs:
        if task.name in BEHAVIOURS:
            BEHAVIOURS[task.name]() if len(session.inputs) > 1 else None
            return ANSWER
        with Path(task.model).open("a", encoding="utf-8") as signed:
            signed.write(f"{task.name}<")
            signed.flush()
            sleep(0.005)
            signed.write(f"{task.name}>")
        return ANSWER

    session = FakeSession(run)
    return session


bench_worker.open_network = opened

if __name__ == "__main__":
    bench_worker.main()
