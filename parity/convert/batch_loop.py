"""A graph of one image as the body of an ONNX ``Loop`` over a batch."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

INPUT = "input"
IMAGE = "image"  # the body's input: one image (3, height, width)
COUNT = "count"  # its last output (1,): how many rows of the others are detections
SIDES = ("height", "width")
PRODUCER = "parity"


def over_batch(single: onnx.ModelProto) -> onnx.ModelProto:
    """A model of images (batch, 3, height, width) from one of ``IMAGE``, whose outputs are rows (D, ...) and then ``COUNT``.

    The outputs have the same names, a batch axis in front and as many rows as the fullest image has detections.
    """
    rows, count = list(single.graph.output)[:-1], single.graph.output[-1].name
    batch_size, stacked, last = "batch_size", f"{count}_of_each", f"{count}_of_fullest"
    nodes = [
        helper.make_node("Shape", [INPUT], [batch_size], end=1),
        helper.make_node("Squeeze", [batch_size], ["trips"]),
        helper.make_node("Loop", ["trips", ""], [*(f"all_{row.name}" for row in rows), stacked], body=loop_body(single.graph)),
        helper.make_node("ReduceMax", [stacked], [last], axes=[0], keepdims=0),
        *(helper.make_node("Slice", [f"all_{row.name}", "first", last, "row_axis"], [row.name]) for row in rows),
    ]
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [batch_size, 3, *SIDES])
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("first", 0), ("row_axis", 1))]
    graph = helper.make_graph(nodes, "batch", [images], [with_batch(row) for row in rows], constants)
    return helper.make_model(graph, opset_imports=single.opset_import, ir_version=single.ir_version, producer_name=PRODUCER)


def loop_body(single: onnx.GraphProto) -> onnx.GraphProto:
    """The graph of one image with its weights, taking the image at the loop's index.

    The weights stay inside: as initializers of the outer graph they kept ONNX Runtime from folding them, for 1.19 times the time.
    """
    index, condition, proceed = "index", "condition", "proceed"
    take = helper.make_node("Gather", [INPUT, index], [IMAGE], axis=0)
    go_on = helper.make_node("Identity", [condition], [proceed])
    arguments = [
        helper.make_tensor_value_info(index, TensorProto.INT64, []),
        helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
    ]
    results = [helper.make_tensor_value_info(proceed, TensorProto.BOOL, []), *single.output]
    nodes = [go_on, take, *(without_origin(node) for node in single.node)]
    return helper.make_graph(nodes, "image", arguments, results, single.initializer)


def without_origin(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node without what the exporter noted of the source, which may name paths of this machine."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("doc_string")
    del copy.metadata_props[:]
    return copy


def with_batch(row: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """An output of the body (D, ...) as an output of the model (batch_size, detections, ...)."""
    tensor = row.type.tensor_type
    rest = [side.dim_value for side in tensor.shape.dim[1:]]
    return helper.make_tensor_value_info(row.name, tensor.elem_type, ["batch_size", "detections", *rest])
