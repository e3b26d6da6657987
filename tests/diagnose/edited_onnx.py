"""Faults planted in an ONNX file of a YOLO detector by editing its graph; nothing of the diagnosis is used here.

The head is wherever the output comes from, and sizes are the file's own, so that the same edits plant faults in other detectors.
"""

from __future__ import annotations

import ast
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Edit = Callable[[onnx.ModelProto], None]

BOX = 4
CONV = "/model.4/cv2/conv/Conv"
INPUT, OUTPUT = "images", "output0"


# How a graph is edited


def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    """The node of a name."""
    (found,) = (each for each in model.graph.node if each.name == name)
    return found


def first(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    """The first node of an operator."""
    return next(each for each in model.graph.node if each.op_type == operator)


def head(model: onnx.ModelProto) -> str:
    """What the names of the last module begin with, such as ``/model.22``."""
    (last,) = (each for each in model.graph.node if OUTPUT in each.output)
    return last.name.rpartition("/")[0]


def output_shape(model: onnx.ModelProto) -> list[int]:
    """The axes of the output: the batch, the box and its classes, the anchors."""
    return [axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim]


def input_side(model: onnx.ModelProto) -> int:
    """The height of the input."""
    return int(model.graph.input[0].type.tensor_type.shape.dim[2].dim_value)


def constant(model: onnx.ModelProto, name: str, value: Any, dtype: Any = np.float32) -> str:
    """Store a tensor."""
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
    return name


def weight(model: onnx.ModelProto, name: str) -> np.ndarray:
    """A stored tensor."""
    (found,) = (each for each in model.graph.initializer if each.name == name)
    return numpy_helper.to_array(found).copy()


def set_weight(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    """Store another tensor under a name."""
    (found,) = (each for each in model.graph.initializer if each.name == name)
    found.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))


def set_attribute(target: onnx.NodeProto, name: str, value: Any) -> None:
    """Replace an attribute."""
    kept = [each for each in target.attribute if each.name != name]
    del target.attribute[:]
    target.attribute.extend([*kept, helper.make_attribute(name, value)])


def insert(model: onnx.ModelProto, tensor: str, made: Sequence[tuple[str, Sequence[str], dict[str, Any]]]) -> None:
    """Put a chain of nodes behind a tensor: operator, further inputs, attributes."""
    end = f"{tensor}::edited"
    place = next((index + 1 for index, each in enumerate(model.graph.node) if tensor in each.output), 0)
    for each in model.graph.node:
        each.input[:] = [end if name == tensor else name for name in each.input]
    current, chain = tensor, []
    for index, (operator, further, attributes) in enumerate(made):
        following = end if index == len(made) - 1 else f"{end}{index}"
        chain.append(
            helper.make_node(operator, [current, *further], [following], name=f"planted{len(model.graph.node)}_{index}", **attributes)
        )
        current = following
    rest = [onnx.NodeProto.FromString(each.SerializeToString()) for each in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*rest[:place], *chain, *rest[place:]])


def append(model: onnx.ModelProto, made: Sequence[tuple[str, Sequence[str], dict[str, Any]]]) -> None:
    """Put a chain of nodes behind the output."""
    rename_output(model)
    current = f"{OUTPUT}::own"
    for index, (operator, further, attributes) in enumerate(made):
        following = OUTPUT if index == len(made) - 1 else f"{OUTPUT}::{index}"
        model.graph.node.append(helper.make_node(operator, [current, *further], [following], name=f"planted{index}", **attributes))
        current = following


def rename_output(model: onnx.ModelProto) -> None:
    """Give the tensor that was the output another name."""
    for each in model.graph.node:
        each.output[:] = [f"{OUTPUT}::own" if name == OUTPUT else name for name in each.output]


# In front of and behind the network


def blue_first(model: onnx.ModelProto) -> None:
    """The graph expects BGR."""
    insert(model, INPUT, [("Gather", [constant(model, "bgr", [2, 1, 0], np.int64)], {"axis": 1})])


def divides_again(model: onnx.ModelProto) -> None:
    """The graph divides by 255 as the host has done."""
    insert(model, INPUT, [("Div", [constant(model, "range", 255.0)], {})])


def normalises_again(model: onnx.ModelProto) -> None:
    """The graph takes a mean off and divides by a standard deviation."""
    mean = constant(model, "mean", np.reshape([0.41, 0.37, 0.46], (1, 3, 1, 1)))
    insert(model, INPUT, [("Sub", [mean], {}), ("Div", [constant(model, "std", np.reshape([0.21, 0.23, 0.26], (1, 3, 1, 1)))], {})])


def trained_on_bytes(model: onnx.ModelProto) -> None:
    """The first layer expects 0 to 255."""
    set_weight(model, "model.0.conv.weight", weight(model, "model.0.conv.weight") / 255)


