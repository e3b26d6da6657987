"""INT8 files: which group of QuantizeLinear / DequantizeLinear pairs costs the difference, by taking the group out of a copy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from parity.diagnose.heads import Case, Proof
from parity.diagnose.naming import PARTIAL, Finding, Named
from parity.diagnose.onnx_edit import EditedSession, bypass, run_edited
from parity.errors import ParityError
from parity.onnx_graph import constants, consumers, copied, producers

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
MODULE = re.compile(r"/?model\.(\d+)[./]")
LEAST_SHARE = 0.15  # of the distance, that a further group has to take away
MOST = 0.5  # of the distance: what is left is the rounding of INT8 where it does no harm
TOO_WIDE, TOO_NARROW = 4.0, 0.5  # range / largest value seen: two bits lost, or half of the values cut off


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """A tensor that goes through INT8: the names of the float tensors before and after, its range, and whether it is symmetric."""

    before: str
    after: str
    low: float
    high: float
    symmetric: bool


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """An INT8 weight tensor: its float tensor, the layer that reads it, and whether one scale serves all channels."""

    after: str
    layer: str
    single_scale: bool


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """A file with its INT8 tensors, and the fresh export that its float weights are taken from."""

    model: onnx.ModelProto
    fresh: onnx.ModelProto | None
    activations: tuple[Activation, ...]
    kernels: tuple[Kernel, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """A group of INT8 tensors: activations to leave in float, or kernels to put back."""

    fault: str
    said: str
    activations: tuple[Activation, ...] = ()
    kernels: tuple[Kernel, ...] = ()


SATURATION = Suspect("u8s8_saturation", "its INT8 layers computed in float, as ONNX Runtime does without optimisations")


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether a file holds INT8 pairs."""
    return any(node.op_type == DEQUANTIZE for node in model.graph.node)


def quantised_findings(case: Case, model: onnx.ModelProto, fresh: onnx.ModelProto | None) -> Iterator[Finding]:
    """The groups that account for the difference, the costliest first; INT8 leaves a rest that is no fault, so half of it is enough."""
    plain = case.prove(run_edited(case, model, optimised=False))
    saturated = plain.explains >= LEAST_SHARE
    chosen: list[Suspect] = [SATURATION] if saturated else []
    explained = plain.explains if saturated else 0.0
    if saturated:
        yield finding(chosen, plain)
    quantised = Quantised(model, fresh, tuple(activations(model)), tuple(quantised_kernels(model)))
    suspects = list(suspects_of(case, quantised))
    while suspects and explained < PARTIAL:
        tried = [(case.prove(run_edited(case, without(quantised, [*chosen, each]), optimised=False)), each) for each in suspects]
        proof, best = max(tried, key=lambda pair: pair[0].explains)
        if proof.explains < explained + LEAST_SHARE:
            return
        chosen, explained = [*chosen, best], proof.explains
        suspects.remove(best)
        yield finding(chosen, proof)


def finding(chosen: Sequence[Suspect], proof: Proof) -> Finding:
    """The groups of one counterfactual."""
    return Finding(tuple(Named(each.fault, each.said) for each in chosen), "restore", proof, enough=MOST)


def activations(model: onnx.ModelProto) -> Iterator[Activation]:
    """Every pair on an activation."""
    stored, written = constants(model), producers(model)
    for node in model.graph.node:
        source = written.get(node.input[0]) if node.op_type == DEQUANTIZE else None
        if source is None or source.op_type != QUANTIZE or not set(node.input[1:]) <= set(stored):
            continue
        scale = float(np.max(numpy_helper.to_array(stored[node.input[1]])))
        zero = int(np.max(numpy_helper.to_array(stored[node.input[2]]))) if len(node.input) > 2 else 0  # noqa: PLR2004
        signed = len(node.input) > 2 and stored[node.input[2]].data_type in {TensorProto.INT8, TensorProto.INT16}  # noqa: PLR2004
        wide = len(node.input) > 2 and stored[node.input[2]].data_type in {TensorProto.INT16, TensorProto.UINT16}  # noqa: PLR2004
        bits = 16 if wide else 8
        lowest = -(2 ** (bits - 1)) if signed else 0
        yield Activation(
            source.input[0], node.output[0], (lowest - zero) * scale, (lowest + 2**bits - 1 - zero) * scale, signed and zero == 0
        )


def quantised_kernels(model: onnx.ModelProto) -> Iterator[Kernel]:
    """Every INT8 weight tensor of a layer."""
    stored, readers = constants(model), consumers(model)
    for node in model.graph.node:
        if node.op_type == DEQUANTIZE and set(node.input[:2]) <= set(stored) and len(stored[node.input[0]].dims) > 1:
            single = int(np.prod(stored[node.input[1]].dims)) == 1 and stored[node.input[0]].dims[0] > 1
            yield from (Kernel(node.output[0], reader.name, single) for reader in readers.get(node.output[0], [])[:1])


