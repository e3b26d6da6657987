"""The program of one contestant of `parity bench`: a network alone in a process, as it is deployed.

``python -m parity.bench_worker`` reads one line of JSON that says what to open, and then one for every turn; it answers each with a line,
sleeps in between, and ends with its input, in the middle of a run if need be, so that it does not outlive whoever started it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import Precision, Session, Shape, open_session
from parity.backends.image_input import arranged
from parity.errors import BadInput, ParityError
from parity.latency import milliseconds, torch_held_at
from parity.models import is_checkpoint, load_checkpoint
from parity.spec import STRICT
from parity.wire import from_json, to_json

SETTLING = 1  # runs before those that are timed: after others' turns, the caches hold their weights and the threads are asleep
BENCH = "the bench"
ENCODING = "utf-8"  # of all lines, whatever the system's is


@dataclass(frozen=True, slots=True)
class Task:
    """Which network to open, and how; ``tensors`` is an ``.npz`` of network inputs (batch, 3, H, W), ``trusted`` as of a checkpoint."""

    name: str
    model: str
    tensors: str
    threads: int
    channels_last: bool
    trusted: frozenset[str]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Turn:
    """To run on the tensor at a place, and how often after settling."""

    tensor: int
    runs: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Opened:
    """What an open network says of itself."""

    backend: str
    precision: Precision
    input_shape: Shape | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each run of a turn."""

    milliseconds: tuple[float, ...]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that is to be raised where the bench runs; ``kind`` is the name of its class."""

    kind: str
    message: str
    __pydantic_config__ = STRICT


Answer = Opened | Times | Failure


def main() -> None:
    """Answer on stdout what is asked on stdin; what anything else writes there goes to stderr."""
    answers = taken_stdout()
    asked: SimpleQueue[str] = SimpleQueue()
    Thread(target=listen, args=(asked,), daemon=True).start()
    for answer in serve(iter(asked.get, None)):
        answers.write(to_json(answer) + "\n")
        answers.flush()


def listen(asked: SimpleQueue[str]) -> None:
    """Hand on every line of stdin, and end the process with the last."""
    with open(0, encoding=ENCODING, closefd=False) as lines:
        for line in lines:
            asked.put(line)
    os._exit(0)


def taken_stdout() -> TextIO:
    """A stream to where stdout went; stdout itself is now stderr, since runtimes print as well."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding=ENCODING)
    os.dup2(2, 1)
    return answers


def serve(lines: Iterable[str]) -> Iterator[Answer]:
    """Open what the first line asks for and take a turn for every other one; a failure is the last answer."""
    asked = iter(lines)
    try:
        task = from_json(Task, next(asked), source=BENCH)
        with ExitStack() as resources:
            session = resources.enter_context(open_network(task))
            with np.load(task.tensors, allow_pickle=False) as stored:
                tensors = [arranged(tensor, session.input_shape) for tensor in stored.values()]
            resources.enter_context(torch_held_at(task.threads))
            warm(session, tensors, name=task.name)
            yield Opened(session.backend, session.precision, session.input_shape)
            for line in asked:
                yield take(from_json(Turn, line, source=BENCH), session, tensors)
    except MemoryError:
        yield Failure("ResourceLimit", f"{task.name}: there is not enough memory to run it")
    except Exception as failure:  # noqa: BLE001 - the bench tells errors that are meant from those that are not
        said = str(failure) if isinstance(failure, ParityError) else f"{type(failure).__name__}: {failure}"
        yield Failure(type(failure).__name__, said)


def open_network(task: Task) -> Session:
    """The session of a file, or of a checkpoint's network as it is loaded or in channels-last memory."""
    path = Path(task.model)
    if not is_checkpoint(path):
        return open_session(path, threads=task.threads)
    network = load_checkpoint(path, trusted=task.trusted).network
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - a file's runtime is alone in its process, without torch

    return PyTorchSession(network, threads=task.threads, channels_last=task.channels_last)


def warm(session: Session, tensors: Sequence[NDArray[np.float32]], *, name: str) -> None:
    """Run the network on every tensor once; raises ``BadInput`` where it answers for another number of images."""
    for tensor in tensors:
        answers = {len(output) for output in session.run(tensor)}
        if len(tensor) > 1 and answers != {len(tensor)}:
            expected = f"{len(tensor)}, as many as went in"
            raise BadInput("answers for another number of images", file=name, found=sorted(answers), expected=expected)


def take(turn: Turn, session: Session, tensors: Sequence[NDArray[np.float32]]) -> Times:
    """Run once untimed and then time one run after another, as a network is deployed."""
    run = partial(session.run, tensors[turn.tensor])
    for _ in range(SETTLING):
        run()
    return Times(tuple(milliseconds(run) for _ in range(turn.runs)))


if __name__ == "__main__":
    main()