def on_scores(model: onnx.ModelProto, operator: str, further: Sequence[str] = (), **attributes: Any) -> None:
    """Put a node behind the scores."""
    insert(model, f"{head(model)}/Sigmoid_output_0", [(operator, further, attributes)])


def second_sigmoid(model: onnx.ModelProto) -> None:
    """The scores go through the sigmoid twice."""
    on_scores(model, "Sigmoid")


def no_sigmoid(model: onnx.ModelProto) -> None:
    """The graph gives logits."""
    target = node(model, f"{head(model)}/Sigmoid")
    target.op_type = "Identity"


def corners(model: onnx.ModelProto) -> None:
    """The graph gives corners."""
    node(model, f"{head(model)}/Concat_2").input[:] = [f"{head(model)}/Sub_output_0", f"{head(model)}/Add_1_output_0"]


def shares(model: onnx.ModelProto) -> None:
    """The graph gives boxes in 0 to 1."""
    insert(model, f"{head(model)}/Mul_2_output_0", [("Div", [constant(model, "side", float(input_side(model)))], {})])


def other_classes(model: onnx.ModelProto) -> None:
    """The columns of the classes are in another order."""
    classes = output_shape(model)[1] - BOX
    order = [2, 0, 1, 3, classes - 1, *range(4, classes - 1)]
    on_scores(model, "Gather", [constant(model, "order", order, np.int64)], axis=1)


def other_names(model: onnx.ModelProto) -> None:
    """The names of two classes are exchanged in the metadata."""
    (entry,) = (each for each in model.metadata_props if each.key == "names")
    names = ast.literal_eval(entry.value)
    names[1], names[3] = names[3], names[1]
    entry.value = repr(names)


def levels_of_scores(model: onnx.ModelProto) -> None:
    """The levels of the scores are joined in another order than those of the boxes."""
    joined = node(model, f"{head(model)}/Concat_1")
    joined.input[:] = [joined.input[2], joined.input[0], joined.input[1]]


def levels_of_boxes(model: onnx.ModelProto) -> None:
    """The levels of the boxes are joined in another order than those of the scores."""
    joined = node(model, f"{head(model)}/Concat")
    joined.input[:] = [joined.input[1], joined.input[2], joined.input[0]]


def undecoded(model: onnx.ModelProto) -> None:
    """The graph gives distances to the sides."""
    node(model, f"{head(model)}/Concat_3").input[0] = f"{head(model)}/dfl/Reshape_1_output_0"


def another_first(model: onnx.ModelProto) -> None:
    """The graph has another output in front of the detections."""
    zero, shape = constant(model, "nothing", 0.0), output_shape(model)
    model.graph.node.append(helper.make_node("Mul", [OUTPUT, zero], ["masks"]))
    outputs = [helper.make_tensor_value_info("masks", TensorProto.FLOAT, shape), *model.graph.output]
    kept = [onnx.ValueInfoProto.FromString(each.SerializeToString()) for each in outputs]
    del model.graph.output[:]
    model.graph.output.extend(kept)


# Precision


def half_output(model: onnx.ModelProto) -> None:
    """The output went through float16."""
    append(model, [("Cast", [], {"to": TensorProto.FLOAT16}), ("Cast", [], {"to": TensorProto.FLOAT})])


def brain_output(model: onnx.ModelProto) -> None:
    """The output went through bfloat16."""
    append(model, [("Cast", [], {"to": TensorProto.BFLOAT16}), ("Cast", [], {"to": TensorProto.FLOAT})])


# Modes and noise


def batch_statistics(model: onnx.ModelProto) -> None:
    """A batch normalisation of the first layer takes its statistics from the image."""
    channels = len(weight(model, "model.0.conv.bias"))
    ones, zeros = constant(model, "bn1", np.ones(channels)), constant(model, "bn0", np.zeros(channels))
    tail = [constant(model, "bn_mean", np.zeros(channels)), constant(model, "bn_var", np.full(channels, 1 - 1e-5))]
    insert(model, "/model.0/conv/Conv_output_0", [("BatchNormalization", [ones, zeros, *tail], {"epsilon": 1e-5, "training_mode": 1})])
    (made,) = (each for each in model.graph.node if each.op_type == "BatchNormalization")
    made.output.extend(["bn_mean_out", "bn_var_out"])


def noise(model: onnx.ModelProto) -> None:
    """Noise is added to a layer."""
    target = f"{CONV}_output_0"
    model.graph.node.append(helper.make_node("RandomNormalLike", [target], ["noise"], scale=0.02))
    drawn = onnx.NodeProto.FromString(model.graph.node[-1].SerializeToString())
    del model.graph.node[-1]
    insert(model, target, [("Add", ["noise"], {})])
    place = next(index for index, each in enumerate(model.graph.node) if target in each.output)
    model.graph.node.insert(place + 1, drawn)


