"""The precision that a file's operators and weights tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from parity.errors import BadInput
from parity.precision import precision_of


def network(path: Path, *operators: str, weights: type = np.float32) -> Path:
    """A graph of these operators with a large weight of a type and a small float32 constant."""
    nodes = [helper.make_node(operator, ["x"], [f"y{place}"]) for place, operator in enumerate(operators)]
    stored = [numpy_helper.from_array(np.ones((4, 4), weights), "w"), numpy_helper.from_array(np.ones(2, np.float32), "c")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [], [], stored)), path)
    return path


@pytest.mark.parametrize(
    ("operators", "weights", "precision"),
    [
        (("Conv",), np.float32, "fp32"),
        (("Conv",), np.float16, "fp16"),
        (("Conv", "DequantizeLinear"), np.float32, "int8"),
        (("QLinearConv",), np.float16, "int8"),
        (("ConvInteger",), np.int8, "int8"),
    ],
)
def test_operators_and_weights_tell_the_precision(operators: tuple[str, ...], weights: type, precision: str, tmp_path: Path) -> None:
    assert precision_of(network(tmp_path / "m.onnx", *operators, weights=weights)) == precision


def test_quantised_operators_are_found_where_they_are_nested(tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("QuantizeLinear", ["a", "b"], ["c"])], "inner", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    onnx.save(helper.make_model(helper.make_graph([node], "g", [], [])), tmp_path / "m.onnx")
    assert precision_of(tmp_path / "m.onnx") == "int8"


def test_other_files_are_taken_for_float32(tmp_path: Path) -> None:
    assert precision_of(tmp_path / "m.torchscript") == "fp32"


def test_a_damaged_file_has_no_precision(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x00")
    with pytest.raises(BadInput, match="truncated or damaged"):
        precision_of(tmp_path / "m.onnx")
