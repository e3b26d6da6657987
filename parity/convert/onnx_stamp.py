"""The stamp in ONNX files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from parity.convert.manifest import ONNX_KEY, Stamp
from parity.wire import to_json

if TYPE_CHECKING:
    from pathlib import Path


def add_stamp(file: Path, stamp: Stamp) -> None:
    """Store the stamp in ``metadata_props``, beside Ultralytics' own entries."""
    model = onnx.load(file)
    entry = model.metadata_props.add()
    entry.key, entry.value = ONNX_KEY, to_json(stamp)
    onnx.save(model, file)
