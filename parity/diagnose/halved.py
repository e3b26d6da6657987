"""Files in half precision: the same graph in float32 with the checkpoint's own weights."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, numpy_helper

from parity.diagnose.alignment import align, differences
from parity.diagnose.graph import Group, restored
from parity.diagnose.heads import Case
from parity.diagnose.naming import UNPROVEN, Finding, Named
from parity.diagnose.onnx_edit import run_edited
from parity.onnx_graph import copied

FAULTS = {TensorProto.FLOAT16: "fp16_precision", TensorProto.BFLOAT16: "bf16_or_fp16_plugin_default"}
EXACT = 0.0


def halved_findings(case: Case, model: onnx.ModelProto, fresh: onnx.ModelProto | None) -> Iterator[Finding]:
    """What a file whose weights are stored in half precision is called."""
    kinds = [tensor.data_type for tensor in model.graph.initializer if tensor.data_type in FAULTS]
    if not kinds:
        return
    fault, read = FAULTS[kinds[0]], f"{len(kinds)} of its {len(model.graph.initializer)} stored tensors are in half precision"
    if fresh is not None:
        alignment = align(fresh, in_float(model))
        changes = Group((fault,), "", tuple(differences(alignment, tolerance=EXACT)))
        said = f"its graph in float32 with the checkpoint's weights ({read})"
        yield Finding((Named(fault, said),), "restore", case.prove(run_edited(case, restored(alignment, [changes]))))
    yield Finding((Named(fault, read),), "inspect", UNPROVEN)


def in_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes in float32."""
    edited = copied(model)
    del edited.graph.value_info[:]
    for value in (*edited.graph.input, *edited.graph.output):
        if value.type.tensor_type.elem_type in FAULTS:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in edited.graph.initializer:
        widen(tensor)
    for node in edited.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                widen(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in FAULTS:
                attribute.i = TensorProto.FLOAT
    return edited


def widen(tensor: TensorProto) -> None:
    """Store a tensor of half precision as float32."""
    if tensor.data_type in FAULTS:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), tensor.name))
