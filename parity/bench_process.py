"""The side of `parity bench` that starts a contestant's process, asks it to run, and says what became of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity import errors
from parity.bench_worker import ENCODING, Failure, Opened, Task, Times, Turn
from parity.errors import BackendUnavailable, BadInput, ParityError, ResourceLimit
from parity.wire import from_plain, parse, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from parity.contestants import Contestant

PROGRAM = "parity.bench_worker"
T = TypeVar("T")


class Runner(Protocol):
    """An open contestant: it sleeps until it is asked to run."""

    contestant: Contestant
    opened: Opened

    def turn(self, tensor: int, runs: int) -> Sequence[float]:
        """Milliseconds of so many runs, one after the other, on the tensor at a place; raises ``ParityError`` where one fails."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where processes of one setting find their inputs, leave what they write, and how many threads each has."""

    folder: Path
    threads: int

    @property
    def tensors(self) -> Path:
        """The file of network inputs."""
        return self.folder / "tensors.npz"


@contextmanager
def furnished(folder: Path, tensors: Sequence[NDArray[np.float32]], *, threads: int) -> Iterator[Room]:
    """A room in a folder of its own within ``folder``, with the tensors in it, that is cleared at the end."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        room = Room(Path(place), threads)
        np.savez(room.tensors, *tensors)
        yield room


class Process:
    """A contestant alone in a process, as it is deployed; leaving its block ends it at once.

    It shares nothing with the others: what one network does to the allocator, to a runtime's caches or to PyTorch's threads meets none of
    them.
    """

    opened: Opened

    def __init__(self, contestant: Contestant, room: Room) -> None:
        """Start it; the network opens while the caller goes on, until ``ready``. Raises ``BadInput`` for a path that is not UTF-8."""
        self.contestant = contestant
        paths = sendable(contestant.model.absolute()), sendable(room.tensors)
        own = Path(tempfile.mkdtemp(dir=room.folder))
        self._stderr = own / "stderr.txt"
        with self._stderr.open("wb") as stderr:
            self._process: Any = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
                [sys.executable, "-P", "-m", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=surroundings(own),
                process_group=0,  # Ctrl-C is meant for the bench, which ends this one
                encoding=ENCODING,
            )
        self._send(Task(contestant.name, *paths, room.threads, contestant.channels_last, contestant.trusted))

    def ready(self) -> Self:
        """Wait until the network is open and warm; raises what went wrong with it."""
        self.opened = self._answer(Opened)
        return self

    def turn(self, tensor: int, runs: int) -> Sequence[float]:
        """Milliseconds of so many runs, one after the other, on the tensor at a place."""
        self._send(Turn(tensor, runs))
        return self._answer(Times).milliseconds

    def _send(self, asked: Task | Turn) -> None:
        with suppress(OSError):  # it has ended, which the answer tells
            self._process.stdin.write(to_json(asked) + "\n")
            self._process.stdin.flush()

    def _answer(self, kind: type[T]) -> T:
        line = self._process.stdout.readline()
        if not line:
            raise ended(self.contestant.name, self._process.wait(), self._stderr.read_text(errors="replace"))
        plain = parse(line, source=self.contestant.name)
        if "kind" in plain:
            raise raised(from_plain(Failure, plain, source=self.contestant.name))
        return from_plain(kind, plain, source=self.contestant.name)

    def __enter__(self) -> Self:
        """Hand out the process itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it; there is nothing in it that anybody needs."""
        self._process.kill()
        with suppress(OSError):
            self._process.__exit__(kind, error, trace)


def sendable(path: Path) -> str:
    """A path as JSON can hold it."""
    try:
        str(path).encode(ENCODING)
    except UnicodeEncodeError:
        raise BadInput("has a name that is not UTF-8", file=path, next_step="time it under another name") from None
    return str(path)


def surroundings(folder: Path) -> dict[str, str]:
    """The variables of a process that imports from where this one does, and writes what is temporary into a folder."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}


def raised(failure: Failure) -> Exception:
    """The error that a process has answered with, as if it had been raised here."""
    kind = getattr(errors, failure.kind, None)
    meant = isinstance(kind, type) and issubclass(kind, ParityError)
    return kind(failure.message) if meant and kind is not None else RuntimeError(failure.message)


def ended(name: str, code: int, stderr: str) -> ParityError:
    """The error for a process that has gone without an answer; ``code`` is negative for a signal."""
    if code == -getattr(signal, "SIGKILL", 0):
        step = "that is mostly the system, out of memory: give fewer files, a smaller batch or size"
        return ResourceLimit("the process that timed it was killed", file=name, found="SIGKILL", next_step=step)
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    said = stderr.strip().splitlines()[-1:]
    step = "run it alone, and report it to the runtime's project"
    return BackendUnavailable("the process that timed it has crashed", file=name, found=": ".join((how, *said)), next_step=step)
