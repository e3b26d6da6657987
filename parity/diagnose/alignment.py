"""Two graphs of one network, node by node: a fresh export of the reference's checkpoint, and the candidate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from parity.diagnose.onnx_edit import Value
from parity.onnx_graph import CONSTANT, PRODUCTS, attributes, constants

NAMED_ALIKE = 0.5  # of the candidate's nodes, from which on names are trusted
WITHOUT_EFFECT = frozenset({CONSTANT, "Identity"})
RELATIVE = 1e-4  # of a tensor's norm, that rounding and fusing leave between two exports of one network


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One node in both graphs."""

    fresh: onnx.NodeProto
    candidate: onnx.NodeProto

    @property
    def place(self) -> str:
        """The fresh node's name, which holds the path of its module."""
        return str(self.fresh.name)


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What one pair does otherwise: ``attributes`` of the fresh node, and ``values`` of its stored inputs by their position."""

    pair: Pair
    attributes: bool
    values: dict[int, tuple[Value, Value]] = field(default_factory=dict)  # fresh, candidate


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Pairs in the candidate's order, and the candidate's nodes that the fresh graph does not have."""

    fresh: onnx.ModelProto
    candidate: onnx.ModelProto
    pairs: tuple[Pair, ...]
    further: tuple[onnx.NodeProto, ...]


def align(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Alignment:
    """Match nodes by name, or where the names are another exporter's by the order of their operators."""
    own, other = computing(fresh), computing(candidate)
    named = {node.name: node for node in own if node.name}
    alike = [node for node in other if node.name in named and named[node.name].op_type == node.op_type]
    if len(alike) >= NAMED_ALIKE * len(other):
        pairs = tuple(Pair(named[node.name], node) for node in alike)
    else:
        pairs = by_order(own, other, signatures(fresh, own), signatures(candidate, other))
    matched = {id(pair.candidate) for pair in pairs}
    return Alignment(fresh, candidate, pairs, tuple(node for node in other if id(node) not in matched))


def computing(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that compute something."""
    return [node for node in model.graph.node if node.op_type not in WITHOUT_EFFECT]


def signatures(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> list[tuple[Any, ...]]:
    """What tells nodes of different places apart: the operator and the shapes of stored weights."""
    stored = constants(model)
    return [
        (node.op_type, *(tuple(stored[name].dims) for name in node.input if node.op_type in PRODUCTS and name in stored)) for node in nodes
    ]


def by_order(
    fresh: Sequence[onnx.NodeProto], candidate: Sequence[onnx.NodeProto], own: Sequence[object], other: Sequence[object]
) -> tuple[Pair, ...]:
    """The longest runs of equal signatures."""
    blocks = SequenceMatcher(None, own, other, autojunk=False).get_matching_blocks()
    return tuple(
        Pair(one, two)
        for block in blocks
        for one, two in zip(fresh[block.a : block.a + block.size], candidate[block.b : block.b + block.size], strict=True)
    )


def differences(alignment: Alignment, *, tolerance: float = RELATIVE) -> Iterator[Difference]:
    """Every pair whose attributes or stored inputs are not the same, but for rounding."""
    own, other = constants(alignment.fresh), constants(alignment.candidate)
    for pair in alignment.pairs:
        values = {
            index: (numpy_helper.to_array(own[one]), numpy_helper.to_array(other[two]))
            for index, (one, two) in enumerate(zip(pair.fresh.input, pair.candidate.input, strict=False))
            if one in own and two in other
        }
        unequal = {index: pair_ for index, pair_ in values.items() if not relative_difference(*pair_) <= tolerance}
        changed = attributes(pair.fresh) != attributes(pair.candidate)
        if changed or unequal:
            yield Difference(pair, changed, unequal)


def relative_difference(fresh: Value, candidate: Value) -> float:
    """The norm of the difference as a share of the fresh tensor's; infinite for other shapes."""
    if fresh.shape != candidate.shape:
        return float("inf")
    own, other = (np.asarray(value, np.float64) for value in (fresh, candidate))
    size = float(np.linalg.norm(own))
    apart = float(np.linalg.norm(own - other))
    return apart / size if size else apart
