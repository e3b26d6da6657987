"""Exported files as other tools leave them, and changes of what a file says about itself."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import onnx
from gate.running import SIDE
from onnx import TensorProto, helper

from parity.models.ultralytics import require_ultralytics


def ultralytics_export(checkpoint: Path, folder: Path, **arguments: Any) -> Path:
    """The file that Ultralytics' own export makes of a copy of the checkpoint."""
    require_ultralytics()
    from ultralytics import YOLO  # noqa: PLC0415 - its environment is set just above

    copy = shutil.copy(checkpoint, folder)
    with warnings.catch_warnings(action="ignore"):  # PyTorch's, of the exporter that Ultralytics takes
        return Path(YOLO(copy).export(**{"format": "onnx", "imgsz": SIDE, "verbose": False, **arguments}))


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    """Write a model that a test has changed."""
    onnx.save(model, folder / "changed.onnx")
    return folder / "changed.onnx"


def set_metadata(model: onnx.ModelProto, **values: str) -> onnx.ModelProto:
    """The model with other metadata; what is not named stays."""
    before = {entry.key: entry.value for entry in model.metadata_props}
    helper.set_model_props(model, before | values)
    return model


def transposed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with anchors first in its output."""
    output = model.graph.output[0]
    sides = [axis.dim_value for axis in output.type.tensor_type.shape.dim]
    model.graph.node.append(helper.make_node("Transpose", [output.name], ["anchors_first"], perm=[0, 2, 1]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("anchors_first", TensorProto.FLOAT, [sides[0], sides[2], sides[1]]))
    return model
