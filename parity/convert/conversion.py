"""Convert: export with the family's exporter, stamp, check on one image, and only then put the file in its place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from parity.backends.base import missing
from parity.backends.openvino_file import WEIGHTS
from parity.convert.manifest import Stamp, manifest_path, manifest_text
from parity.errors import ConversionError, UsageError
from parity.limits import SAME_NETWORK_IN, Profile, Tolerance
from parity.models.load import model_name
from parity.request import DEFAULT_SIZE, Size, size_label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from parity.convert.quantisation import Quantisation
    from parity.models import Checkpoint
    from parity.spec import PipelineSpec


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of file: ``suffix`` ends its name, and the module ``stamp`` has ``add_stamp(file, stamp)``.

    One that is made of another kind names that as ``source``, and the module that has ``derive(source, file)`` as ``maker``. The module
    ``faster``, if any, has ``quicken(file)``, which writes the same network in a form that the kind's runtime calculates faster.
    """

    name: str
    suffix: str
    stamp: str
    source: str | None = None
    maker: str = ""
    package: str | None = None  # that it needs beside the exporter's, and which is an extra of the same name
    weights: str | None = None  # the suffix of the file beside it that holds them
    precision: Profile = Profile.FP32
    faster: str | None = None

    @property
    def tolerance(self) -> Tolerance:
        """How far its raw outputs may be from the checkpoint's."""
        return SAME_NETWORK_IN[self.precision]


@dataclass(frozen=True, slots=True)
class Converted:
    """A finished file, and how far its raw outputs may be from the checkpoint's."""

    file: Path
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class Exporter:
    """Who writes a family's files: ``module`` has ``export(checkpoint, file, format_name, size, dynamic)``, ``packages`` are needed."""

    module: str
    packages: tuple[str, ...]
    extra: str
    next_step: str
    lacks: Mapping[str, str] = field(default_factory=dict)  # the targets that are not made of this family, and why


TARGETS = {
    target.name: target
    for target in (
        Target("onnx", ".onnx", "parity.convert.onnx_stamp", faster="parity.convert.quick_form"),
        Target("torchscript", ".torchscript", "parity.convert.torchscript_stamp"),
        Target(
            "openvino",
            ".xml",
            "parity.convert.openvino_ir",
            source="onnx",
            maker="parity.convert.openvino_ir",
            package="openvino",
            weights=WEIGHTS,
        ),
        Target(
            "onnx-fp16",
            "_fp16.onnx",
            "parity.convert.onnx_stamp",
            source="onnx",
            maker="parity.convert.onnx_fp16",
            precision=Profile.FP16,
        ),
    )
}
EXPORTERS = {
    "ultralytics": Exporter(
        "parity.convert.ultralytics_export",
        ("ultralytics", "onnxslim"),
        "ultralytics",
        "try another size, or `yolo export` to see its own report",
    ),
    "torchvision": Exporter(
        "parity.convert.torchvision_export",
        ("torchvision",),
        "torchvision",
        "report it with the versions of torch and torchvision",
        lacks={
            "openvino": "OpenVINO calculates in float32 what size an image is resized to, one pixel off at 154 x 154 or 301 x 301",
            "onnx-fp16": "boxes are made and selected between its layers, where half precision is not enough",
        },
    ),
}


def convert(
    checkpoint: Checkpoint,
    target: str,
    *,
    out: Path,
    size: tuple[int, int] = DEFAULT_SIZE,
    dynamic: bool = False,
    stem: str | None = None,
    image: NDArray[np.float32] | None = None,
    device: str = "cpu",
) -> Path:
    """Export a checkpoint into the folder ``out`` and return the file; beside it lies its manifest.

    ``size`` is (height, width) in pixels; with ``dynamic`` batch and size stay open in the file and ``size`` is what the stamp says.
    A network that takes images as they are leaves both open always. ``stem`` is another name than the checkpoint's with the size.
    ``image`` (1, 3, H, W) is what the file is checked with beside one that is made up, with PyTorch on ``device``.

    Raises ``UsageError`` for an unknown target or a size that the network does not take, ``BackendUnavailable`` where a package
    is missing, ``ConversionError`` where the export fails or its outputs are not the checkpoint's. Then nothing is left in ``out``.
    """
    chosen = find_target(target)
    require_support(checkpoint.family, chosen)
    spec = spec_at(checkpoint.spec, size)
    name = f"{stem or file_stem(checkpoint, size, dynamic=dynamic)}{chosen.suffix}"
    check_place(out / name, chosen)
    stamp = Stamp(spec, checkpoint.sha256)
    out.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=".parity-convert-", dir=out))  # on the same disk, so that the last step is one rename
    try:
        made = make(checkpoint, chosen, stamp=stamp, file=workshop / name, dynamic=dynamic)
        hold_against(checkpoint, made, chosen, size=size, image=image, device=device)
        return put_in_place(made, out, stamp=stamp, target=chosen)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def exporters_form(checkpoint: Checkpoint, target: str, *, out: Path, size: Size) -> Path:
    """The same file as ``convert`` makes, checked as well, but as the family's exporter has written it."""
    chosen = replace(find_target(target), faster=None)
    stamp = Stamp(spec_at(checkpoint.spec, size), checkpoint.sha256)
    made = make(checkpoint, chosen, stamp=stamp, file=out / f"exported{chosen.suffix}", dynamic=False)
    hold_against(checkpoint, made, chosen, size=size)
    return made


