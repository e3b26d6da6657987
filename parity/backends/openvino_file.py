"""What an OpenVINO IR says about itself, read before the runtime sees it: the network in ``.xml``, its weights in the ``.bin`` beside."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from parity.backends.artefact import read_artefact
from parity.backends.base import Precision
from parity.errors import BadInput, UntrustedInput
from parity.plain_text import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WEIGHTS = ".bin"
METADATA_PLACE = ("framework",)  # in rt_info, where OpenVINO keeps the metadata of the ONNX file that an IR was made from
WEIGHTS_KEY = "parity_weights_sha256"  # among them
BESIDE = "metadata.yaml"  # where Ultralytics keeps its own
KNOWN_OPSET = re.compile(r"opset\d{1,2}")  # a layer of any other is native code from elsewhere
PRODUCTS = re.compile("Convolution|MatMul")  # where a network spends its time, also as GroupConvolution
INTEGERS = frozenset({"i4", "u4", "i8", "u8"})
HALVES = frozenset({"f16", "bf16"})
FLOATS = frozenset({"f32", "f64"})
# what lies between a stored integer, or a rounding, and the product that reads it
DEQUANTISING = frozenset({"Convert", "Subtract", "Multiply", "Reshape", "Transpose"})
LONGEST_CHAIN = 6  # of those
MOST_PADDING = 4096  # bytes after the last tensor; OpenVINO writes none
EXPORT_AGAIN = "export it again, and copy the .xml and the .bin together"


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a file is: the precision that it calculates with, its metadata, and how many bytes of weights it has."""

    precision: Precision
    metadata: Mapping[str, str]
    weights_size: int


def inspect_ir(content: bytes, path: Path) -> Inspected:
    """Check a file's form and layers.

    Raises ``BadInput`` for what is damaged, ``UntrustedInput`` for layers that OpenVINO does not have itself.
    """
    net = parse(content, path)
    check_layers(net, path)
    try:
        return Inspected(precision(net), metadata(net) or metadata_beside(path), weights_size(net))
    except (ValueError, OverflowError) as failure:
        raise BadInput("is a damaged OpenVINO IR", file=path, found=failure, next_step=EXPORT_AGAIN) from None


def parse(content: bytes, path: Path) -> Element:
    """The file as XML whose root is ``net``; a document type is refused, since it may define entities that stand for gigabytes."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.StartDoctypeDeclHandler = refuse_document_type
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat's: this is all
        root = builder.close()
    except (expat.ExpatError, ValueError) as failure:
        raise BadInput("is not well-formed XML: truncated or damaged", file=path, found=failure, next_step=EXPORT_AGAIN) from None
    if root.tag != "net" or root.find("layers/layer") is None:
        raise BadInput("is not an OpenVINO IR", file=path, found=f"<{root.tag}>", expected="<net> with layers", next_step=EXPORT_AGAIN)
    return root


def refuse_document_type(*_: object) -> None:
    """Refuse XML that brings definitions of its own."""
    raise ValueError("a document type, which an OpenVINO IR does not have")


def check_layers(net: Element, path: Path) -> None:
    """Raise ``UntrustedInput`` for a layer of another set than OpenVINO's own."""
    used = {(layer.get("version", ""), layer.get("type", "")) for layer in net.iter("layer")}
    foreign = sorted(f"{version}::{name}" for version, name in used if not KNOWN_OPSET.fullmatch(version))
    if foreign:
        next_step = "export without custom layers; Parity never loads native code that a model asks for"
        raise UntrustedInput("uses layers of unknown origin", file=path, found=", ".join(foreign), next_step=next_step)


def precision(net: Element) -> Precision:
    """What most of a file calculates in: its products in INT8, or its stored numbers in half; as of an ONNX file."""
    rounded = [each for graph in net.iter() if graph.find("layers") is not None for each in products(graph)]
    if sum(rounded) * 2 > len(rounded):
        return "int8"
    counts: Counter[str] = Counter()
    for data in constants(net):
        counts[data.get("element_type", "")] += math.prod(int(side) for side in data.get("shape", "").split(",") if side.strip())
    halves = sum(counts[kind] for kind in HALVES)
    return "fp16" if halves > sum(counts[kind] for kind in FLOATS) else "fp32"


