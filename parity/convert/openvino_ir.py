"""An ONNX file as OpenVINO IR, in float32, and the stamp in it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from parity.backends.openvino_file import METADATA_PLACE, WEIGHTS_KEY, weights_path
from parity.backends.openvino_import import require_openvino
from parity.convert.manifest import ONNX_KEY, Stamp
from parity.wire import to_json

if TYPE_CHECKING:
    from pathlib import Path


def derive(source: Path, file: Path) -> None:
    """Write the IR of an ONNX file, whose metadata it keeps."""
    save(require_openvino().Core().read_model(source), file)


def add_stamp(file: Path, stamp: Stamp) -> None:
    """Store the stamp among the metadata, and the digest of the weights that belong to it."""
    weights = weights_path(file).read_bytes()
    model = require_openvino().Core().read_model(file.read_bytes(), weights)  # bytes, since a file that is mapped cannot be written
    entries = {ONNX_KEY: to_json(stamp), WEIGHTS_KEY: hashlib.sha256(weights).hexdigest()}
    for key, value in entries.items():
        model.set_rt_info(value, [*METADATA_PLACE, key])
    save(model, file)


def save(model: Any, file: Path) -> None:
    """Write a model as it is; by itself OpenVINO would round its weights to half precision."""
    require_openvino().save_model(model, file, compress_to_fp16=False)
