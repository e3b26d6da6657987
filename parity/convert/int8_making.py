"""From a checkpoint and calibration images to what makes its INT8 files, and the files themselves with their stamp."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from parity.convert.conversion import beside, convert, spec_at
from parity.convert.int8_files import Ingredients, Kind, Maker
from parity.convert.manifest import Stamp
from parity.errors import UsageError
from parity.images import read_ahead
from parity.models import Checkpoint
from parity.preprocess import preprocess
from parity.raw_heads import RAW
from parity.request import Size

FAMILY = "ultralytics"


@dataclass(frozen=True, slots=True, eq=False)
class Making:
    """All that INT8 files of one checkpoint at one size are made with, in a folder of its own."""

    kind: Kind
    ingredients: Ingredients
    maker: Maker
    stamp: Stamp
    folder: Path

    def file(self, returned: Collection[str] = ()) -> Path:
        """A new file with these layers in float."""
        file = self.folder / f"{len(returned)}{self.kind.target.suffix}"
        self.maker.write(file, frozenset(returned))
        import_module(self.kind.target.stamp).add_stamp(file, self.stamp)
        return file

    def size_mb(self, file: Path) -> float:
        """How large a file is with its weights."""
        return sum(each.stat().st_size for each in (file, *beside(file, self.kind.target))) / 1e6


def making(checkpoint: Checkpoint, kind: Kind, images: Sequence[Path], *, size: Size, folder: Path, threads: int | None) -> Making:
    """Export in float32 and take in the calibration images; raises ``UsageError`` for a kind of model that is not quantized."""
    if checkpoint.family != FAMILY or checkpoint.spec.head.layout not in RAW:
        expected = "a YOLO of Ultralytics with a raw head, whose boxes and scores are not selected in the graph"
        raise UsageError("this kind of model is not quantized", file=checkpoint.path, found=checkpoint.spec.head.layout, expected=expected)
    graphs = import_module("parity.convert.onnx_int8")  # by name: it loads the runtime
    spec = spec_at(checkpoint.spec, size)
    source = convert(checkpoint, "onnx", size=size, out=folder, stem="float32")
    tensors = [preprocess(image, spec.preprocess).tensor for image in read_ahead(images, exif=spec.preprocess.exif)]
    ingredients = Ingredients(source, graphs.float_graph(source), tensors, spec, threads)
    maker: Maker = import_module(kind.module).maker(ingredients, folder)
    return Making(kind, ingredients, maker, Stamp(spec, checkpoint.sha256), folder)


def renamed(file: Path, name: str, kind: Kind) -> Path:
    """The file under another name, with its weights where they lie beside it."""
    finished = file.with_name(name)
    for old, new in zip(beside(file, kind.target), beside(finished, kind.target), strict=True):
        old.rename(new)
    return file.rename(finished)
