"""TorchScript: a traced network. Such a file is a program; opening it is running it."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parity.backends.artefact import read_artefact
from parity.backends.base import ANY_IMAGE, CHANNELS, CheckedSession, Session, Shape, missing
from parity.errors import BadInput

try:
    import torch
except ImportError:
    raise missing("torch", extra="ultralytics") from None

with suppress(ImportError):
    import torchvision  # noqa: F401 - its operators (nms, roi_align) are known to TorchScript once it is loaded

from parity.backends.pytorch import arrays, network_precision, torch_device, torch_threads
from parity.backends.quiet import quiet_torch

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

EXTRA_FILES = ("config.txt", "parity.json")  # Ultralytics' metadata, and our stamp


class TorchScriptSession(CheckedSession):
    """An open TorchScript module."""

    def __init__(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> None:
        content = read_artefact(path, kind="a TorchScript file")
        self._device, self._threads = torch_device(device), threads
        self._module, metadata = load_module(content, path, device=self._device)
        shape = traced_shape(metadata.get("config.txt", ""), path)
        super().__init__("torchscript", shape, metadata=metadata, precision=network_precision(self._module), content=content)

    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        with torch.inference_mode(), torch_threads(self._threads), quiet_torch():
            return arrays(self._module(torch.from_numpy(tensor).to(self._device)))

    def _release(self) -> None:
        self._module = None


def load_module(content: bytes, path: Path, *, device: torch.device) -> tuple[Any, dict[str, str]]:
    """The module and the texts that were stored with it."""
    extra: dict[str, Any] = dict.fromkeys(EXTRA_FILES, "")
    try:
        with quiet_torch():
            load: Any = torch.jit.load
            module = load(io.BytesIO(content), map_location=device, _extra_files=extra).eval()
        texts = {name: text.decode() if isinstance(text, bytes) else str(text) for name, text in extra.items() if text}
    except (RuntimeError, ValueError):
        next_step = "export it again; a checkpoint needs the suffix .pt"
        raise BadInput("is damaged or is not TorchScript", file=path, found=f"{len(content)} bytes", next_step=next_step) from None
    return module, texts


def traced_shape(config: str, path: Path) -> Shape:
    """The input shape that Ultralytics writes into the file; a trace of fixed size does not notice a wrong one by itself."""
    if not config:
        return ANY_IMAGE
    try:
        stored = json.loads(config)
        height, width = (int(side) for side in stored["imgsz"])
        dynamic, batch = bool(stored.get("args", {}).get("dynamic", False)), int(stored["batch"])
    except (ValueError, KeyError, TypeError, AttributeError):
        expected = "Ultralytics' config.txt with imgsz and batch"
        raise BadInput("has damaged metadata", file=path, found=config, expected=expected, next_step="export it again") from None
    return ANY_IMAGE if dynamic else (batch, CHANNELS, height, width)


class TorchScriptBackend:
    """Opens ``.torchscript`` files."""

    name = "torchscript"
    suffix = ".torchscript"

    def open(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Open a TorchScript file."""
        return TorchScriptSession(path, device=device, threads=threads)


BACKEND = TorchScriptBackend()
