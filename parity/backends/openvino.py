"""OpenVINO: the runtime of its own IR, ``.xml`` with the ``.bin`` beside it."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.backends.artefact import read_artefact
from parity.backends.base import CheckedSession, Session
from parity.backends.image_input import NetworkInput, one_image
from parity.backends.openvino_file import inspect_ir, read_weights
from parity.backends.openvino_import import require_openvino
from parity.environment import lanes
from parity.errors import BackendUnavailable, BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

openvino = require_openvino()
INPUT_TYPES: Mapping[str, type[np.floating[Any]]] = {"f32": np.float32, "f16": np.float16}
# float32 where the file says so: on a processor with bfloat16 the plugin would take that in silence. Unpinned, because two processes
# of one machine are otherwise pinned to the same cores
SETTINGS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}


class OpenVinoSession(CheckedSession):
    """An open IR; a float16 input is fed float16, all outputs are handed out as float32."""

    def __init__(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> None:
        content = read_artefact(path, kind="an OpenVINO IR")
        inspected = inspect_ir(content, path)
        network = compiled(content, read_weights(path, inspected), path, device=device, threads=threads)
        shape, self._dtype = one_image([described_input(each) for each in network.inputs], path)
        self._batched = network.inputs[0].partial_shape.rank.get_length() == len(shape)
        self._requests: SimpleQueue[Any] = SimpleQueue()  # as many as may run at once
        for _ in range(streams(threads)):
            self._requests.put(network.create_infer_request())
        super().__init__("openvino", shape, metadata=inspected.metadata, precision=inspected.precision, content=content)

    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        fed = tensor if self._batched else tensor[0]
        requests = self._requests  # of a session that is closed meanwhile, those who wait still take their turns
        request = requests.get()
        try:
            outputs = request.infer([fed.astype(self._dtype, copy=False)], share_inputs=True, share_outputs=True)
            return tuple(np.array(output, np.float32) for output in outputs.values())  # copies: the next run writes into these
        finally:
            requests.put(request)

    def _release(self) -> None:
        self._requests = SimpleQueue()


def compiled(content: bytes, weights: bytes, path: Path, *, device: str, threads: int | None) -> Any:
    """The network, ready to run; OpenVINO's errors become ``BadInput``."""
    core = openvino.Core()
    name = device_name(core, device)
    settings = SETTINGS | (
        {} if threads is None else {"INFERENCE_NUM_THREADS": threads * streams(threads), "NUM_STREAMS": streams(threads)}
    )
    try:
        return core.compile_model(core.read_model(content, weights), name, settings if name == "CPU" else {})
    except (RuntimeError, ValueError, TypeError) as failure:
        next_step = f"export it again ({openvino.__version__} is installed)"
        reason = str(failure).strip().splitlines()[-1:]
        raise BadInput("OpenVINO cannot open it", file=path, found=reason, next_step=next_step) from None


def streams(threads: int | None) -> int:
    """How many runs of so many threads go on at once; with all threads, one."""
    return 1 if threads is None else max(1, lanes() // threads)


def device_name(core: Any, device: str) -> str:
    """OpenVINO's name of a device."""
    name = device.upper()
    if name not in core.available_devices:
        expected = " or ".join(each.lower() for each in core.available_devices)
        raise BackendUnavailable("OpenVINO cannot use this device", found=device, expected=expected, next_step="use cpu")
    return name


def described_input(put: Any) -> NetworkInput:
    """An input of OpenVINO's."""
    kind, sides = put.element_type.get_type_name(), put.partial_shape
    shape = () if sides.rank.is_dynamic else tuple(side.get_length() if side.is_static else None for side in sides)
    return NetworkInput("", shape, INPUT_TYPES.get(kind), f"{', '.join(put.names)}: {kind} {sides}")


class OpenVinoBackend:
    """Opens ``.xml`` files."""

    name = "openvino"
    suffix = ".xml"

    def open(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Open an OpenVINO IR."""
        return OpenVinoSession(path, device=device, threads=threads)


BACKEND = OpenVinoBackend()
