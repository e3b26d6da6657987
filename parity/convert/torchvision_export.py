"""Torchvision's detectors to files; images of every size and any number of them stay possible in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from parity.backends.quiet import quiet_torch
from parity.convert.exact_script import scripted
from parity.convert.torchvision_onnx import export_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from parity.models import Checkpoint


def export(checkpoint: Checkpoint, file: Path, *, format_name: str, size: tuple[int, int], dynamic: bool) -> None:
    """Write the network to ``file``; ``size`` and ``dynamic`` say nothing here, since the network resizes inside."""
    del size, dynamic
    network: Any = checkpoint.network
    if format_name == "onnx":
        export_onnx(network.detector, file)
        return
    with quiet_torch():
        torch.jit.save(scripted(network), file)
