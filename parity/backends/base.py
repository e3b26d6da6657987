"""The seam to the runtimes: a backend opens a file, the session it returns executes the network."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, Self

import numpy as np

from parity.errors import BackendUnavailable, BadInput, ParityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

Shape = tuple[int | None, int | None, int | None, int | None]
Precision = Literal["fp32", "fp16", "int8"]
ANY_IMAGE: Shape = (None, 3, None, None)
CHANNELS = 3


class Session(Protocol):
    """An open network; ``input_shape`` has ``None`` for what the caller may choose, and is ``None`` where the file does not say.

    ``precision`` is that of the coarsest numbers that it is made to calculate with.
    """

    backend: str
    input_shape: Shape | None
    precision: Precision
    metadata: Mapping[str, str]
    sha256: str | None  # of the file that is open, ``None`` for what is no file of its own

    def run(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The raw outputs for a batch of network inputs; several threads may ask at once."""

    def faster(self) -> Session:
        """A session of the same network for many runs, equal within the noise of float32; the same one where there is no faster."""

    def __enter__(self) -> Self:
        """Hand out the session itself."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of the network."""


class Backend(Protocol):
    """A runtime: opens the files that end in ``suffix``."""

    name: str
    suffix: str

    def open(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Open a file; ``threads`` are those of one run, and ``None`` leaves their number to the runtime."""


class CheckedSession(ABC):
    """What all sessions share: the input is checked, failures are ours, and a closed session refuses to run."""

    def __init__(
        self,
        backend: str,
        input_shape: Shape | None,
        *,
        metadata: Mapping[str, str] | None = None,
        precision: Precision = "fp32",
        content: bytes | None = None,
    ) -> None:
        self.backend = backend
        self.input_shape = input_shape
        self.precision: Precision = precision
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.sha256 = None if content is None else hashlib.sha256(content).hexdigest()
        self._closed = False

    def run(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The raw outputs, each float32, for a float32 tensor in the shape of ``input_shape``.

        Raises ``BadInput`` where the tensor does not fit or the network fails on it, ``ParityError`` after closing.
        """
        if self._closed:
            raise ParityError(f"this {self.backend} session is closed", next_step="run it inside its `with` block")
        check_input(tensor, self.input_shape)
        try:
            return self._execute(tensor)
        except (RuntimeError, ValueError, IndexError, TypeError) as failure:
            found = f"input {tensor.shape}: {str(failure).strip().splitlines()[-1:]}"
            raise BadInput(f"the network failed in {self.backend}", found=found, next_step="run it at the size it was made for") from None

    def faster(self) -> Session:
        """The session itself."""
        return self

    @abstractmethod
    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Run the network on a tensor that fits."""

    def _release(self) -> None:  # noqa: B027 - a runtime without resources has nothing to do
        """Let go of what the runtime holds."""

    def __enter__(self) -> Self:
        """Hand out the session itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close; a second time does nothing."""
        if not self._closed:
            self._closed = True
            self._release()


def check_input(tensor: NDArray[np.float32], expected: Shape | None) -> None:
    """Raise ``BadInput`` unless the tensor is float32, has four axes, and every fixed axis fits."""
    fits = tensor.ndim == len(ANY_IMAGE) and tensor.size > 0
    fits = fits and all(want is None or got == want for got, want in zip(tensor.shape, expected or tensor.shape, strict=True))
    if tensor.dtype != np.float32 or not fits:
        shape = "x".join("any" if side is None else str(side) for side in expected or ANY_IMAGE)
        next_step = "preprocess to the size that the file was exported for"
        raise BadInput("the input does not fit", found=f"{tensor.dtype} {tensor.shape}", expected=f"float32 {shape}", next_step=next_step)


# suffix -> module with a `BACKEND`; by name, so that a runtime is imported only when a file needs it
BACKENDS = {
    ".pt": "parity.backends.pytorch",
    ".torchscript": "parity.backends.torchscript",
    ".onnx": "parity.backends.onnx_runtime",
    ".xml": "parity.backends.openvino",
}


EXPORT_FOLDER = "_openvino_model"  # how the folders end that Ultralytics exports OpenVINO files into


def model_file(path: Path) -> Path:
    """The ``.xml`` of a folder that Ultralytics has exported; any other path as it is."""
    if not (path.name.endswith(EXPORT_FOLDER) and path.is_dir()):
        return path
    found = sorted(path.glob("*.xml"))
    if len(found) != 1:
        named = ", ".join(each.name for each in found) or "none"
        raise BadInput("is not the export of one model", file=path, found=named, expected="one .xml", next_step="give the .xml itself")
    return found[0]


def open_session(path: Path, *, device: str = "cpu", threads: int | None = None) -> Session:
    """Open a model file with the backend that its suffix names."""
    module = BACKENDS.get(path.suffix.lower())
    if module is None:
        raise BadInput("no backend opens this file", file=path, found=path.suffix or "no suffix", expected=" or ".join(BACKENDS))
    if threads is not None and threads < 1:
        raise BadInput("the number of threads must be positive", found=threads)
    backend: Backend = import_module(module).BACKEND
    return backend.open(path, device=device, threads=threads)


def missing(package: str, *, extra: str | None = None) -> BackendUnavailable:
    """The error for a runtime that is not installed."""
    install = package if extra is None else f'"parity-gate[{extra}]"'
    return BackendUnavailable(f"{package} is not installed", next_step=f"pip install {install}")
