"""What an image goes through first within a graph, against a fresh export: further or other normalisation, or exchanged colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import onnx

from parity.diagnose.inner_graph import all_constants, edited, image_name, network
from parity.diagnose.naming import Named
from parity.diagnose.onnx_edit import Value, bypass, store
from parity.diagnose.trials import Restoration, Variant
from parity.onnx_graph import constants, consumers

PASSED = frozenset({"Div", "Mul", "Sub", "Add", "Cast", "Clip", "Gather"})
NORMALISED = ["Sub", "Div"]
ENTRANCE = frozenset({"entrance"})


def entrance_restorations(model: onnx.ModelProto, fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Iterator[Restoration]:
    """The restoration of a file's first nodes, at most one."""
    own, other = entrance(fresh), entrance(candidate)
    operators = [[node.op_type for node in side] for side in (own, other)]
    further = len(other) - len(own)
    if further > 0 and operators[1][further:] == operators[0]:
        yield without(model, other[:further])
    elif further > 0 and operators[1][: len(own)] == operators[0]:
        yield without(model, other[len(own) :])
    elif not further and operators[0] == operators[1] and differ(fresh, candidate, own, other):
        yield with_constants(model, [constant_of(fresh, node) for node in own], other)
    elif not other and operators[0] == NORMALISED:
        yield on_the_host([constant_of(fresh, node) for node in own])


def entrance(view: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes with stored operands that the image goes through before anything else but the reading of its shape."""
    readers, stored, name = consumers(view), constants(view), image_name(view)
    chain: list[onnx.NodeProto] = []
    while True:
        nodes = [node for node in readers.get(name, []) if node.op_type != "Shape"]
        if len(nodes) != 1 or nodes[0].op_type not in PASSED or not set(nodes[0].input[1:]) <= set(stored):
            return chain
        chain.append(nodes[0])
        name = nodes[0].output[0]


def constant_of(view: onnx.ModelProto, node: onnx.NodeProto) -> Value:
    """The stored operand of a node, nothing where it has none."""
    return all_constants(view.graph)[node.input[1]] if len(node.input) > 1 else np.empty(0)


def differ(fresh: onnx.ModelProto, candidate: onnx.ModelProto, own: Sequence[onnx.NodeProto], other: Sequence[onnx.NodeProto]) -> bool:
    """Whether any operand differs, but for one factor of all: that is another range of pixels."""
    pairs = [(constant_of(fresh, one).ravel(), constant_of(candidate, two).ravel()) for one, two in zip(own, other, strict=True)]
    if any(one.shape != two.shape for one, two in pairs):
        return True
    factors = np.concatenate([two / one for one, two in pairs] or [np.ones(1)])
    return not np.allclose(factors, factors[0])


def without(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> Restoration:
    """The first nodes taken out that a fresh export does not have."""
    outputs = {node.output[0] for node in nodes}
    colours = all(node.op_type == "Gather" for node in nodes)
    what = ", ".join(node.name or node.op_type for node in nodes)

    def undo(variant: Variant) -> Variant:
        def edit(view: onnx.ModelProto) -> None:
            bypass(view, [node for node in view.graph.node if node.output and node.output[0] in outputs])

        return replace(variant, graph=edited(variant.graph or model, edit))

    named = Named("channel_order_bgr" if colours else "graph_and_host_both_preprocess", f"its first nodes {what} taken out")
    return Restoration((named,), undo, ENTRANCE)


def with_constants(model: onnx.ModelProto, values: Sequence[Value], nodes: Sequence[onnx.NodeProto]) -> Restoration:
    """The operands of a fresh export at the first nodes."""
    found = {node.output[0]: all_constants(network(model).graph)[node.input[1]] for node in nodes if len(node.input) > 1}
    right = {node.output[0]: value for node, value in zip(nodes, values, strict=True) if value.size}
    written = "; ".join(str([float(f"{number:.4g}") for number in value.ravel()]) for value in found.values())

    def undo(variant: Variant) -> Variant:
        def edit(view: onnx.ModelProto) -> None:
            for node in view.graph.node:
                if node.output and node.output[0] in right:
                    node.input[1] = store(view, node.input[1], right[node.output[0]])

        return replace(variant, graph=edited(variant.graph or model, edit))

    named = Named("mean_std_mismatch", f"the mean and standard deviation of a fresh export in place of {written}", {"constants": written})
    return Restoration((named,), undo, ENTRANCE)


def on_the_host(values: Sequence[Value]) -> Restoration:
    """The normalisation that a graph lacks, done before it."""
    (red, green, blue), (one, two, three) = ([float(number) for number in value.ravel()] for value in values)
    mean, std = (red, green, blue), (one, two, three)

    def undo(variant: Variant) -> Variant:
        return replace(variant, spec=replace(variant.spec, preprocess=replace(variant.spec.preprocess, mean=mean, std=std)))

    named = Named("mean_std_mismatch", "the normalisation done before it that a fresh export has inside", {"constants": "none"})
    return Restoration((named,), undo, ENTRANCE)