def hold_against(
    checkpoint: Checkpoint,
    made: Path,
    target: Target,
    *,
    size: Size,
    image: NDArray[np.float32] | None = None,
    device: str = "cpu",
) -> None:
    """Raise ``ConversionError`` unless a file says what the checkpoint does, of an image that is made up and of one that is given."""
    check = import_module("parity.convert.check")  # by name: the base installation has no torch
    for each in (check.structured_image(size), *(() if image is None else (image,))):
        check.check_same_network(checkpoint, made, image=each, device=device, tolerance=target.tolerance)


def make(checkpoint: Checkpoint, target: Target, *, stamp: Stamp, file: Path, dynamic: bool) -> Path:
    """The stamped file, still in the workshop."""
    try:
        write(checkpoint, target, file=file, size=stamp.spec.preprocess.size, dynamic=dynamic)
        if target.faster is not None:
            import_module(target.faster).quicken(file)
        import_module(target.stamp).add_stamp(file, stamp)
    except (RuntimeError, ValueError, TypeError, AssertionError, OSError, ImportError) as failure:
        step = EXPORTERS[checkpoint.family].next_step
        raise ConversionError(f"the export to {target.name} failed", file=checkpoint.path, found=failure, next_step=step) from failure
    return file


def write(checkpoint: Checkpoint, target: Target, *, file: Path, size: Size, dynamic: bool) -> None:
    """Write the file with the family's exporter, or make it of another kind that was written so."""
    if target.source is None:
        exporter = import_module(EXPORTERS[checkpoint.family].module)
        exporter.export(checkpoint, file, format_name=target.name, size=size, dynamic=dynamic)
        return
    source = TARGETS[target.source]
    made = file.with_name(f"source{source.suffix}")
    write(checkpoint, source, file=made, size=size, dynamic=dynamic)
    import_module(target.maker).derive(made, file)


def put_in_place(made: Path, out: Path, *, stamp: Stamp, target: Target, quantisation: Quantisation | None = None) -> Path:
    """Move the file, its manifest and its weights into the folder, the file last: it never stands there without them."""
    manifest = manifest_path(made)
    manifest.write_text(manifest_text(stamp, made, quantisation), encoding="utf-8")
    for each in (manifest, *beside(made, target), made):
        each.replace(out / each.name)
    return out / made.name


def beside(file: Path, target: Target) -> tuple[Path, ...]:
    """The file that holds the weights, of a kind that keeps them apart."""
    return () if target.weights is None else (file.with_suffix(target.weights),)


def check_place(file: Path, target: Target) -> None:
    """Raise ``UsageError`` where a file of this name stands that ``convert`` has not made."""
    taken = [each for each in (file, *beside(file, target)) if each.exists()]
    if taken and not manifest_path(file).exists():
        expected = "no file of this name, or one with its manifest beside it"
        raise UsageError(
            "would overwrite a file that parity has not made", found=taken[0], expected=expected, next_step="give another --out"
        )


def find_target(name: str) -> Target:
    """The target of a name."""
    target = TARGETS.get(name)
    if target is None:
        raise UsageError("unknown conversion target", found=name, expected=", ".join(TARGETS))
    return target


def require_support(family: str, target: Target) -> None:
    """Raise ``UsageError`` for a target that the family lacks, ``BackendUnavailable`` where a package is not installed."""
    exporter = EXPORTERS[family]
    if target.name in exporter.lacks:
        expected = ", ".join(name for name in TARGETS if name not in exporter.lacks)
        raise UsageError(f"no {target.name} of a {family} model: {exporter.lacks[target.name]}", found=target.name, expected=expected)
    require_packages(exporter)
    if target.package is not None and find_spec(target.package) is None:
        raise missing(target.package, extra=target.package)


def require_packages(exporter: Exporter) -> None:
    """Raise ``BackendUnavailable`` where a package of the exporter is not installed."""
    for package in exporter.packages:
        if find_spec(package) is None:
            raise missing(package, extra=exporter.extra)


def spec_at(spec: PipelineSpec, size: tuple[int, int]) -> PipelineSpec:
    """The spec at a size; raises ``UsageError`` for one that is not a multiple of the stride, which Ultralytics would round in silence."""
    stride = spec.preprocess.stride
    if spec.preprocess.target_size is None:
        return spec
    if any(side < stride or side % stride for side in size):
        raise UsageError("the network does not take this size", found=size, expected=f"multiples of {stride}")
    return replace(spec, preprocess=replace(spec.preprocess, size=size))


def file_stem(checkpoint: Checkpoint, size: tuple[int, int], *, dynamic: bool) -> str:
    """The checkpoint's name, and the size where the file has one."""
    if checkpoint.spec.preprocess.target_size is None:
        return model_name(checkpoint.path)
    return f"{model_name(checkpoint.path)}_{'dynamic' if dynamic else size_label(size)}"
