"""The quick form of a YOLOv8 says the same to the last bit, and what cannot be said quicker stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tiny_detector
from onnx import helper, numpy_helper

from parity.convert import convert
from parity.convert.quick_form import in_quick_form, quicken
from parity.convert.ultralytics_export import export
from parity.models import Checkpoint, load_checkpoint
from parity.onnx_graph import attributes, consumers, copied, producers

FIXTURES = Path(__file__).parents[3] / "fixtures"
SIDE = 64


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """The embedded detector, a YOLOv8n."""
    return load_checkpoint(FIXTURES / "models/yolov8n_shapes.pt")


@pytest.fixture(scope="module", params=[False, True], ids=["static", "dynamic"])
def exported(request: pytest.FixtureRequest, checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It as Ultralytics writes it."""
    file = tmp_path_factory.mktemp("exported") / "exported.onnx"
    export(checkpoint, file, format_name="onnx", size=(SIDE, SIDE), dynamic=request.param)
    return file


@pytest.fixture
def model(exported: Path) -> onnx.ModelProto:
    """Its graph."""
    return onnx.load(exported)


def said(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    """What a graph answers, calculated in one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: image})[0])


def image(batch: int) -> np.ndarray:
    """Noise."""
    return np.random.default_rng(0).random((batch, 3, SIDE, SIDE), np.float32)


def kinds(model: onnx.ModelProto, *operators: str) -> list[int]:
    """How many nodes there are of each operator."""
    return [sum(node.op_type == operator for node in model.graph.node) for operator in operators]


def one(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    """The only node of an operator."""
    (node,) = (node for node in model.graph.node if node.op_type == operator)
    return node


def test_it_says_the_same_to_the_last_bit(model: onnx.ModelProto) -> None:
    quick = in_quick_form(model)
    onnx.checker.check_model(quick, full_check=True)
    given = image(model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 3)
    assert (said(quick, given) == said(model, given)).all()


def test_nothing_is_split_and_the_softmax_is_over_the_last_axis(model: onnx.ModelProto) -> None:
    splits, products, multiplied = kinds(model, "Split", "Conv", "MatMul")
    assert splits == 8
    assert multiplied == 0
    quick = in_quick_form(model)
    assert kinds(quick, "Split", "Conv", "MatMul") == [0, products - 1 + splits, 1]
    assert attributes(one(quick, "Softmax")) == {"axis": 3}


def test_the_quick_form_of_the_quick_form_is_itself(model: onnx.ModelProto) -> None:
    quick = in_quick_form(model)
    assert in_quick_form(quick) == quick != model


def test_the_graph_that_is_given_stays_as_it_is(model: onnx.ModelProto) -> None:
    before = copied(model)
    in_quick_form(model)
    assert model == before


def test_no_weights_are_stored_twice(model: onnx.ModelProto) -> None:
    quick = in_quick_form(model)
    assert sum(numpy_helper.to_array(each).size for each in quick.graph.initializer) <= sum(
        numpy_helper.to_array(each).size for each in model.graph.initializer
    )


def another_axis(model: onnx.ModelProto) -> None:
    """The softmax is over the sides."""
    one(model, "Softmax").attribute[0].i = 2


def another_layout(model: onnx.ModelProto) -> None:
    """The transposition is another."""
    softmax = one(model, "Softmax")
    (before,) = (node for node in model.graph.node if softmax.input[0] in node.output)
    before.attribute[0].ints[:] = [0, 2, 3, 1]


def read_twice(model: onnx.ModelProto) -> None:
    """Someone else reads the softmax."""
    model.graph.node.append(helper.make_node("Identity", [one(model, "Softmax").output[0]], ["second"]))


def transposition_read_twice(model: onnx.ModelProto) -> None:
    """Someone else reads what the softmax is of."""
    model.graph.node.append(helper.make_node("Identity", [one(model, "Softmax").input[0]], ["second"]))


def bins_read_twice(model: onnx.ModelProto) -> None:
    """Someone else reads the bins that the mean is taken over."""
    (mean,) = consumers(model)[one(model, "Softmax").output[0]]
    model.graph.node.append(helper.make_node("Identity", [mean.input[1]], ["second"]))


def given_out(model: onnx.ModelProto) -> None:
    """The softmax is an output of the graph."""
    model.graph.output.append(helper.make_tensor_value_info(one(model, "Softmax").output[0], onnx.TensorProto.FLOAT, None))


@pytest.mark.parametrize("change", [another_axis, another_layout, read_twice, transposition_read_twice, bins_read_twice, given_out])
def test_a_softmax_that_is_wired_otherwise_stays(model: onnx.ModelProto, change: object) -> None:
    assert callable(change)
    change(model)
    quick = in_quick_form(model)
    assert kinds(quick, "MatMul") == [0]
    assert [attributes(node) for node in quick.graph.node if node.op_type == "Softmax"] == [attributes(one(model, "Softmax"))]


def part_sizes(model: onnx.ModelProto, sizes: list[int]) -> None:
    """The first split has other parts."""
    split = next(node for node in model.graph.node if node.op_type == "Split")
    model.graph.initializer.append(numpy_helper.from_array(np.array(sizes), "sizes"))
    split.input[1] = "sizes"


def test_parts_of_no_whole_blocks_stay_together(model: onnx.ModelProto) -> None:
    part_sizes(model, [24, 8])
    assert kinds(in_quick_form(model), "Split") == [1]


@pytest.mark.parametrize("back", [0, 1, 2])
def test_channels_that_are_an_output_stay_together(model: onnx.ModelProto, back: int) -> None:
    makers = producers(model)
    name = next(node for node in model.graph.node if node.op_type == "Split").input[0]
    for _ in range(back):  # from the SiLU's product to its sigmoid, and on to the convolution
        name = makers[name].input[-1]
    model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    assert kinds(in_quick_form(model), "Split") == [1]


def test_parts_of_a_size_that_is_not_stored_stay_together(model: onnx.ModelProto) -> None:
    split = next(node for node in model.graph.node if node.op_type == "Split")
    del split.input[1:]  # into equal parts
    assert kinds(in_quick_form(model), "Split") == [1]


def test_a_bias_that_two_convolutions_share_is_divided_for_each(model: onnx.ModelProto) -> None:
    makers, splits = producers(model), [node for node in model.graph.node if node.op_type == "Split"]
    products = [makers[makers[split.input[0]].input[0]] for split in splits]
    products[5].input[2] = products[1].input[2]  # both of 64 channels
    quick = in_quick_form(model)
    onnx.checker.check_model(quick, full_check=True)
    names = [tensor.name for tensor in quick.graph.initializer]
    assert len(names) == len({*names})
    assert (said(quick, image(1)) == said(model, image(1))).all()


def test_a_graph_within_the_graph_may_read_anything(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("Identity", ["outer"], ["o"])], "inner", [], [helper.make_tensor_value_info("o", 1, [1])])
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.ones(1, np.float32), "outer"), numpy_helper.from_array(np.ones((), bool), "yes")]
    )
    model.graph.node.append(helper.make_node("If", ["yes"], ["either"], then_branch=inner, else_branch=inner))
    assert in_quick_form(model) == model


def test_what_nobody_ever_read_stays(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "unread"))
    assert "unread" in [tensor.name for tensor in in_quick_form(model).graph.initializer]


@pytest.mark.parametrize("architecture", ["yolo11n.yaml", "yolov10n.yaml", "yolo12n.yaml"])
def test_other_networks_say_the_same_but_for_rounding(architecture: str, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_detector.save(tiny_detector.build(architecture), tmp_path / "other.pt"))
    file = tmp_path / "other.onnx"
    export(checkpoint, file, format_name="onnx", size=(SIDE, SIDE), dynamic=False)
    model = onnx.load(file)
    quick = in_quick_form(model)
    onnx.checker.check_model(quick, full_check=True)
    assert kinds(quick, "Split") < kinds(model, "Split")
    np.testing.assert_allclose(said(quick, image(1)), said(model, image(1)), rtol=1e-5, atol=1e-3)


def test_a_file_is_written_in_the_quick_form(exported: Path, tmp_path: Path, checkpoint: Checkpoint) -> None:
    file = tmp_path / "copy.onnx"
    file.write_bytes(exported.read_bytes())
    quicken(file)
    assert kinds(onnx.load(file), "Split") == [0]
    made = onnx.load(convert(checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path))
    assert kinds(made, "Split", "MatMul") == [0, 1]


def test_a_file_with_nothing_to_gain_is_not_written(exported: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.onnx"
    onnx.save(in_quick_form(onnx.load(exported)), file)
    before = file.stat().st_mtime_ns
    quicken(file)
    assert file.stat().st_mtime_ns == before
