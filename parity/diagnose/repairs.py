"""Faults that an ONNX file shows by itself: each is undone in a copy, which then is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from parity.diagnose.heads import Case
from parity.diagnose.naming import UNPROVEN, Finding, Named
from parity.diagnose.onnx_edit import Edit, bypass, leading_nodes, run_edited
from parity.onnx_graph import constants, copied

ARITHMETIC = frozenset({"Div", "Mul", "Sub", "Add", "Cast"})
RANDOM = frozenset({"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"})
LIKE = "Like"


@dataclass(frozen=True, slots=True, eq=False)
class Repair:
    """An edit of the file that undoes a fault; it says whether there was anything to undo."""

    fault: str
    said: str
    edit: Edit


def repaired(case: Case, model: onnx.ModelProto) -> Iterator[Finding]:
    """The faults whose repair was possible, each with what it brought."""
    for repair in REPAIRS:
        edited = copied(model)
        if repair.edit(edited):
            named = (Named(repair.fault, repair.said),)
            yield Finding(named, "restore", case.prove(run_edited(case, edited)))
            if repair.fault == "train_mode_export":
                yield Finding(named, "inspect", UNPROVEN)


def leave_training(model: onnx.ModelProto) -> bool:
    """Put batch normalisation into evaluation mode; ONNX Runtime never runs dropout otherwise."""
    found = False
    for node in model.graph.node:
        if node.op_type == "BatchNormalization" and any(each.name == "training_mode" and each.i for each in node.attribute):
            kept = [each for each in node.attribute if each.name != "training_mode"]
            del node.attribute[:]
            node.attribute.extend(kept)
            del node.output[1:]
            found = True
    return found


def silence_noise(model: onnx.ModelProto) -> bool:
    """Let every random node give zeros."""
    found = False
    for node in model.graph.node:
        if node.op_type in RANDOM and node.op_type.endswith(LIKE):
            name = f"{node.output[0]}::zero"
            model.graph.initializer.append(numpy_helper.from_array(np.zeros((), np.float32), name))
            replacement = helper.make_node("Mul", [node.input[0], name], list(node.output))
            node.CopyFrom(replacement)
            found = True
    return found


def drop_normalisation(model: onnx.ModelProto) -> bool:
    """Take out the arithmetic with constants that the input goes through first."""
    stored, chain = constants(model), []
    for node in leading_nodes(model):
        if node.op_type not in ARITHMETIC or not set(node.input[1:]) <= set(stored):
            break
        chain.append(node)
    scaled = any(node.op_type != "Cast" for node in chain)
    if scaled:
        bypass(model, [node for node in chain if node.op_type != "Cast"])
    return scaled


REPAIRS = (
    Repair("train_mode_export", "its BatchNormalization nodes put into evaluation mode", leave_training),
    Repair("run_to_run_nondeterminism", "its random nodes giving zeros", silence_noise),
    Repair("graph_and_host_both_preprocess", "the arithmetic in front of its first layer taken out", drop_normalisation),
)


def unoptimised(case: Case, model: onnx.ModelProto) -> Iterator[Finding]:
    """The same file without ONNX Runtime's graph optimisations."""
    said = "ONNX Runtime's graph optimisations switched off"
    yield Finding((Named("ort_graph_optimisation", said),), "restore", case.prove(run_edited(case, model, optimised=False)))
