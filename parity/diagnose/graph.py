"""Into the graph: the candidate's nodes against a fresh export of the checkpoint, and what restoring some of them brings."""

from __future__ import annotations

import ast
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from parity.convert.conversion import exporters_form
from parity.convert.quick_form import in_quick_form
from parity.diagnose.alignment import Alignment, Difference, align, differences
from parity.diagnose.divergence import first_divergence
from parity.diagnose.heads import Case
from parity.diagnose.naming import PARTIAL, Finding, Named, alike
from parity.diagnose.onnx_edit import bypass, load_graph, run_edited, store
from parity.diagnose.states import raw_state
from parity.diagnose.weights import STATE_FAULTS, Layers, compare_weights
from parity.errors import ParityError
from parity.onnx_graph import PRODUCTS, constants, copied
from parity.open_gate import Gate
from parity.request import Size

BY_OPERATOR = {
    "Resize": "resize_coord_mode",
    "Upsample": "resize_coord_mode",
    "MaxPool": "ceil_mode_pool",
    "AveragePool": "ceil_mode_pool",
    "RoiAlign": "roialign_half_pixel",
}
DFL = "/dfl/"
DYNAMO = "pkg.torch.onnx"  # how the keys begin that torch's dynamo exporter leaves at nodes
BYPASSED = frozenset({"Mul", "Add", "Sub", "Div", "Sigmoid", "Clip", "Relu", "Cast", "Neg", "Round", "Floor", "Softmax"})
LEAST_SHARE = 0.05  # of the distance, that a group of nodes has to account for to be named beside others


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Nodes that differ in one way: the faults that this can be, and what is restored."""

    faults: tuple[str, ...]
    said: str
    differences: tuple[Difference, ...] = ()
    inserted: tuple[onnx.NodeProto, ...] = ()


def fresh_export(case: Case, candidate: onnx.ModelProto) -> onnx.ModelProto | None:
    """The reference's checkpoint exported anew at the candidate's size."""
    return fresh_model(case.gate, case.probes[0].size, candidate)


def fresh_model(gate: Gate, size: Size, candidate: onnx.ModelProto) -> onnx.ModelProto | None:
    """The reference's checkpoint exported anew at a size, in the form that shares more nodes with the candidate: the exporter's, or ours.

    ``None`` where there is none or it cannot be exported.
    """
    if gate.checkpoint is None:
        return None
    try:
        if size not in gate.exported:
            folder = Path(gate.resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-diagnose-")))
            gate.exported[size] = exporters_form(gate.checkpoint, "onnx", out=folder, size=size)
        exported = load_graph(gate.exported[size])
    except ParityError:
        return None
    return max((exported, in_quick_form(exported)), key=partial(shared_nodes, candidate))


def shared_nodes(candidate: onnx.ModelProto, form: onnx.ModelProto) -> tuple[int, int]:
    """How many nodes a form has in common with a candidate, by name; of nameless ones, by operator."""
    own, other = candidate.graph.node, form.graph.node
    operators = Counter(node.op_type for node in own) & Counter(node.op_type for node in other)
    return len({node.name for node in own} & {node.name for node in other}), operators.total()


def graph_findings(case: Case, model: onnx.ModelProto, fresh: onnx.ModelProto) -> Iterator[Finding]:
    """Groups of differing nodes, each restored by itself, then all that matter together."""
    alignment = align(fresh, model)
    groups = grouped(alignment)
    if not groups:
        return
    divergence = first_divergence(case, alignment)
    where = f" {divergence.said}." if divergence else ""
    tried = [(group, case.prove(run_edited(case, restored(alignment, [group])))) for group in groups]
    for group, proof in tried:
        if "ema_vs_raw_weights" in group.faults:
            yield from raw_state(case, group.said)
        yield Finding(named([group], where), "restore", proof)
    telling = [group for group, proof in sorted(tried, key=lambda pair: -pair[1].explains) if proof.explains >= LEAST_SHARE]
    if len(telling) > 1 and max(proof.explains for _, proof in tried) < PARTIAL:
        yield Finding(named(telling, where), "restore", case.prove(run_edited(case, restored(alignment, telling))))


def named(groups: Sequence[Group], where: str) -> tuple[Named, ...]:
    """The faults of groups, with the place where the graphs part."""
    return tuple(each for group in groups for each in alike(group.faults, group.said, where=where))


def grouped(alignment: Alignment) -> list[Group]:
    """All differences by what they would be called."""
    unequal = list(differences(alignment))
    by_fault: dict[str, list[Difference]] = {}
    for difference in unequal:
        by_fault.setdefault(fault_of(difference), []).append(difference)
    weighted, others = by_fault.pop("weights", []), by_fault.pop("", [])
    groups = [Group((fault,), restoring(found), tuple(found)) for fault, found in by_fault.items()]
    groups += weight_groups(alignment, weighted)
    exporters = exporter_faults(alignment.candidate)
    groups += [Group(exporters, restoring(others), tuple(others))] if others else []
    inserted = tuple(node for node in alignment.further if may_be_bypassed(node, alignment))
    if inserted:
        groups.append(Group(exporters, f"its further nodes {', '.join(node.name for node in inserted[:3])} taken out", (), inserted))
    return groups


def restoring(found: Sequence[Difference]) -> str:
    """What is done to some nodes, in words."""
    places = ", ".join(each.pair.place for each in found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")  # noqa: PLR2004
    return f"{places} as a fresh export of the checkpoint has {'it' if len(found) == 1 else 'them'}"


def fault_of(difference: Difference) -> str:
    """What a difference is called by its place and operator; empty where only its making is to blame."""
    operator = difference.pair.candidate.op_type
    if DFL in difference.pair.place:
        return "dfl_axis_or_bins"
    return BY_OPERATOR.get(operator) or ("weights" if operator in PRODUCTS and difference.values else "")


def weight_groups(alignment: Alignment, found: Sequence[Difference]) -> list[Group]:
    """The layers whose weights differ, by how they differ."""
    if not found:
        return []
    weights = compare_weights(layers_of(alignment, found))
    said = f"the weights of a fresh export in it, {weights.said}"
    return [Group(STATE_FAULTS.get(weights.kind) or exporter_faults(alignment.candidate), said, tuple(found))]


def layers_of(alignment: Alignment, found: Sequence[Difference]) -> Layers:
    """The numbers of every layer on both sides: those of the layers that differ, and the same twice of those that do not."""
    unequal = {each.pair.place: each for each in found}
    layers = {}
    for pair in alignment.pairs:
        if pair.fresh.op_type in PRODUCTS and DFL not in pair.place:
            values = list(unequal[pair.place].values.values()) if pair.place in unequal else [(np.ones(1), np.ones(1))]
            same_shape = [(one, two) for one, two in values if one.shape == two.shape]
            layers[pair.place] = tuple(np.concatenate([side[which].astype(np.float64).ravel() for side in same_shape]) for which in (0, 1))
    return {place: (own, other) for place, (own, other) in layers.items()}


def exporter_faults(model: onnx.ModelProto) -> tuple[str, ...]:
    """Who wrote a file that computes something else with the right weights; both where the file does not tell."""
    if any(entry.key.startswith(DYNAMO) for node in model.graph.node for entry in node.metadata_props):
        return ("dynamo_exporter_bug",)
    return ("onnx_simplifier_bug",) if simplified(model) else ("onnx_simplifier_bug", "dynamo_exporter_bug")


def simplified(model: onnx.ModelProto) -> bool:
    """Whether Ultralytics' metadata says that the file was simplified."""
    text = next((entry.value for entry in model.metadata_props if entry.key == "args"), "")
    try:
        arguments = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return isinstance(arguments, dict) and arguments.get("simplify") is True


def may_be_bypassed(node: onnx.NodeProto, alignment: Alignment) -> bool:
    """Whether a node without a partner computes number by number from one tensor."""
    stored = constants(alignment.candidate)
    return node.op_type in BYPASSED and bool(node.input) and node.input[0] not in stored and set(node.input[1:]) <= set(stored)


def restored(alignment: Alignment, groups: Sequence[Group]) -> onnx.ModelProto:
    """The candidate's graph with the fresh attributes and stored values at the nodes of some groups."""
    model = copied(alignment.candidate)
    nodes = {node.output[0]: node for node in model.graph.node if node.output}
    for difference in (each for group in groups for each in group.differences):
        node, fresh = nodes[difference.pair.candidate.output[0]], difference.pair.fresh
        if difference.attributes:
            del node.attribute[:]
            node.attribute.extend(fresh.attribute)
        for index, (value, _) in difference.values.items():
            node.input[index] = store(model, node.input[index], value)
    bypass(model, [nodes[node.output[0]] for group in groups for node in group.inserted])
    return model
