"""What an ONNX file says about itself, read before any runtime sees it."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

from parity.backends.base import Precision
from parity.errors import BadInput, UntrustedInput

if TYPE_CHECKING:
    from collections.abc import Iterator

# the domains that ONNX Runtime ships; an operator of any other is native code from elsewhere
KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})
PRODUCTS = re.compile("Conv|MatMul|Gemm")  # where a network spends its time, also as QLinearConv or ConvInteger
INTEGER_PRODUCTS = re.compile("^QLinear|^QGemm|Integer")  # by fused operators, or with dynamic ranges; others read QDQ pairs
HALVES = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a file is: whether weights lie in files beside it, and the precision that it calculates with."""

    external: bool
    precision: Precision


def inspect_model(content: bytes, path: Path) -> Inspected:
    """Check a file's graph, operators, versions and places.

    Raises ``BadInput`` for what is damaged or too new, ``UntrustedInput`` for foreign operators and places outside the folder.
    """
    model = parse_model(content, path)
    check_opset(model, path)
    check_operators(model, path)
    locations = {tensor.name: location for tensor in tensors(model) if (location := external_location(tensor)) is not None}
    for name, location in locations.items():
        check_location(location, path, tensor=name)
    return Inspected(bool(locations), precision(model))


def precision(model: onnx.ModelProto) -> Precision:
    """What most of a file calculates in: its products in INT8, or its stored numbers in half.

    A minority may be left in float on purpose, or be rounded by accident: then every detection is held.
    """
    listed = list(nodes(model))
    integers = {name for node in listed if node.op_type == "DequantizeLinear" for name in node.output}
    products = [node for node in listed if PRODUCTS.search(node.op_type)]
    rounded = sum(bool(INTEGER_PRODUCTS.search(node.op_type)) or not integers.isdisjoint(node.input) for node in products)
    if rounded * 2 > len(products):
        return "int8"
    counts: Counter[int] = Counter()
    for tensor in tensors(model):
        counts[tensor.data_type] += math.prod(tensor.dims)
    halves = sum(counts[kind] for kind in HALVES)
    return "fp16" if halves > sum(counts[kind] for kind in FLOATS) else "fp32"


def parse_model(content: bytes, path: Path) -> onnx.ModelProto:
    """The file as protobuf; an empty graph counts as damage, because an empty file parses."""
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError):
        model = onnx.ModelProto()
    if not model.graph.node:
        next_step = "export or download it again and compare its sha256"
        raise BadInput("is not a valid ONNX file: truncated or damaged", file=path, found=f"{len(content)} bytes", next_step=next_step)
    return model


def check_opset(model: onnx.ModelProto, path: Path) -> None:
    """Raise ``BadInput`` where the file is newer than the installed onnx."""
    opset = max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=1)
    newest = onnx.defs.onnx_opset_version()
    if opset > newest or model.ir_version > onnx.IR_VERSION:
        found, expected = f"opset {opset}, IR {model.ir_version}", f"at most opset {newest}, IR {onnx.IR_VERSION}"
        next_step = "upgrade onnx and onnxruntime, or export with a lower opset"
        raise BadInput("is newer than the installed onnx", file=path, found=found, expected=expected, next_step=next_step)


def check_operators(model: onnx.ModelProto, path: Path) -> None:
    """Raise ``UntrustedInput`` for an operator that neither ONNX Runtime nor the file itself defines."""
    defined = {(function.domain, function.name) for function in model.functions}
    used = {(node.domain, node.op_type) for node in nodes(model)}
    foreign = sorted(f"{domain}::{name}" for domain, name in used - defined if domain not in KNOWN_DOMAINS)
    if foreign:
        next_step = "export without custom operators; Parity never loads native code that a model asks for"
        raise UntrustedInput("uses operators of unknown origin", file=path, found=", ".join(foreign), next_step=next_step)


def check_location(location: str, path: Path, *, tensor: str) -> None:
    """Raise unless the external data lies in the file's own folder and exists."""
    folder = path.parent.resolve()
    target = (folder / location).resolve()  # follows symbolic links, of the file and of folders on the way
    if Path(location).is_absolute() or ".." in Path(location).parts or not target.is_relative_to(folder):
        expected = "weights beside the file"
        raise UntrustedInput(f"tensor {tensor[:60]!r} is stored outside its folder", file=path, found=location, expected=expected)
    if not target.is_file():
        next_step = f"copy it next to {path.name}"
        raise BadInput("part of the weights is missing", file=path, found=f"no {location}", next_step=next_step)


def external_locations(content: bytes, path: Path) -> tuple[str, ...]:
    """The files beside a model that hold its weights; raises for one outside its folder."""
    found = {location for tensor in tensors(parse_model(content, path)) if (location := external_location(tensor)) is not None}
    for location in found:
        check_location(location, path, tensor="of weights")
    return tuple(sorted(found))


def external_location(tensor: onnx.TensorProto) -> str | None:
    """Where a tensor's data lies, ``None`` if within the file."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return None
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph and every graph nested in it (branches and loops), without recursion: depth may be hostile."""
    pending = [model.graph]
    pending += [graph for function in model.functions for node in function.node for graph in node_graphs(node)]
    while pending:
        graph = pending.pop()
        pending.extend(nested for node in graph.node for nested in node_graphs(node))
        yield graph


def node_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node of the file, wherever it is nested."""
    for function in model.functions:
        yield from function.node
    for graph in graphs(model):
        yield from graph.node


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor of the file."""
    for graph in graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
