"""PyTorch: the network of a checkpoint, in the process that would train it."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from threading import get_ident, local
from typing import TYPE_CHECKING, Any

from parity.backends.base import ANY_IMAGE, CheckedSession, Precision, Session, missing
from parity.errors import BackendUnavailable

try:
    import torch
except ImportError:
    raise missing("torch", extra="ultralytics") from None

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

HALVES = (torch.float16, torch.bfloat16)


class PyTorchSession(CheckedSession):
    """An eager network. It is copied only where the device, the memory format or the precision would change the caller's.

    With ``float64`` it computes in double precision; inputs and outputs stay float32.
    """

    def __init__(
        self, network: nn.Module, *, device: str = "cpu", threads: int | None = None, channels_last: bool = False, float64: bool = False
    ) -> None:
        super().__init__("pytorch", ANY_IMAGE, precision=network_precision(network))
        self.memory_format = "channels_last" if channels_last else "contiguous_format"
        self._memory_format = getattr(torch, self.memory_format)
        self._dtype = torch.float64 if float64 else torch.float32
        place = torch_device(device)
        self._network: Any = network
        if channels_last or float64 or place.type != "cpu":
            copy = deepcopy(network).double() if float64 else deepcopy(network)
            self._network = copy.to(place).to(memory_format=self._memory_format)
        self._device, self._threads = place, threads
        self._owner, self._others = get_ident(), local()

    def faster(self) -> Session:
        """A copy in channels-last memory: YOLOv8n at 640 takes 73 ms on two cores, and 130 ms as it is."""
        if self._memory_format is torch.channels_last:
            return self
        return PyTorchSession(self._network, device=str(self._device), threads=self._threads, channels_last=True)

    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        with torch.inference_mode(), torch_threads(self._threads):
            batch = torch.from_numpy(tensor).to(self._device, self._dtype, memory_format=self._memory_format)
            return arrays(self._for_this_thread()(batch))

    def _for_this_thread(self) -> Any:
        """The network, or in another thread than its owner's a copy with the same weights: heads remember the shape they last saw."""
        if get_ident() == self._owner:
            return self._network
        if not hasattr(self._others, "network"):
            shared = (*self._network.parameters(), *self._network.buffers())
            self._others.network = deepcopy(self._network, {id(tensor): tensor for tensor in shared})
        return self._others.network

    def _release(self) -> None:
        self._network, self._others = None, local()


def network_precision(network: nn.Module) -> Precision:
    """Half where most weights are; a module that was quantised is told by what it holds."""
    if any("quantized" in type(each).__module__ for each in network.modules()):
        return "int8"
    halves = sum(each.numel() for each in network.parameters() if each.dtype in HALVES)
    return "fp16" if halves * 2 > sum(each.numel() for each in network.parameters()) else "fp32"


def arrays(output: Any) -> tuple[NDArray[np.float32], ...]:
    """The tensors of a network's answer as float32; what Ultralytics adds for its losses (a dict or list) is left out."""
    parts = output if isinstance(output, tuple | list) else (output,)
    return tuple(part.detach().float().cpu().numpy() for part in parts if isinstance(part, torch.Tensor))


def torch_device(name: str) -> torch.device:
    """The device of a name such as ``cpu`` or ``cuda:0``."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BackendUnavailable("PyTorch knows no such device", found=name, expected="cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailable("PyTorch finds no CUDA device", found=name, next_step="use cpu, or install a CUDA build of torch")
    return device


@contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """Run with a number of threads; PyTorch has one setting for the whole process, which is put back."""
    before = torch.get_num_threads()
    if threads is None or threads == before:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PyTorchBackend:
    """Opens checkpoints that load without trust; a trusted one is loaded first and handed to ``PyTorchSession``."""

    name = "pytorch"
    suffix = ".pt"

    def open(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> Session:
        """Load the checkpoint and open its network."""
        from parity.models import load_checkpoint  # noqa: PLC0415 - wrapping a loaded network needs no loader

        return PyTorchSession(load_checkpoint(path).network, device=device, threads=threads)


BACKEND = PyTorchBackend()
