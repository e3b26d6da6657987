"""How far each layer alone moves a network's raw head when it calculates in INT8, on calibration images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from parity.convert.int8_files import Ingredients
from parity.convert.onnx_int8 import in_int8, only, open_graph
from parity.limits import FLOAT32
from parity.raw_heads import RawHead, distances, read_head

Tensors = Sequence[NDArray[np.float32]]


def layer_errors(made: Ingredients, tensors: Tensors, layers: Iterable[str]) -> dict[str, float]:
    """The error of the raw head with one layer in INT8 and all others in float, by layer; ``tensors`` are network inputs (1, 3, H, W)."""
    exact = heads(made, made.graph.model.SerializeToString(), tensors)
    return {layer: error_of(made, layer, exact, tensors) for layer in layers}


def error_of(made: Ingredients, layer: str, exact: Sequence[RawHead], tensors: Tensors) -> float:
    """The error of one layer: that of scores and that of boxes, each as a share of its size."""
    alone = in_int8(made.graph, made.ranges, made.weights, in_float=only(made.graph, layer)).SerializeToString()
    pairs = zip(exact, heads(made, alone, tensors), strict=True)
    return float(np.mean([sum(distances(reference, candidate, FLOAT32)) for reference, candidate in pairs]))


def heads(made: Ingredients, model: bytes, tensors: Tensors) -> list[RawHead]:
    """The raw heads of a graph in memory."""
    session, fed, spec = open_graph(model, threads=made.threads), made.graph.model.graph.input[0].name, made.spec
    found = [
        read_head(tuple(session.run(None, {fed: each})), spec.head, classes=len(spec.names), size=spec.preprocess.size) for each in tensors
    ]
    return [head for head in found if head is not None]