def products(graph: Element) -> Iterator[bool]:
    """Of every product of a network, or of the body of a loop, whether it reads rounded numbers."""
    layers = {layer.get("id", ""): layer for layer in graph.iterfind("layers/layer")}
    sources: dict[str, list[str]] = {}
    for edge in graph.iterfind("edges/edge"):
        sources.setdefault(edge.get("to-layer", ""), []).append(edge.get("from-layer", ""))
    for number, layer in layers.items():
        if PRODUCTS.search(layer.get("type", "")):
            yield any(is_rounded(source, layers, sources) for source in sources.get(number, ()))


def is_rounded(number: str, layers: Mapping[str, Element], sources: Mapping[str, Sequence[str]]) -> bool:
    """Whether a layer gives numbers that were rounded to integers, now or when they were stored; each layer is looked at once."""
    seen, front = set[str](), {number}
    for _ in range(LONGEST_CHAIN):
        known = [layers[each] for each in front - seen if each in layers]
        if any(gives_rounded(layer) for layer in known):
            return True
        seen |= front
        front = {each for layer in known if layer.get("type") in DEQUANTISING for each in sources.get(layer.get("id", ""), ())}
    return False


def gives_rounded(layer: Element) -> bool:
    """Whether a layer itself rounds to integers, or holds some."""
    stored = layer.get("type") == "Const" and next((data.get("element_type") in INTEGERS for data in layer.iterfind("data")), False)
    return stored or layer.get("type") == "FakeQuantize"


def constants(net: Element) -> Iterator[Element]:
    """What describes every stored tensor."""
    for layer in net.iter("layer"):
        if layer.get("type") == "Const":
            yield from layer.iterfind("data")


def metadata(net: Element) -> dict[str, str]:
    """The metadata in the file."""
    return {
        entry.get("name", entry.tag): value
        for entry in net.iterfind("/".join(("rt_info", *METADATA_PLACE, "*")))
        if (value := entry.get("value")) is not None
    }


def metadata_beside(path: Path) -> dict[str, str]:
    """The metadata that Ultralytics' export leaves in the folder, as JSON."""
    beside = path.with_name(BESIDE)
    if not beside.is_file():
        return {}
    stored = read_yaml(beside, kind="the metadata of an Ultralytics export", expected="task, names and args")
    return {BESIDE: json.dumps(stored, default=str, skipkeys=True)}


def weights_size(net: Element) -> int:
    """How many bytes the stored tensors take: where the last one ends."""
    return max((int(data.get("offset", "0")) + int(data.get("size", "0")) for data in constants(net)), default=0)


def weights_path(path: Path) -> Path:
    """Where the weights of an IR lie."""
    return path.with_suffix(WEIGHTS)


def read_weights(path: Path, inspected: Inspected) -> bytes:
    """The weights of an IR; raises ``BadInput`` where they are missing, damaged or those of another."""
    file, needed, stamped = weights_path(path), inspected.weights_size, inspected.metadata.get(WEIGHTS_KEY)
    if not needed and not file.is_file():
        return b""
    if not file.is_file():
        raise BadInput("part of the weights is missing", file=path, found=f"no {file.name}", next_step=f"copy it next to {path.name}")
    content = read_artefact(file, kind=f"the weights of {path.name}")
    if not needed <= len(content) < needed + MOST_PADDING:
        found, expected = f"{len(content)} bytes", f"{needed} bytes, as {path.name} says"
        problem = "is truncated, or belongs to another .xml"
        raise BadInput(problem, file=file, found=found, expected=expected, next_step=EXPORT_AGAIN)
    if stamped not in {None, digest := hashlib.sha256(content).hexdigest()}:
        expected = f"sha256 {stamped}, as {path.name} says"
        raise BadInput("belongs to another .xml", file=file, found=digest, expected=expected, next_step=EXPORT_AGAIN)
    return content
