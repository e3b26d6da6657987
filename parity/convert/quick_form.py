"""An ONNX graph in a form that ONNX Runtime calculates faster, with the same products and sums.

Outputs are those of the exporter's form to the last bit (YOLOv8), or but for the last ones (YOLO11), where the runtime can now add a
residual within the convolution before it.

Two things of Ultralytics' detectors are slow there on a CPU: a softmax over another axis than the last is transposed twice in one thread,
and a convolution whose channels are split leaves the blocked layout that all others keep. YOLOv8n gains a tenth by both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, numpy_helper

from parity.onnx_graph import Silu, attributes, consumers, copied, initializers, producers, silus

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

BLOCK = 16  # channels: parts of whole blocks keep the blocked layout, and are summed in the order they were
BINS_SECOND, BINS_LAST = [0, 2, 1, 3], [0, 1, 3, 2]  # how (batch, sides, bins, anchors) is transposed
MEAN = {"dilations": [1, 1], "group": 1, "kernel_shape": [1, 1], "pads": [0, 0, 0, 0], "strides": [1, 1]}  # as a convolution
WITHIN = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
NOBODY = NodeProto()


def quicken(file: Path) -> None:
    """Write a file anew in the quick form; one in which there is nothing to gain stays."""
    model = onnx.load(file)
    quick = in_quick_form(model)
    if quick != model:
        onnx.save(quick, file)


def in_quick_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in the quick form; a graph with others within it stays as it is, since they may read any of its tensors."""
    quick = copied(model)
    if any(attribute.type in WITHIN for node in quick.graph.node for attribute in node.attribute):
        return quick
    take_means_over_last_axis(quick)
    split_before_products(quick)
    if quick != model:
        del quick.graph.value_info[:]  # shapes of tensors that are no more
    return quick


def take_means_over_last_axis(model: onnx.ModelProto) -> None:
    """Lay the bins of distributions last, and take their means by a product of matrices instead of a convolution."""
    makers, readers, stored = producers(model), readers_of(model), initializers(model)
    for softmax in (node for node in model.graph.node if node.op_type == "Softmax" and attributes(node) == {"axis": 1}):
        before, mean = makers.get(softmax.input[0], NOBODY), only(readers, softmax)
        laid = before.op_type == "Transpose" and attributes(before) == {"perm": BINS_SECOND} and only(readers, before) == softmax
        summed = mean.op_type == "Conv" and attributes(mean) == MEAN and len(mean.input) == len(("bins", "kernel"))
        if not (laid and summed and only(readers, mean).op_type == "Reshape"):  # to which an axis of length 1 may stand anywhere
            continue
        kernel = stored.get(mean.input[1])
        if kernel is not None and kernel.dims[0] == 1 and len(readers[kernel.name]) == 1:
            kernel.dims[:] = (kernel.dims[1], 1)
            before.attribute[0].ints[:], softmax.attribute[0].i = BINS_LAST, len(BINS_LAST) - 1
            mean.op_type = "MatMul"
            del mean.attribute[:]


def split_before_products(model: onnx.ModelProto) -> None:
    """Give each part of channels that are split a convolution and a SiLU of its own."""
    readers, stored = readers_of(model), initializers(model)
    instead: dict[str, list[NodeProto]] = {}  # of the node whose first output has this name
    for silu in silus(model):
        split = only(readers, silu.mul)
        ends = whole_blocks(split, stored)
        unread = all(NOBODY not in readers[node.output[0]] for node in silu)
        if unread and is_whole(silu.product, stored) and ends is not None:
            instead |= {node.output[0]: [] for node in silu} | {split.output[0]: list(parts_of(model, silu, split, ends[:-1]))}
    nodes = [copied(each) for node in model.graph.node for each in instead.get(node.output[0], [node])]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    drop_unread(model, {name for name in stored if name in readers})


def drop_unread(model: onnx.ModelProto, once_read: Container[str]) -> None:
    """Let go of stored tensors that were read and are no more."""
    readers = readers_of(model)
    kept = [copied(tensor) for tensor in model.graph.initializer if tensor.name in readers or tensor.name not in once_read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def whole_blocks(split: NodeProto, stored: Mapping[str, onnx.TensorProto]) -> NDArray[np.int64] | None:
    """Where each part of channels ends; ``None`` for other nodes and axes, for sizes that are not stored, and parts of blocks."""
    if split.op_type != "Split" or attributes(split) != {"axis": 1} or split.input[-1] not in stored:
        return None
    sizes = numpy_helper.to_array(stored[split.input[-1]])
    return None if (sizes % BLOCK).any() else np.cumsum(sizes)


def is_whole(node: NodeProto, stored: Container[str]) -> bool:
    """Whether a product is a convolution all of whose outputs see all inputs, with stored weights."""
    return node.op_type == "Conv" and attributes(node).get("group", 1) == 1 and all(name in stored for name in node.input[1:])


def parts_of(model: onnx.ModelProto, silu: Silu, split: NodeProto, ends: NDArray[np.int64]) -> Iterator[NodeProto]:
    """The nodes that make each output of a split, from parts of the weights, which are added to the graph.

    What they store is named after what they make, which no other node does: another convolution may have the same bias.
    """
    stored, names = initializers(model), silu.product.input[1:]
    divided = [np.split(numpy_helper.to_array(stored[name]), ends) for name in names]
    for number, (output, *arrays) in enumerate(zip(split.output, *divided, strict=True)):
        own = {name: f"{name}_{number}" for node in silu for name in (node.name, node.output[0]) if name}
        own |= {silu.mul.output[0]: output} | {name: f"{own[silu.product.output[0]]}::{name}" for name in names}
        weights = zip(names, arrays, strict=True)
        model.graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(array), own[name]) for name, array in weights)
        for node in silu:
            part = copied(node)
            part.name = own.get(node.name, "")
            part.input[:], part.output[:] = ([own.get(name, name) for name in each] for each in (node.input, node.output))
            yield part


def readers_of(model: onnx.ModelProto) -> dict[str, list[NodeProto]]:
    """Who reads each tensor; what leaves the graph is read by nobody as well."""
    readers = consumers(model)
    for output in model.graph.output:
        readers.setdefault(output.name, []).append(NOBODY)
    return readers


def only(readers: dict[str, list[NodeProto]], node: NodeProto) -> NodeProto:
    """The node that alone reads the first output of another, ``NOBODY`` where there are more or none."""
    reading = readers.get(node.output[0], []) if node.output else []
    return reading[0] if len(reading) == 1 else NOBODY
