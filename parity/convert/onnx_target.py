"""ONNX files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from parity.convert.exporting import export_with_ultralytics
from parity.convert.manifest import ONNX_KEY, Stamp
from parity.wire import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from parity.models import Checkpoint


def export(checkpoint: Checkpoint, file: Path, *, size: tuple[int, int], dynamic: bool) -> None:
    """Write the network as a float32 ONNX file, simplified."""
    export_with_ultralytics(checkpoint, file, format_name="onnx", size=size, dynamic=dynamic)


def add_stamp(file: Path, stamp: Stamp) -> None:
    """Store the stamp in ``metadata_props``, beside Ultralytics' own entries."""
    model = onnx.load(file)
    entry = model.metadata_props.add()
    entry.key, entry.value = ONNX_KEY, to_json(stamp)
    onnx.save(model, file)