def lost_in_fusion(model: onnx.ModelProto) -> None:
    """A convolution is followed by factors that cancel; ONNX Runtime multiplies the weights by the first, and leaves denormal ones."""
    target = node(model, CONV)
    name, channels = target.input[1], len(weight(model, target.input[2]))
    set_weight(model, name, weight(model, name) * 1e-6)
    small, large = (constant(model, key, np.full((1, channels, 1, 1), value)) for key, value in (("small", 1e-36), ("large", 1e36)))
    source = target.input[0]
    target.input[0] = "planted_input"
    place = next(index for index, each in enumerate(model.graph.node) if each.name == CONV)
    model.graph.node.insert(place, helper.make_node("Mul", [source, constant(model, "million", 1e6)], ["planted_input"]))
    insert(model, target.output[0], [("Mul", [small], {}), ("Mul", [large], {})])


# Layers


def half_pixel(model: onnx.ModelProto) -> None:
    """The upsampling takes the left neighbour of half a pixel."""
    set_attribute(first(model, "Resize"), "coordinate_transformation_mode", "half_pixel")
    set_attribute(first(model, "Resize"), "nearest_mode", "floor")


def pooled_off_centre(model: onnx.ModelProto) -> None:
    """The pooling pads otherwise."""
    set_attribute(first(model, "MaxPool"), "pads", [1, 1, 3, 3])


def bins_first(model: onnx.ModelProto) -> None:
    """The DFL takes 64 channels for 16 bins of 4 sides."""
    shape = weight(model, f"{head(model)}/dfl/Constant_output_0")
    (stored,) = (each for each in model.graph.initializer if each.name == f"{head(model)}/dfl/Constant_output_0")
    stored.CopyFrom(numpy_helper.from_array(shape[[0, 2, 1, 3]], stored.name))
    bins_last = first(model, "Softmax").attribute[0].i != 1  # in our form
    set_attribute(node(model, f"{head(model)}/dfl/Transpose"), "perm", [0, 2, 3, 1] if bins_last else [0, 1, 2, 3])


# Weights


def kernels(model: onnx.ModelProto) -> list[str]:
    """The names of all kernels and biases."""
    return [each.name for each in model.graph.initializer if each.name.startswith("model.") and "dfl" not in each.name]


def trained_on(model: onnx.ModelProto) -> None:
    """Every weight is a little off."""
    generator = np.random.default_rng(7)
    for name in kernels(model):
        value = weight(model, name)
        set_weight(model, name, value + 0.05 * value.std() * generator.standard_normal(value.shape))


def of_another_training(model: onnx.ModelProto) -> None:
    """Every weight is another, of the same size."""
    generator = np.random.default_rng(8)
    for name in kernels(model):
        value = weight(model, name)
        set_weight(model, name, generator.permutation(value.ravel()).reshape(value.shape))


def head_fused_twice(model: onnx.ModelProto) -> None:
    """The last layer of the scores is multiplied once more."""
    for level in range(3):
        for part in ("weight", "bias"):
            name = f"{head(model).strip('/')}.cv3.{level}.2.{part}"
            set_weight(model, name, 1.13 * weight(model, name))


def one_bias(model: onnx.ModelProto) -> None:
    """One bias is another."""
    generator = np.random.default_rng(9)
    value = weight(model, "model.4.cv2.conv.bias")
    set_weight(model, "model.4.cv2.conv.bias", value + generator.standard_normal(value.shape))


def one_bias_by_dynamo(model: onnx.ModelProto) -> None:
    """One bias is another, in a file that names its nodes as the dynamo exporter does."""
    one_bias(model)
    for each in model.graph.node:
        each.metadata_props.add(key="pkg.torch.onnx.fx_node", value=f"%{each.name}")


# Real quantisation and real half precision


def quantise(
    source: Path,
    target: Path,
    tensors: Sequence[np.ndarray],
    *,
    nodes: Sequence[str] = (),
    operators: Sequence[str] = ("Conv",),
    **options: Any,
) -> None:
    """Quantise a file with ONNX Runtime's own tool, calibrated on some network inputs."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # noqa: PLC0415

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(tensors)

        def get_next(self) -> dict[str, np.ndarray] | None:
            tensor = next(self.left, None)
            return None if tensor is None else {INPUT: tensor}

    logging.disable(logging.WARNING)  # advice to simplify first, which the file already is
    defaults = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True, "quant_format": QuantFormat.QDQ}
    chosen = {"nodes_to_quantize": list(nodes) or None, "op_types_to_quantize": list(operators)}
    try:
        quantize_static(str(source), str(target), Reader(), **defaults | chosen | options)
    finally:
        logging.disable(logging.NOTSET)


def convolutions(model: onnx.ModelProto, *, in_head: bool) -> list[str]:
    """The names of the convolutions of the head, or of all before it."""
    last = f"{head(model)}/"
    return [each.name for each in model.graph.node if each.op_type == "Conv" and each.name.startswith(last) == in_head]


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The whole network in float16, by ONNX Runtime's own converter."""
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415

    return convert_float_to_float16(model, keep_io_types=True)
