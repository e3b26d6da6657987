"""What is asked of an ONNX graph: who writes and who reads a tensor, what is stored, and what a node was told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import onnx
from onnx import helper

Message = TypeVar("Message", onnx.ModelProto, onnx.NodeProto, onnx.TensorProto)
CONSTANT = "Constant"
PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})  # that may have learned weights


def initializers(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """The tensors that are stored beside the main graph's nodes, by name."""
    return {tensor.name: tensor for tensor in model.graph.initializer}


def constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Every stored tensor of the main graph by name."""
    stored = initializers(model)
    for node in model.graph.node:
        if node.op_type == CONSTANT:
            stored |= {name: attribute.t for attribute in node.attribute if attribute.name == "value" for name in node.output}
    return stored


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as plain values; tensors as bytes."""
    return {each.name: plain(helper.get_attribute_value(each)) for each in node.attribute}


def plain(value: Any) -> Any:
    """A value that compares by content."""
    return value.SerializeToString() if isinstance(value, onnx.TensorProto | onnx.GraphProto) else value


def consumers(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Who reads each tensor."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Who writes each tensor."""
    return {name: node for node in model.graph.node for name in node.output if name}


def copied(message: Message) -> Message:
    """A copy to edit, of a model or a part of one."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


class Silu(NamedTuple):
    """A product with weights, and the two nodes that make x times the sigmoid of x of it; nobody else reads what is between them."""

    product: onnx.NodeProto
    sigmoid: onnx.NodeProto
    mul: onnx.NodeProto


def silus(model: onnx.ModelProto) -> Iterator[Silu]:
    """Every product that only its own SiLU reads."""
    readers = consumers(model)
    for node in model.graph.node:
        reading = readers.get(node.output[0], []) if node.op_type in PRODUCTS else []
        if sorted(each.op_type for each in reading) == ["Mul", "Sigmoid"]:
            mul, sigmoid = sorted(reading, key=lambda each: each.op_type)
            if readers.get(sigmoid.output[0], []) == [mul]:
                yield Silu(node, sigmoid, mul)
