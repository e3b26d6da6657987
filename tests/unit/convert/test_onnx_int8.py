"""A graph is quantised up to its head, and every layer that is to stay in float does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_detector

from parity.backends.onnx_file import inspect_model
from parity.backends.onnx_runtime import OnnxSession
from parity.convert import convert
from parity.convert.conversion import spec_at
from parity.convert.int8_files import Ingredients
from parity.convert.onnx_int8 import all_but, float_graph, in_int8, maker, only
from parity.models import load_checkpoint

SIDE = tiny_detector.SIDE


@pytest.fixture(scope="module")
def made(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingredients:
    """The tiny detector in float32, and images of noise."""
    checkpoint = load_checkpoint(saved)
    file = convert(checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path_factory.mktemp("float"))
    generator = np.random.default_rng(0)
    images = [generator.random((1, 3, SIDE, SIDE), np.float32) for _ in range(4)]
    return Ingredients(file, float_graph(file), images, spec_at(checkpoint.spec, (SIDE, SIDE)), threads=1)


def quantised_layers(model: onnx.ModelProto) -> set[str]:
    """The convolutions that read dequantised weights."""
    dequantised = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    return {node.name for node in model.graph.node if node.op_type == "Conv" and node.input[1] in dequantised}


def test_the_head_and_its_last_layers_are_no_layers_to_quantise(made: Ingredients) -> None:
    graph = made.graph
    assert len(graph.last) == 6  # boxes and scores at three strides
    assert set(graph.layers).isdisjoint(graph.kept)
    assert set(graph.last) < graph.kept
    assert any("dfl" in name for name in graph.kept)


def test_every_layer_has_its_activation(made: Ingredients) -> None:
    assert set(made.graph.beside) == set(made.graph.layers)
    assert len(made.graph.read_by) == len(made.graph.layers)


def test_all_layers_are_quantised_but_those_returned(made: Ingredients) -> None:
    graph = made.graph
    assert quantised_layers(in_int8(graph, made.ranges, made.weights, in_float=all_but(graph, ()))) == set(graph.layers)
    returned = graph.layers[1:3]
    assert quantised_layers(in_int8(graph, made.ranges, made.weights, in_float=all_but(graph, returned))) == set(graph.layers) - set(
        returned
    )


def test_one_layer_alone_is_quantised(made: Ingredients) -> None:
    layer = made.graph.layers[3]
    assert quantised_layers(in_int8(made.graph, made.ranges, made.weights, in_float=only(made.graph, layer))) == {layer}


def test_the_float_graph_stays_as_it_is(made: Ingredients) -> None:
    before = made.graph.model.SerializeToString(deterministic=True)
    in_int8(made.graph, made.ranges, made.weights, in_float=all_but(made.graph, ()))
    assert made.graph.model.SerializeToString(deterministic=True) == before


def test_the_file_calculates_in_int8_near_the_float_one(made: Ingredients, tmp_path: Path) -> None:
    maker(made, tmp_path).write(tmp_path / "int8.onnx", ())
    assert inspect_model((tmp_path / "int8.onnx").read_bytes(), tmp_path).precision == "int8"
    with OnnxSession(made.source) as reference, OnnxSession(tmp_path / "int8.onnx") as candidate:
        assert candidate.precision == "int8"
        difference = np.abs(reference.run(made.images[0])[0] - candidate.run(made.images[0])[0])
    assert 0 < difference[:, 4:].max() < 0.02


def test_the_file_keeps_what_the_float_one_says_of_itself(made: Ingredients) -> None:
    kept = {entry.key for entry in in_int8(made.graph, made.ranges, made.weights, in_float=all_but(made.graph, ())).metadata_props}
    assert {entry.key for entry in made.graph.model.metadata_props} <= kept


def weights_of(model: onnx.ModelProto, layer: str) -> np.ndarray:
    """The weights that a layer of a graph multiplies with."""
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    read = next(node for node in model.graph.node if node.name == layer).input[1]
    if read in stored:
        return stored[read]
    steps, scale, _ = (stored[name] for name in makers[read].input)
    return steps * scale.reshape(-1, 1, 1, 1)


def test_layers_have_the_weights_that_were_fitted_and_those_returned_their_own(made: Ingredients) -> None:
    first, second = made.graph.layers[1:3]
    written = in_int8(made.graph, made.ranges, made.weights, in_float=all_but(made.graph, (second,)))
    np.testing.assert_allclose(weights_of(written, first), made.weights[first], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(weights_of(written, second), weights_of(made.graph.model, second))
    assert np.abs(made.weights[first] - weights_of(made.graph.model, first)).max() > 1e-4
