"""Convert: export with Ultralytics, stamp, check on one image, and only then put the file in its place."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from parity.backends.base import missing
from parity.convert.manifest import Stamp, manifest_path, manifest_text
from parity.errors import ConversionError, UsageError

if TYPE_CHECKING:
    from parity.models import Checkpoint


@dataclass(frozen=True, slots=True)
class Target:
    """What can be exported: ``module`` has ``export(network, file, size, dynamic, end_to_end)`` and ``add_stamp(file, text)``."""

    name: str
    suffix: str
    module: str
    packages: tuple[str, ...]


TARGETS = {
    target.name: target
    for target in (
        Target("onnx", ".onnx", "parity.convert.onnx_target", ("onnx", "onnxslim", "onnxruntime")),
        Target("torchscript", ".torchscript", "parity.convert.torchscript_target", ()),
    )
}


def convert(checkpoint: Checkpoint, target: str, *, size: tuple[int, int], out: Path, dynamic: bool = False) -> Path:
    """Export a checkpoint into the folder ``out`` and return the file; beside it lies its manifest.

    ``size`` is (height, width) in pixels; with ``dynamic`` batch and size stay open in the file and ``size`` is what the stamp says.

    Raises ``UsageError`` for an unknown target or a size that the network does not take, ``BackendUnavailable`` where a package
    is missing, ``ConversionError`` where the export fails or its outputs are not the checkpoint's. Then nothing is left in ``out``.
    """
    chosen = find_target(target)
    check_size(size, stride=checkpoint.spec.preprocess.stride)
    name = f"{checkpoint.path.stem}_{size_label(size, dynamic=dynamic)}{chosen.suffix}"
    check_place(out / name)
    spec = replace(checkpoint.spec, preprocess=replace(checkpoint.spec.preprocess, size=size))
    stamp = Stamp(spec, checkpoint.sha256)
    out.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=".parity-convert-", dir=out))  # on the same disk, so that the last step is one rename
    try:
        made = make(checkpoint, chosen, stamp=stamp, file=workshop / name, dynamic=dynamic)
        return put_in_place(made, out, stamp=stamp)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def make(checkpoint: Checkpoint, target: Target, *, stamp: Stamp, file: Path, dynamic: bool) -> Path:
    """The stamped and checked file, still in the workshop."""
    exporter, check = import_module(target.module), import_module("parity.convert.check")
    try:
        exporter.export(checkpoint, file, size=stamp.spec.preprocess.size, dynamic=dynamic)
        exporter.add_stamp(file, stamp)
    except (RuntimeError, ValueError, TypeError, AssertionError, OSError, ImportError) as failure:
        next_step = "try another size, or export with `yolo export` to see its own report"
        raise ConversionError(f"the export to {target.name} failed", file=checkpoint.path, found=failure, next_step=next_step) from failure
    check.check_same_network(checkpoint, file, size=stamp.spec.preprocess.size)
    return file


def put_in_place(made: Path, out: Path, *, stamp: Stamp) -> Path:
    """Move the file and its manifest into the folder, the manifest first: a file never stands there without one."""
    manifest = manifest_path(made)
    manifest.write_text(manifest_text(stamp, made), encoding="utf-8")
    manifest.replace(out / manifest.name)
    return made.replace(out / made.name)


def check_place(file: Path) -> None:
    """Raise ``UsageError`` where a file of this name stands that ``convert`` has not made."""
    if file.exists() and not manifest_path(file).exists():
        expected = "no file of this name, or one with its manifest beside it"
        raise UsageError("would overwrite a file that parity has not made", found=file, expected=expected, next_step="give another --out")


def find_target(name: str) -> Target:
    """The target of a name, with its packages installed."""
    target = TARGETS.get(name)
    if target is None:
        raise UsageError("unknown conversion target", found=name, expected=", ".join(TARGETS))
    for package in target.packages:
        if find_spec(package) is None:
            raise missing(package, extra="ultralytics")
    return target


def check_size(size: tuple[int, int], *, stride: int) -> None:
    """Raise ``UsageError`` for a size that is not a multiple of the stride; Ultralytics would round it without asking."""
    if any(side < stride or side % stride for side in size):
        raise UsageError("the network does not take this size", found=size, expected=f"multiples of {stride}")


def size_label(size: tuple[int, int], *, dynamic: bool) -> str:
    """The part of the file name that tells the size."""
    height, width = size
    if dynamic:
        return "dynamic"
    return str(height) if height == width else f"{height}x{width}"
