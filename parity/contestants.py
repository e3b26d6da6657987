"""What `parity bench` times: PyTorch twice, the checkpoint's exports, and files that were given; at one setting at a time."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Literal, Self

import numpy as np

from parity.artefacts import input_size
from parity.backends.artefact import read_artefact
from parity.backends.base import CHANNELS, Session, Shape, open_session
from parity.backends.weight_files import size_in_bytes
from parity.bench_inputs import Setting, Tensor
from parity.convert import convert
from parity.convert.manifest import stamp_beside, stamp_in
from parity.errors import BadInput
from parity.latency import Call
from parity.models import Checkpoint
from parity.request import DEFAULT_SIZE, Size
from parity.spec import Preprocess

STOCK, CHANNELS_LAST = "pytorch", "pytorch channels_last"


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """An open network and the size of its file in bytes; ``exported`` tells files from PyTorch."""

    name: str
    session: Session
    size_bytes: int
    exported: bool = True

    @property
    def shape(self) -> Literal["static", "dynamic"] | None:
        """Whether the file fixes the shape of its input, ``None`` of PyTorch."""
        if not self.exported:
            return None
        return "dynamic" if None in (self.session.input_shape or (None,)) else "static"

    def warm(self, tensors: Sequence[Tensor]) -> None:
        """Run the network on every tensor once; raises ``BadInput`` where it answers for another number of images."""
        for tensor in tensors:
            answers = {len(output) for output in self.session.run(arranged(tensor, self.session.input_shape))}
            if len(tensor) > 1 and answers != {len(tensor)}:
                expected = f"{len(tensor)}, as many as went in"
                raise BadInput("answers for another number of images", file=self.name, found=sorted(answers), expected=expected)

    def in_turn(self, tensors: Sequence[Tensor]) -> Call:
        """A call that runs the network on each tensor four times, settling and timed in both orders of a pair, and then begins anew."""
        turns = cycle([arranged(tensor, self.session.input_shape) for tensor in tensors for _ in range(4)])
        return lambda: self.session.run(next(turns))


@dataclass(frozen=True, slots=True)
class GivenFile:
    """An exported file that was named: the input it takes, and the preprocessing that its stamp declares."""

    path: Path
    input_shape: Shape | None
    size: Size | None  # ``None`` where the file leaves it open
    preprocess: Preprocess | None
    sha256: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open a file once and ask it."""
        digest = hashlib.sha256(read_artefact(path, kind="an exported model")).hexdigest()
        with open_session(path) as session:
            stamp = stamp_in(session.metadata, source=path) or stamp_beside(path)
            return cls(path, session.input_shape, input_size(session), stamp.spec.preprocess if stamp else None, digest)

    def takes(self, shapes: Iterable[tuple[int, ...]]) -> bool:
        """Whether the file takes network inputs of these shapes (batch, 3, H, W)."""
        return all(want is None or got == want for shape in shapes for got, want in zip(shape, self.channels_first or shape, strict=True))

    @property
    def channels_first(self) -> Shape | None:
        """The input's shape with its axes as PyTorch has them."""
        if self.input_shape is None or not is_nhwc(self.input_shape):
            return self.input_shape
        batch, height, width, channels = self.input_shape
        return batch, channels, height, width

    @property
    def takes_only(self) -> str:
        """The input it takes, in words."""
        return "x".join("any" if side is None else str(side) for side in self.input_shape or ())


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """All that takes part: a checkpoint, what it is exported to, and files; ``folder`` holds the exports."""

    checkpoint: Checkpoint | None
    targets: tuple[str, ...]
    files: tuple[GivenFile, ...]
    folder: Path
    exports: dict[tuple[str, Size | None], Path] = field(default_factory=dict)  # ``None`` for the size of a dynamic one

    def open(self, setting: Setting, tensors: Sequence[Tensor], resources: ExitStack) -> Iterator[Contestant]:
        """Everything to time at a setting, stock PyTorch first; a file that does not take the tensors is left out."""
        if self.checkpoint is not None:
            yield from pytorch_twice(self.checkpoint, setting.threads, resources)
            for target in self.targets:
                yield contestant(target, self.export(self.checkpoint, target, setting), setting.threads, resources)
        for file in self.files:
            if file.takes(tensor.shape for tensor in tensors):
                yield contestant(self.name_of(file), file.path, setting.threads, resources)

    def export(self, checkpoint: Checkpoint, target: str, setting: Setting) -> Path:
        """An export, made once: static for one image, as it would be deployed, and of any batch and size for more."""
        key = (target, setting.imgsz if setting.batch == 1 else None)
        if key not in self.exports:
            place = Path(tempfile.mkdtemp(dir=self.folder))
            size, dynamic = setting.imgsz or DEFAULT_SIZE, setting.batch > 1
            self.exports[key] = convert(checkpoint, target, size=size, dynamic=dynamic, out=place)
        return self.exports[key]

    def name_of(self, file: GivenFile) -> str:
        """The name of a file, with its folder where two have the same."""
        alike = [each for each in self.files if each.path.name == file.path.name]
        return file.path.name if len(alike) == 1 else str(file.path)


def pytorch_twice(checkpoint: Checkpoint, threads: int, resources: ExitStack) -> Iterator[Contestant]:
    """The network as it was loaded, and in channels-last memory."""
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    for name, channels_last in ((STOCK, False), (CHANNELS_LAST, True)):
        session = PyTorchSession(checkpoint.network, threads=threads, channels_last=channels_last)
        yield Contestant(name, resources.enter_context(session), checkpoint.size_bytes, exported=False)


def contestant(name: str, file: Path, threads: int, resources: ExitStack) -> Contestant:
    """An open file."""
    return Contestant(name, resources.enter_context(open_session(file, threads=threads)), size_in_bytes(file))


def arranged(tensor: Tensor, expected: Shape | None) -> Tensor:
    """A network input (batch, 3, H, W) with its axes as a file expects them; only the order differs between files, never the time."""
    return np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)) if expected is not None and is_nhwc(expected) else tensor


def is_nhwc(shape: Shape) -> bool:
    """Whether an input has its channels last."""
    return shape[3] == CHANNELS
