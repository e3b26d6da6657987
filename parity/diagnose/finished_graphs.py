"""Faults of an ONNX file whose network suppresses inside: what differs from a fresh export, restored in a copy of the candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from parity.diagnose.alignment import Alignment, Difference, by_order, differences, signatures
from parity.diagnose.entrance import entrance_restorations
from parity.diagnose.graph import BY_OPERATOR, exporter_faults, fault_of, fresh_model, layers_of, restoring
from parity.diagnose.inner_graph import Edit, all_constants, edited, is_number, network, nodes_in_order
from parity.diagnose.naming import Named, alike
from parity.diagnose.onnx_edit import Value, load_graph, store
from parity.diagnose.resizing import resize_restorations
from parity.diagnose.trials import Restoration, Trial, Variant
from parity.diagnose.weights import STATE_FAULTS, compare_weights
from parity.onnx_graph import PRODUCTS, attributes
from parity.request import DEFAULT_SIZE

LAYERS = PRODUCTS | BY_OPERATOR.keys()
SCALE = "spatial_scale"
DIGITS = 1e-6  # of a threshold, which a file has in float32
SAME_NAMES = 0.9  # of the candidate's nodes, from which on one exporter wrote both and counts mean the same
CAPPED = frozenset({"TopK", "Slice", "Min", "ConstantOfShape"})


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that an operator takes as its input ``index``, and what another one is called."""

    operator: str
    index: int
    fault: str
    parameter: str


THRESHOLDS = (
    Threshold("NonMaxSuppression", 3, "nms_iou_threshold", "iou"),
    Threshold("NonMaxSuppression", 4, "conf_threshold", "confidence"),
    Threshold("Greater", 1, "conf_threshold", "confidence"),
)


def graph_restorations(trial: Trial, path: Path) -> Iterator[Restoration]:
    """Every suspicious difference of a file from a fresh export of the reference."""
    model = load_graph(path)
    fresh = fresh_model(trial.gate, trial.contest.size or DEFAULT_SIZE, model)
    if fresh is None:
        return
    own, other = network(fresh), network(model)
    found = (
        *((named, edit) for named, edit in layer_edits(trial, own, other)),
        *threshold_edits(own, other),
        *(cap_edits(own, other) if same_names(own, other) else last_cap(trial, own, other)),
        *resize_restorations(own, other),
    )
    for index, (named, edit) in enumerate(found):
        yield in_graph(model, named, edit, index)
    yield from entrance_restorations(model, own, other)


def in_graph(model: onnx.ModelProto, named: tuple[Named, ...], edit: Edit, index: int) -> Restoration:
    """An edit of the candidate's network, or of what earlier edits have left of it."""

    def undo(variant: Variant) -> Variant:
        return replace(variant, graph=edited(model if variant.graph is None else variant.graph, edit))

    return Restoration(named, undo, frozenset({f"graph {index}"}))


