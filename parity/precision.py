"""In which precision a model file computes, as far as the file says."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Literal

import onnx

from parity.backends.artefact import read_artefact
from parity.backends.onnx_file import nodes, parse_model, tensors

Precision = Literal["fp32", "fp16", "int8"]
INT8_OPERATORS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"})
INT8_PREFIX = "QLinear"


def precision_of(path: Path) -> Precision:
    """The precision of an ONNX file; other files are taken for float32."""
    if path.suffix.lower() != ".onnx":
        return "fp32"
    return onnx_precision(parse_model(read_artefact(path, kind="an ONNX model"), path))


def onnx_precision(model: onnx.ModelProto) -> Precision:
    """INT8 where anything is quantised, float16 where most of the weights are."""
    if any(node.op_type in INT8_OPERATORS or node.op_type.startswith(INT8_PREFIX) for node in nodes(model)):
        return "int8"
    half, single = (weights(model, kind) for kind in (onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT))
    return "fp16" if half > single else "fp32"


def weights(model: onnx.ModelProto, kind: int) -> int:
    """How many stored numbers are of a type."""
    return sum(prod(tensor.dims) for tensor in tensors(model) if tensor.data_type == kind)
