"""An ONNX file in half precision: weights and arithmetic, up to the boxes and scores; input and outputs stay float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from parity.backends import onnx_runtime  # noqa: F401 - which imports ONNX Runtime without its telemetry
from parity.convert.head_arithmetic import border, head_arithmetic

if TYPE_CHECKING:
    from pathlib import Path


PREFIX = "head/"
NAMES_KEPT = ("rename_nodes", "rename_edges", "rename_inputs", "rename_outputs", "rename_value_infos", "rename_functions")


def derive(source: Path, file: Path) -> None:
    """Write the half-precision form of a float32 file.

    The graph is cut before its head's arithmetic and put together again: ONNX Runtime's converter, told to leave those nodes alone,
    rounds every number between them.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    cut = border(head_arithmetic(model.graph), model.graph)
    whole = onnx.utils.Extractor(model)
    body = whole.extract_model([each.name for each in model.graph.input], list(cut))
    head = whole.extract_model(list(cut), [each.name for each in model.graph.output])
    onnx.save(joined(in_half(body), head, cut, model), file)


def in_half(body: onnx.ModelProto) -> onnx.ModelProto:
    """A model that calculates in float16 between float32 inputs and outputs."""
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415 - after ONNX Runtime itself
    from onnxruntime.transformers.onnx_model import OnnxModel  # noqa: PLC0415

    halved = OnnxModel(convert_float_to_float16(body, keep_io_types=True))
    halved.topological_sort()  # the converter leaves its casts at the end
    model: onnx.ModelProto = halved.model
    return model


def joined(body: onnx.ModelProto, head: onnx.ModelProto, cut: tuple[str, ...], whole: onnx.ModelProto) -> onnx.ModelProto:
    """Both parts as one model, with the name and the metadata of the whole; constants that both read are there twice."""
    for part in (body, head):
        del part.graph.value_info[:], part.metadata_props[:]
    own = onnx.compose.add_prefix(head, PREFIX, **dict.fromkeys(NAMES_KEPT, False))
    model = onnx.compose.merge_models(body, own, [(name, name) for name in cut], name=whole.graph.name)
    model.metadata_props.extend(whole.metadata_props)
    return model
