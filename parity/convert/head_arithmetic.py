"""Where a detector's graph is done with learned products, and boxes and scores are made of their numbers."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from parity.onnx_graph import PRODUCTS


def head_arithmetic(graph: onnx.GraphProto) -> tuple[onnx.NodeProto, ...]:
    """The nodes behind the last learned products that only the outputs need, in the order of the graph.

    They count in pixels: half precision has steps of half a pixel above 512, and a scale of 8 bits of several.
    """
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    needed, learned = {output.name for output in graph.output}, set[str]()
    found = []
    for node in reversed(graph.node):  # which stand before those that read them
        if learned.isdisjoint(node.output) and not is_learned(node, shapes):
            found += [node] if not needed.isdisjoint(node.output) else []
            needed.update(node.input)
        else:
            learned.update(node.input)
    return tuple(reversed(found))


def is_learned(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a node is a product with weights; one to a single number, as the mean of a distribution is taken with, is arithmetic."""
    weights = [shapes[name] for name in node.input if name in shapes]
    outputs = -1 if node.op_type == "MatMul" else 0  # the axis of the weights that counts them
    return node.op_type in PRODUCTS and any(len(shape) > 1 and shape[outputs] > 1 for shape in weights)


def border(nodes: tuple[onnx.NodeProto, ...], graph: onnx.GraphProto) -> tuple[str, ...]:
    """The numbers that these nodes read and others of the graph have made, in the order of their makers."""
    read = {name for node in nodes for name in node.input} - {name for node in nodes for name in node.output}
    return tuple(name for node in graph.node for name in node.output if name in read)
