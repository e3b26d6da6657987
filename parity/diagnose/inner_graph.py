"""The graph within an ONNX file that does the work: the main one, or the body of a loop over images."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from parity.backends.onnx_file import graphs, node_graphs
from parity.convert.batch_loop import IMAGE
from parity.diagnose.onnx_edit import Value
from parity.onnx_graph import CONSTANT, copied

Edit = Callable[[onnx.ModelProto], None]


def network(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the largest graph as a model of its own, to be read and edited; it need not run."""
    view = onnx.ModelProto(opset_import=model.opset_import, metadata_props=model.metadata_props)
    view.graph.CopyFrom(largest(model))
    return view


def largest(model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph with the most nodes."""
    return max(graphs(model), key=lambda graph: len(graph.node))


def edited(model: onnx.ModelProto, edit: Edit) -> onnx.ModelProto:
    """A copy of a file whose network is edited."""
    copy, view = copied(model), network(model)
    edit(view)
    largest(copy).CopyFrom(view.graph)
    return copy


def nodes_in_order(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of a nested graph right behind the node that holds it; without recursion, since depth may be hostile."""
    waiting = [iter(graph.node)]
    while waiting:
        node = next(waiting[-1], None)
        if node is None:
            waiting.pop()
            continue
        yield node
        waiting += [iter(nested.node) for nested in reversed(list(node_graphs(node)))]


def all_constants(graph: onnx.GraphProto) -> dict[str, Value]:
    """Every stored tensor by name, those of nested graphs too."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in nodes_in_order(graph):
        if node.op_type == CONSTANT:
            stored |= {name: numpy_helper.to_array(each.t) for each in node.attribute if each.name == "value" for name in node.output}
        for nested in node_graphs(node):
            stored |= {tensor.name: numpy_helper.to_array(tensor) for tensor in nested.initializer}
    return stored


def image_name(view: onnx.ModelProto) -> str:
    """The tensor of the image that a network reads."""
    made = {name for node in view.graph.node for name in node.output}
    return IMAGE if IMAGE in made or not view.graph.input else str(view.graph.input[0].name)


def is_number(value: Value) -> bool:
    """Whether a stored tensor is one finite number."""
    return bool(value.size == 1 and np.issubdtype(value.dtype, np.number) and np.isfinite(value).all())
