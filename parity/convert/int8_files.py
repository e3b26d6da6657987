"""The kinds of INT8 files, and what makes them of a float32 ONNX file; each by name, so that a runtime is imported when it is needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from parity.backends.openvino_file import WEIGHTS
from parity.convert.activation_ranges import Range
from parity.convert.conversion import Target
from parity.errors import UsageError
from parity.limits import Profile
from parity.spec import PipelineSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from parity.convert.onnx_int8 import FloatGraph


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What an INT8 file is made of: the float32 ONNX file, its graph, its spec, and the calibration images as the network gets them."""

    source: Path
    graph: FloatGraph
    images: Sequence[NDArray[np.float32]]
    spec: PipelineSpec
    threads: int | None

    @cached_property
    def ranges(self) -> Mapping[str, Range]:
        """The range of every tensor on the calibration images."""
        ranges: Mapping[str, Range] = import_module("parity.convert.onnx_int8").tensor_ranges(self)
        return ranges

    @cached_property
    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights of layers as 8 bits hold them, rounded for what the layer reads on the calibration images."""
        weights: Mapping[str, NDArray[np.float32]] = import_module("parity.convert.layer_inputs").fitted_weights(self)
        return weights


class Maker(Protocol):
    """Makes INT8 files of one kind.

    ``plain`` is the float32 file of their runtime; ``ranges`` says how the ranges were taken, ``warnings`` what the file depends on.
    """

    plain: Path
    ranges: str
    warnings: tuple[str, ...]

    def write(self, file: Path, returned: Collection[str]) -> None:
        """A file in which these layers are in float, beside those that always are."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of INT8 file: ``module`` has ``maker(ingredients, folder)``."""

    target: Target
    module: str


KINDS: Mapping[str, Kind] = {
    "onnx": Kind(
        Target("onnx-int8", "_int8.onnx", "parity.convert.onnx_stamp", precision=Profile.INT8),
        "parity.convert.onnx_int8",
    ),
    "openvino": Kind(
        Target("openvino-int8", "_int8.xml", "parity.convert.openvino_ir", weights=WEIGHTS, precision=Profile.INT8),
        "parity.convert.openvino_int8",
    ),
}


def find_kind(name: str) -> Kind:
    """The kind of a name."""
    if name not in KINDS:
        raise UsageError("this is not quantised to", found=name, expected=", ".join(KINDS))
    return KINDS[name]
