"""The stamp in TorchScript files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch

from parity.backends.quiet import quiet_torch
from parity.backends.torchscript import load_module
from parity.convert.manifest import TORCHSCRIPT_KEY, Stamp
from parity.wire import to_json

if TYPE_CHECKING:
    from pathlib import Path


def add_stamp(file: Path, stamp: Stamp) -> None:
    """Store the stamp as an extra file of the archive, beside Ultralytics' ``config.txt``."""
    module, texts = load_module(file.read_bytes(), file, device=torch.device("cpu"))
    archive = io.BytesIO()
    with quiet_torch():
        torch.jit.save(module, archive, _extra_files=texts | {TORCHSCRIPT_KEY: to_json(stamp)})
    file.write_bytes(archive.getvalue())
