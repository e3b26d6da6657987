"""What each layer of a graph reads on calibration images, and its weights as they are rounded for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray

from parity.convert.int8_files import Ingredients
from parity.convert.object_points import Points, places
from parity.convert.onnx_int8 import SEED, FloatGraph, points_of, tensors_of
from parity.convert.weight_rounding import round_weights
from parity.convert.weight_scales import scales
from parity.onnx_graph import initializers

POINTS = 8_192  # over all images
IN_TWO_DIRECTIONS = 4  # dimensions of weights
MOST_PRODUCTS = 2**28  # numbers in memory at once: a gigabyte

Array: TypeAlias = NDArray[np.float32]
PLAIN: Mapping[str, Any] = {"group": 1, "dilations": [1, 1], "auto_pad": b"NOTSET"}


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A convolution: the tensor it reads, its ``weights`` (n, channels, rows, columns), how its window moves, and what it pads.

    ``strides`` are down and right, ``pads`` top, left, bottom, right.
    """

    name: str
    read: str
    weights: Array
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]

    @property
    def inputs(self) -> int:
        """How many numbers one window holds."""
        return int(np.prod(self.weights.shape[1:]))


def fitted_weights(made: Ingredients) -> dict[str, Array]:
    """The weights of layers as 8 bits hold them, by layer, rounded for what the layer reads; others are left to be rounded one by one."""
    found: dict[str, Array] = {}
    for layers in batches(tuple(plain_layers(made.graph)), most=MOST_PRODUCTS):
        products = mean_products(made, layers)
        told = [layer for layer in layers if np.isfinite(products[layer.name]).all()]
        found |= {layer.name: round_weights(layer.weights, scales(layer.weights), products[layer.name]) for layer in told}
    return found


def plain_layers(graph: FloatGraph) -> Iterator[Layer]:
    """The layers without groups and gaps, whose weights no other layer has."""
    stored = initializers(graph.model)
    readers = Counter(name for node in graph.model.graph.node for name in node.input)
    for node in graph.model.graph.node:
        given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        alone = node.name in graph.layers and readers[node.input[1]] == 1 and node.input[1] in stored
        if not alone or any(given.get(key, PLAIN[key]) != PLAIN[key] for key in PLAIN):
            continue
        weights = onnx.numpy_helper.to_array(stored[node.input[1]])
        if weights.ndim == IN_TWO_DIRECTIONS:
            yield Layer(node.name, node.input[0], weights, tuple(given.get("strides", (1, 1))), tuple(given.get("pads", (0, 0, 0, 0))))


def batches(layers: Iterable[Layer], *, most: int) -> Iterator[tuple[Layer, ...]]:
    """The layers in turn, as many together as have at most so many products; one that has more is alone."""
    batch: tuple[Layer, ...] = ()
    for layer in layers:
        if batch and sum(each.inputs**2 for each in (*batch, layer)) > most:
            yield batch
            batch = ()
        batch = (*batch, layer)
    if batch:
        yield batch


def mean_products(made: Ingredients, layers: Sequence[Layer]) -> dict[str, Array]:
    """The mean product of every two inputs of a window (k, k), by layer, at points drawn from all images."""
    sums = {layer.name: np.zeros((layer.inputs, layer.inputs), np.float32) for layer in layers}
    generator, count = np.random.default_rng(SEED), max(1, POINTS // len(made.images))
    for values in tensors_of(made.graph, {layer.read for layer in layers}, made.images, threads=made.threads):
        points = points_of(made, values, count, generator)
        for layer in layers:
            seen = windows(values[layer.read][0], layer, points)
            sums[layer.name] += seen.T @ seen / np.float32(len(seen) * len(made.images))
    return sums


def windows(tensor: Array, layer: Layer, points: Points) -> Array:
    """What a layer reads of a tensor (channels, h, w) for what it says at each point, (points, k), channels last."""
    (top, left, bottom, right), (height, width) = layer.pads, layer.weights.shape[2:]
    padded = np.pad(tensor, ((0, 0), (top, bottom), (left, right)))
    every = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))[:, :: layer.strides[0], :: layer.strides[1]]
    rows, columns = places(points, every.shape[1:3])
    return np.ascontiguousarray(every[:, rows, columns].transpose(1, 2, 3, 0)).reshape(len(points), -1)