def layer_edits(trial: Trial, fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Iterator[tuple[tuple[Named, ...], Edit]]:
    """Layers that differ, grouped by what that is called."""
    alignment = align_layers(fresh, candidate)
    by_fault: dict[str, list[Difference]] = {}
    for difference in differences(alignment):
        by_fault.setdefault(layer_fault(difference), []).append(difference)
    for name, found in by_fault.items():
        if name:
            named = weight_faults(trial, alignment, found) if name == "weights" else (Named(name, restoring(found)),)
            yield named, put_back(found)


def align_layers(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Alignment:
    """The layers of both in their order: exporters differ in names, and in the many nodes around shapes."""
    own, other = ([node for node in model.graph.node if node.op_type in LAYERS] for model in (fresh, candidate))
    pairs = by_order(own, other, signatures(fresh, own), signatures(candidate, other))
    return Alignment(fresh, candidate, pairs, ())


def layer_fault(difference: Difference) -> str:
    """What a difference is called: a RoiAlign keeps the scale of the first image that the network ever saw."""
    pair = difference.pair
    scales = (attributes(node).get(SCALE) for node in (pair.fresh, pair.candidate))
    return "torchvision_size_baked" if len(set(scales)) > 1 else fault_of(difference)


def weight_faults(trial: Trial, alignment: Alignment, found: Sequence[Difference]) -> tuple[Named, ...]:
    """What weights that differ are called; a few are those of an older state, or of another exporter where the file is not ours."""
    weights = compare_weights(layers_of(alignment, found))
    stamped = trial.contest.checkpoint_sha256 is not None
    few = ("stale_artifact",) if stamped else ("stale_artifact", *exporter_faults(alignment.candidate))
    return alike(STATE_FAULTS.get(weights.kind, few), f"the weights of a fresh export in it, {weights.said}")


def put_back(found: Sequence[Difference]) -> Edit:
    """The edit that gives layers the attributes and stored values of the fresh export."""

    def edit(view: onnx.ModelProto) -> None:
        nodes = {node.output[0]: node for node in view.graph.node if node.output}
        for difference in found:
            node, fresh = nodes[difference.pair.candidate.output[0]], difference.pair.fresh
            if difference.attributes:
                del node.attribute[:]
                node.attribute.extend(fresh.attribute)
            for index, (value, _) in difference.values.items():
                node.input[index] = store(view, node.input[index], value)

    return edit


def threshold_edits(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Iterator[tuple[tuple[Named, ...], Edit]]:
    """Thresholds that differ, the operators of one kind paired in their order."""
    stored = [all_constants(view.graph) for view in (fresh, candidate)]
    for threshold in THRESHOLDS:
        own, other = numbers(fresh, stored[0], threshold), numbers(candidate, stored[1], threshold)
        if len(own) != len(other):
            continue
        for (_, right), (place, value) in zip(own, other, strict=True):
            if not abs(right - value) <= DIGITS:
                said = f"{value:.6g} put back to {right:.6g} at {place}"
                named = Named(threshold.fault, said, {threshold.parameter: float(f"{value:.6g}")})
                yield (named,), set_input(place, threshold.index, right)


def numbers(view: onnx.ModelProto, stored: Mapping[str, Value], threshold: Threshold) -> list[tuple[str, float]]:
    """The stored numbers of a kind with the first output of their nodes."""
    nodes = [node for node in nodes_in_order(view.graph) if node.op_type == threshold.operator and len(node.input) > threshold.index]
    given = [(node.output[0], stored.get(node.input[threshold.index])) for node in nodes]
    return [(name, float(value.item())) for name, value in given if value is not None and is_number(value)]


def set_input(output: str, index: int, number: float) -> Edit:
    """The edit that gives a node, known by its output, another number in the shape and type that it had."""

    def edit(view: onnx.ModelProto) -> None:
        stored = all_constants(view.graph)
        for node in nodes_in_order(view.graph):
            if output in node.output:
                before = stored[node.input[index]]
                node.input[index] = store(view, node.input[index], np.full_like(before, number))

    return edit


def same_names(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """Whether one exporter wrote both, so that nodes of one name are the same."""
    return len(of_one_name(fresh, candidate)) >= SAME_NAMES * len(candidate.graph.node)


def of_one_name(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> list[tuple[onnx.NodeProto, onnx.NodeProto]]:
    """The nodes of both that have one name and one operator."""
    named = {node.name: node for node in fresh.graph.node if node.name}
    pairs = [(named[node.name], node) for node in candidate.graph.node if node.name in named]
    return [(own, other) for own, other in pairs if own.op_type == other.op_type]


def last_cap(trial: Trial, fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Iterator[tuple[tuple[Named, ...], Edit]]:
    """Where another exporter wrote the file: ends of slices that a fresh export has nowhere, put to the reference's number."""
    ends, right = Threshold("Slice", 2, "topk_max_det_caps", "max_detections"), trial.thresholds.max_detections
    known = {value for _, value in numbers(fresh, all_constants(fresh.graph), ends)}
    for place, value in numbers(candidate, all_constants(candidate.graph), ends):
        if value not in known and value > 0:
            named = Named(ends.fault, f"{value:g} put to {right} at {place}", {ends.parameter: value})
            yield (named,), set_input(place, ends.index, right)


def cap_edits(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Iterator[tuple[tuple[Named, ...], Edit]]:
    """Counts that differ in files of one exporter."""
    own, other = all_constants(fresh.graph), all_constants(candidate.graph)
    found: list[tuple[str, int, np.ndarray, np.ndarray]] = []
    for one, node in (pair for pair in of_one_name(fresh, candidate) if pair[1].op_type in CAPPED):
        for index, (mine, theirs) in enumerate(zip(one.input, node.input, strict=False)):
            if mine in own and theirs in other and counts_differ(own[mine], other[theirs]):
                found.append((node.output[0], index, own[mine], other[theirs]))
    if found:
        cap = min(float(value[value != right].min()) for _, _, right, value in found)
        said = f"the counts of a fresh export in it, at {', '.join(place for place, *_ in found[:3])}"
        yield (Named("topk_max_det_caps", said, {"max_detections": cap}),), put_values([each[:3] for each in found])


def counts_differ(own: np.ndarray, other: np.ndarray) -> bool:
    """Whether two stored tensors are different whole numbers of one shape."""
    return own.shape == other.shape and np.issubdtype(own.dtype, np.integer) and bool((own != other).any())


def put_values(values: Sequence[tuple[str, int, np.ndarray]]) -> Edit:
    """The edit that gives nodes, known by their first outputs, other stored inputs."""

    def edit(view: onnx.ModelProto) -> None:
        nodes = {node.output[0]: node for node in view.graph.node if node.output}
        for place, index, value in values:
            nodes[place].input[index] = store(view, nodes[place].input[index], value)

    return edit
