"""ONNX Runtime: the reference runtime of ONNX files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # 1.31 writes a device id into the user's home as soon as it is imported

import onnxruntime

from parity.backends.artefact import read_artefact
from parity.backends.base import CheckedSession, Session, Shape
from parity.backends.image_input import NetworkInput, one_image
from parity.backends.onnx_file import inspect_model
from parity.errors import BackendUnavailable, BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

QUIET = 3  # errors only: ONNX Runtime's own log would mix with the report
INPUT_TYPES: Mapping[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
FULL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxSession(CheckedSession):
    """An open ONNX file; a float16 input is fed float16, all outputs are handed out as float32."""

    def __init__(self, path: Path, *, device: str = "cpu", threads: int | None = None, optimisation: Any = FULL) -> None:
        content = read_artefact(path, kind="an ONNX file")
        inspected = inspect_model(content, path)
        model = path if inspected.external else content
        self._session = start(model, path, provider=provider(device), threads=threads, optimisation=optimisation)
        self._input, shape, self._dtype = image_input(self._session, path)
        self._batched = len(self._session.get_inputs()[0].shape) == len(shape)
        metadata = self._session.get_modelmeta().custom_metadata_map
        super().__init__("onnx", shape, metadata=metadata, precision=inspected.precision, content=content)

    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        fed = tensor if self._batched else tensor[0]
        outputs = self._session.run(None, {self._input: fed.astype(self._dtype, copy=False)})
        return tuple(np.asarray(output, np.float32) for output in outputs)

    def _release(self) -> None:
        self._session = None


def start(model: bytes | Path, path: Path, *, provider: str, threads: int | None, optimisation: Any = FULL) -> Any:
    """ONNX Runtime's session at one of its levels of graph optimisation; its errors become ``BadInput``."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = threads or 0
    options.graph_optimization_level = optimisation
    try:
        return onnxruntime.InferenceSession(str(model) if isinstance(model, Path) else model, options, providers=[provider])
    except Exception as failure:  # noqa: BLE001 - its exception classes have no common base
        next_step = f"export it again, or with a lower opset (onnxruntime {onnxruntime.__version__} is installed)"
        raise BadInput("ONNX Runtime cannot open it", file=path, found=failure, next_step=next_step) from None


def provider(device: str) -> str:
    """The execution provider of a device."""
    name = PROVIDERS.get(device.partition(":")[0], device)
    if name not in onnxruntime.get_available_providers():
        next_step = "use cpu, or install onnxruntime-gpu"
        raise BackendUnavailable("ONNX Runtime cannot use this device", found=device, expected=" or ".join(PROVIDERS), next_step=next_step)
    return name


def image_input(session: Any, path: Path) -> tuple[str, Shape, type[np.floating[Any]]]:
    """The name, shape and type of the one input; raises ``BadInput`` where it cannot take a single image of three channels."""
    inputs = [described_input(each) for each in session.get_inputs()]
    shape, dtype = one_image(inputs, path)
    return inputs[0].name, shape, dtype


def described_input(put: Any) -> NetworkInput:
    """An input of ONNX Runtime's."""
    sides = tuple(side if isinstance(side, int) else None for side in put.shape)
    return NetworkInput(put.name, sides, INPUT_TYPES.get(put.type), f"{put.name}: {put.type} {put.shape}")


class OnnxBackend:
    """Opens ``.onnx`` files."""

    name = "onnx"
    suffix = ".onnx"

    def open(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Open an ONNX file."""
        return OnnxSession(path, device=device, threads=threads)


BACKEND = OnnxBackend()