def suspects_of(case: Case, quantised: Quantised) -> Iterator[Suspect]:
    """The groups that a file has."""
    every = quantised.activations
    outputs = {output.name for output in quantised.model.graph.output}
    joined = tuple(each for each in every if each.after in outputs)
    if joined:
        yield Suspect("int8_head_concat_one_scale", "its joined output left in float", joined)
    last = last_module(quantised.model)
    readers = consumers(quantised.model)
    at = {each.after: {module_of(each.before), *(module_of(reader.name) for reader in readers.get(each.after, []))} for each in every}
    head = tuple(each for each in every if last is not None and last in at[each.after] and each not in joined)
    if head:
        kernels = tuple(each for each in quantised.kernels if module_of(each.layer) == last)
        yield Suspect("int8_head_quantised", f"the {len(head)} INT8 tensors of its head (model.{last}) left in float", head, kernels)
    unfit = misfit(case, quantised)
    if unfit:
        yield Suspect("int8_calibration_bad", f"its {len(every)} INT8 tensors left in float, {unfit}", every)
    symmetric = tuple(each for each in every if each.symmetric)
    if symmetric and not unfit:
        yield Suspect("int8_symmetric_silu", f"its {len(symmetric)} symmetric INT8 tensors left in float", symmetric)
    coarse = tuple(each for each in quantised.kernels if each.single_scale)
    if coarse and quantised.fresh is not None:
        said = f"float weights in the {len(coarse)} layers that have one scale for all channels"
        yield Suspect("int8_per_tensor_weights", said, (), coarse)


def last_module(model: onnx.ModelProto) -> int | None:
    """The index of the network's last module, its head, by the names of the tensors."""
    found = [module for node in model.graph.node for name in node.output if (module := module_of(name)) is not None]
    return max(found, default=None)


def module_of(name: str) -> int | None:
    """The index of the module that a tensor's name holds."""
    match = MODULE.search(name)
    return int(match.group(1)) if match else None


def misfit(case: Case, quantised: Quantised) -> str:
    """How the ranges miss the values that the tensors take on a probe, empty where they fit them."""
    seen = extents(case, quantised)
    ratios = [max(-each.low, each.high) / seen[each.before] for each in quantised.activations if seen.get(each.before)]
    ratio = float(np.median(ratios)) if ratios else 1.0
    if ratio > TOO_WIDE:
        return f"whose ranges are {ratio:.3g} times as wide as the values"
    return f"whose ranges hold {ratio:.2g} of the values' extent" if ratio < TOO_NARROW else ""


def extents(case: Case, quantised: Quantised) -> dict[str, float]:
    """The largest absolute value of every activation, in float, on a probe."""
    model = without(quantised, [Suspect("", "", quantised.activations)])
    names = sorted({each.before for each in quantised.activations} - {value.name for value in model.graph.input})
    kept = set(producers(model))
    names = [name for name in names if name in kept]
    tensor = case.probes[0].tensor
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    try:
        with EditedSession(model, threads=case.gate.request.threads) as session:
            outputs = session.run(tensor)
    except (ParityError, ValueError):
        return {}
    inputs = {value.name: float(np.abs(tensor).max()) for value in quantised.model.graph.input}
    return inputs | {name: float(np.abs(output).max(initial=0.0)) for name, output in zip(names, outputs, strict=True)}


def without(quantised: Quantised, suspects: Sequence[Suspect]) -> onnx.ModelProto:
    """A copy with the activations of some groups in float, and their kernels put back."""
    model = copied(quantised.model)
    left = {each.after for suspect in suspects for each in suspect.activations}
    written = producers(model)
    pairs = [(written[written[name].input[0]], written[name]) for name in left]
    bypass(model, list({id(node): node for pair in pairs for node in pair}.values()))
    kernels = {each.after for suspect in suspects for each in suspect.kernels}
    return with_float(model, quantised.fresh, kernels) if kernels and quantised.fresh is not None else model


def with_float(model: onnx.ModelProto, fresh: onnx.ModelProto, kernels: set[str]) -> onnx.ModelProto:
    """The graph with the fresh export's weights in place of dequantised ones."""
    weights = {node.name: node.input[1] for node in fresh.graph.node if node.op_type == "Conv"}
    stored = constants(fresh)
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in kernels and node.name in weights:
            tensor = stored[weights[node.name]]
            name = f"parity::{tensor.name}"
            model.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(tensor), name))
            node.input[1] = name
    return model
