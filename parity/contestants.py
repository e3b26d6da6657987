"""What `parity bench` times: PyTorch twice, the checkpoint's exports, and files that were given; at one setting at a time."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from parity.artefacts import input_size
from parity.backends.artefact import read_artefact
from parity.backends.base import Shape, open_session
from parity.backends.image_input import is_nhwc
from parity.backends.weight_files import size_in_bytes
from parity.bench_inputs import Setting
from parity.convert import convert
from parity.convert.manifest import stamp_beside, stamp_in
from parity.models import Checkpoint
from parity.request import DEFAULT_SIZE, Size
from parity.spec import Preprocess

STOCK, CHANNELS_LAST = "pytorch", "pytorch channels_last"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A network that takes part, and the size of its file in bytes; ``exported`` tells files from PyTorch."""

    name: str
    model: Path
    size_bytes: int
    exported: bool = True
    channels_last: bool = False
    trusted: frozenset[str] = frozenset()  # digests of checkpoints that may run code


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
    trusted: frozenset[str] = frozenset()
    exports: dict[tuple[str, Size | None], Path] = field(default_factory=dict)  # ``None`` for the size of a dynamic one

    def contestants(self, setting: Setting, shapes: Sequence[tuple[int, ...]]) -> Iterator[Contestant]:
        """Everything to time at a setting, stock PyTorch first; a file that does not take inputs of these shapes is left out."""
        if self.checkpoint is not None:
            yield from pytorch_twice(self.checkpoint, self.trusted)
            for target in self.targets:
                yield exported(target, self.export(self.checkpoint, target, setting))
        for file in self.files:
            if file.takes(shapes):
                yield exported(self.name_of(file), file.path)

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


def pytorch_twice(checkpoint: Checkpoint, trusted: frozenset[str]) -> Iterator[Contestant]:
    """The network as it is loaded, and in channels-last memory."""
    for name, channels_last in ((STOCK, False), (CHANNELS_LAST, True)):
        yield Contestant(name, checkpoint.path, checkpoint.size_bytes, exported=False, channels_last=channels_last, trusted=trusted)


def exported(name: str, file: Path) -> Contestant:
    """A file."""
    return Contestant(name, file, size_in_bytes(file))
