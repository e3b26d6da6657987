"""ONNX files that are damaged, foreign or hostile are named as what they are, before a runtime sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parity.backends.base import open_session
from parity.backends.onnx_file import inspect_model
from parity.errors import BadInput, UntrustedInput

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = (1, 3, 8, 8)


def graph_file(
    path: Path,
    *,
    shape: tuple[int | str, ...] = IMAGE,
    element: int = TensorProto.FLOAT,
    domain: str = "",
    operator: str = "Relu",
    opset: int = 17,
    weights: tuple[TensorProto, ...] = (),
) -> Path:
    """A file of one operator."""
    node = helper.make_node(operator, ["images"], ["output0"], domain=domain)
    put = helper.make_tensor_value_info("images", element, shape)
    got = helper.make_tensor_value_info("output0", element, shape)
    graph = helper.make_graph([node], "one", [put], [got], initializer=list(weights))
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())
    return path


def external(location: str) -> TensorProto:
    """A tensor of four numbers that lies in another file."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "weight")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (np.random.default_rng(0).bytes(4096), "truncated or damaged"),
    ],
)
@pytest.mark.parametrize("suffix", [".onnx", ".torchscript", ".pt"])
def test_what_a_failed_download_leaves_is_named(tmp_path: Path, content: bytes, says: str, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"{says}|not TorchScript|not a PyTorch") as refusal:
        open_session(path)
    assert f"model{suffix}" in str(refusal.value)


def test_a_truncated_file_is_bad_input(exported: dict[str, Path], tmp_path: Path) -> None:
    content = exported["onnx"].read_bytes()
    (tmp_path / "half.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match="truncated"):
        open_session(tmp_path / "half.onnx")


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        open_session(tmp_path / "absent.onnx")


def test_an_unknown_operator_domain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UntrustedInput, match=r"com\.evil::Pwn") as refusal:
        open_session(graph_file(tmp_path / "evil.onnx", domain="com.evil", operator="Pwn"))
    assert refusal.value.exit_code == 11


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin", "link.bin"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(UntrustedInput, match="outside its folder"):
        open_session(graph_file(folder / "m.onnx", weights=(external(location),)))


def test_missing_weights_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no weights\.bin"):
        open_session(graph_file(tmp_path / "m.onnx", weights=(external("weights.bin"),)))


def test_weights_beside_the_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    with open_session(graph_file(tmp_path / "m.onnx", weights=(external("weights.bin"),))) as session:
        assert session.run(np.ones(IMAGE, np.float32))[0].shape == IMAGE


def test_a_newer_opset_names_both_versions(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"opset 99.*at most opset {onnx.defs.onnx_opset_version()}"):
        open_session(graph_file(tmp_path / "new.onnx", opset=99))


@pytest.mark.parametrize(
    "options",
    [{"shape": (8, 3, 8, 8)}, {"shape": (1, 1, 8, 8)}, {"shape": (8, 8)}, {"element": TensorProto.UINT8, "operator": "Identity"}],
    ids=["batch of 8", "one channel", "two axes", "uint8"],
)
def test_an_input_that_is_not_one_rgb_image_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="expected one float32 or float16 input of batch 1"):
        open_session(graph_file(tmp_path / "m.onnx", **options))


def test_an_input_without_a_batch_axis_is_given_one(tmp_path: Path) -> None:
    with open_session(graph_file(tmp_path / "m.onnx", shape=(3, "height", "width"))) as session:
        assert session.input_shape == (1, 3, None, None)
        assert session.run(np.ones((1, 3, 8, 9), np.float32))[0].shape == (3, 8, 9)


def test_channels_last_input_keeps_its_shape(tmp_path: Path) -> None:
    with open_session(graph_file(tmp_path / "m.onnx", shape=(1, 8, 8, 3))) as session:
        assert session.input_shape == (1, 8, 8, 3)
        assert session.run(np.ones((1, 8, 8, 3), np.float32))[0].shape == (1, 8, 8, 3)


def test_float16_is_fed_float16_and_answers_float32(tmp_path: Path) -> None:
    with open_session(graph_file(tmp_path / "m.onnx", element=TensorProto.FLOAT16)) as session:
        (output,) = session.run(np.full(IMAGE, 0.1, np.float32))
    assert output.dtype == np.float32
    assert output[0, 0, 0, 0] == np.float32(np.float16(0.1))


def test_a_dynamic_axis_is_open(tmp_path: Path) -> None:
    with open_session(graph_file(tmp_path / "m.onnx", shape=("batch", 3, "height", "width"))) as session:
        assert session.input_shape == (None, 3, None, None)


def weight(element: int, size: int = 8) -> TensorProto:
    """A stored tensor of one type."""
    return helper.make_tensor(f"weight of type {element}", element, [size], np.zeros(size).tolist())


HALF, WHOLE = weight(TensorProto.FLOAT16), weight(TensorProto.FLOAT)


@pytest.mark.parametrize(
    ("weights", "precision"),
    [
        ((), "fp32"),
        ((WHOLE,), "fp32"),
        ((HALF,), "fp16"),
        ((HALF, weight(TensorProto.FLOAT, 2)), "fp16"),
        ((WHOLE, weight(TensorProto.FLOAT16, 2)), "fp32"),
        ((weight(TensorProto.BFLOAT16),), "fp16"),
    ],
)
def test_a_file_calculates_as_most_of_its_numbers_are_stored(tmp_path: Path, weights: tuple[TensorProto, ...], precision: str) -> None:
    file = graph_file(tmp_path / "model.onnx", weights=weights)
    assert inspect_model(file.read_bytes(), file).precision == precision


QDQ = [("QuantizeLinear", "images", "q"), ("DequantizeLinear", "q", "d")]


@pytest.mark.parametrize(
    ("operators", "precision"),
    [
        ([("Conv", "images", "a")], "fp32"),
        ([*QDQ, ("Conv", "d", "a")], "int8"),
        ([*QDQ, ("Conv", "d", "a"), ("MatMul", "d", "b"), ("Conv", "a", "c")], "int8"),
        ([*QDQ, ("Conv", "images", "a")], "fp32"),  # a pair that nothing multiplies changes no rule
        ([*QDQ, ("Conv", "d", "a"), ("Conv", "a", "b"), ("Conv", "b", "c")], "fp32"),
        ([("QLinearConv", "images", "a")], "int8"),
        ([("DynamicQuantizeLinear", "images", "q"), ("ConvInteger", "q", "a")], "int8"),
        ([("MatMulInteger", "images", "a")], "int8"),
        (QDQ, "fp32"),
    ],
)
def test_a_file_is_int8_where_most_of_its_products_are(tmp_path: Path, operators: list[tuple[str, str, str]], precision: str) -> None:
    file = graph_file(tmp_path / "model.onnx")
    model = onnx.load(file)
    del model.graph.node[:]
    model.graph.node.extend(helper.make_node(operator, [put], [got]) for operator, put, got in operators)
    assert inspect_model(model.SerializeToString(), file).precision == precision
