"""A layer's windows are what the convolution multiplies, and the rounding for them lowers the error of its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_detector
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from parity.convert import convert, layer_inputs
from parity.convert.conversion import spec_at
from parity.convert.int8_files import Ingredients
from parity.convert.layer_inputs import Layer, batches, mean_products, plain_layers, windows
from parity.convert.onnx_int8 import FloatGraph, float_graph
from parity.convert.weight_scales import channels_last, scales
from parity.models import load_checkpoint

SIDE = tiny_detector.SIDE


@pytest.fixture(scope="module")
def made(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingredients:
    """The tiny detector in float32, and images of noise."""
    checkpoint, generator = load_checkpoint(saved), np.random.default_rng(0)
    file = convert(checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path_factory.mktemp("float"))
    images = [generator.random((1, 3, SIDE, SIDE), np.float32) for _ in range(4)]
    return Ingredients(file, float_graph(file), images, spec_at(checkpoint.spec, (SIDE, SIDE)), threads=1)


def convolution(layer: Layer, tensor: np.ndarray) -> np.ndarray:
    """What ONNX's reference makes of a tensor (channels, h, w): a row for every place."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=layer.strides, pads=layer.pads)
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("x", "y")]
    graph = helper.make_graph([node], "one", ends[:1], ends[1:], [numpy_helper.from_array(layer.weights, "w")])
    (made,) = ReferenceEvaluator(helper.make_model(graph)).run(None, {"x": tensor[None]})
    return np.asarray(made[0].reshape(len(layer.weights), -1).T)


@pytest.mark.parametrize(("strides", "pads"), [((1, 1), (1, 1, 1, 1)), ((2, 2), (1, 1, 1, 1)), ((2, 1), (0, 1, 2, 0))])
def test_windows_are_what_a_convolution_multiplies(strides: tuple[int, int], pads: tuple[int, int, int, int]) -> None:
    generator = np.random.default_rng(0)
    layer = Layer("one", "x", generator.standard_normal((4, 5, 3, 2)).astype(np.float32), strides, pads)
    tensor = generator.standard_normal((5, 6, 7)).astype(np.float32)
    expected = convolution(layer, tensor)
    rows, columns = -(-(6 + pads[0] + pads[2] - 2) // strides[0]), -(-(7 + pads[1] + pads[3] - 1) // strides[1])
    points = (np.stack(np.divmod(np.arange(len(expected)), columns), axis=1) + 0.5) / (rows, columns)
    found = windows(tensor, layer, points) @ channels_last(layer.weights).T
    assert found == pytest.approx(expected, abs=1e-4)


def test_products_are_those_of_what_the_layer_reads(made: Ingredients) -> None:
    layer = next(plain_layers(made.graph))
    products = mean_products(made, [layer])[layer.name]
    shown = np.concatenate([np.square(convolution(layer, image[0])) for image in made.images])
    rows = channels_last(layer.weights)
    assert np.einsum("ni,ij,nj->n", rows, products, rows) == pytest.approx(shown.mean(0), rel=0.05)


def test_fitted_weights_lie_on_their_grid_and_lower_the_error(made: Ingredients) -> None:
    layers = tuple(plain_layers(made.graph))
    assert set(made.weights) == {layer.name for layer in layers} == set(made.graph.layers)
    layer, products = layers[1], mean_products(made, layers[1:2])[layers[1].name]
    by_output = scales(layer.weights).reshape(-1, 1, 1, 1)
    steps = made.weights[layer.name] / by_output
    assert steps == pytest.approx(np.round(steps), abs=1e-3)
    lost, plain = (
        channels_last(each - layer.weights) for each in (made.weights[layer.name], np.round(layer.weights / by_output) * by_output)
    )
    assert np.einsum("ni,ij,nj->", lost, products, lost) < 0.6 * np.einsum("ni,ij,nj->", plain, products, plain)


@pytest.mark.parametrize(("name", "value"), [("group", 2), ("dilations", [2, 2]), ("auto_pad", "SAME_UPPER")])
def test_a_layer_of_another_kind_is_left_to_be_rounded_alone(made: Ingredients, name: str, value: object) -> None:
    assert changed(made.graph, name, value) == set(made.graph.layers[1:])


def test_layers_that_share_weights_or_calculate_them_are_left_as_well(made: Ingredients) -> None:
    shared, calculated = onnx.ModelProto(), onnx.ModelProto()
    shared.CopyFrom(made.graph.model)
    calculated.CopyFrom(made.graph.model)
    first, second = (next(node for node in shared.graph.node if node.name == name) for name in made.graph.layers[:2])
    second.input[1] = first.input[1]
    next(node for node in calculated.graph.node if node.name == first.name).input[1] = "calculated"
    assert {layer.name for layer in plain_layers(replace(made.graph, model=shared))} == set(made.graph.layers[2:])
    assert {layer.name for layer in plain_layers(replace(made.graph, model=calculated))} == set(made.graph.layers[1:])


def test_a_layer_that_reads_no_finite_numbers_is_left_as_well(made: Ingredients, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = made.graph.layers[1]
    monkeypatch.setattr(layer_inputs, "mean_products", lambda made, layers: products_with_nan(made, layers, odd))
    assert set(layer_inputs.fitted_weights(made)) == set(made.graph.layers) - {odd}


def products_with_nan(made: Ingredients, layers: Sequence[Layer], odd: str) -> dict[str, np.ndarray]:
    """The mean products, of one layer with a number that is none."""
    found = mean_products(made, layers)
    found[odd][0, 0] = np.nan
    return found


def changed(graph: FloatGraph, name: str, value: object) -> set[str]:
    """The layers that are fitted where the first has another attribute."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    node = next(each for each in model.graph.node if each.name == graph.layers[0])
    others = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute(name, value)])
    return {layer.name for layer in plain_layers(replace(graph, model=model))}


def test_layers_are_taken_together_as_far_as_memory_goes() -> None:
    layers = [Layer(str(count), "x", np.zeros((1, count, 1, 1), np.float32), (1, 1), (0, 0, 0, 0)) for count in (9, 3, 4, 1)]
    assert [[layer.name for layer in batch] for batch in batches(layers, most=25)] == [["9"], ["3", "4"], ["1"]]
    assert [layer for batch in batches(layers, most=10_000) for layer in batch] == layers
