"""Faults planted in the ONNX file of the embedded FasterRCNN by editing its graph; nothing of the diagnosis is used here.

The network is the body of a loop over images; plants see it as a model of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from diagnose.edited_onnx import constant, insert, set_attribute, set_weight, weight
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable

    Edit = Callable[[onnx.ModelProto], None]

IMAGE, TRANSFORM = "image", "/detector/transform"


def in_loop(model: onnx.ModelProto, edit: Edit) -> onnx.ModelProto:
    """Edit the body of the loop over images."""
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    inner = onnx.ModelProto()
    inner.graph.CopyFrom(body)
    edit(inner)
    body.CopyFrom(inner.graph)
    return model


def of_type(model: onnx.ModelProto, operator: str) -> list[onnx.NodeProto]:
    """The nodes of an operator in their order."""
    return [node for node in model.graph.node if node.op_type == operator]


def named(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    """The node of a name."""
    (found,) = (node for node in model.graph.node if node.name == name)
    return found


def value_of(model: onnx.ModelProto, tensor: str) -> Any:
    """What a Constant node holds."""
    (found,) = (node for node in of_type(model, "Constant") if node.output[0] == tensor)
    return numpy_helper.to_array(found.attribute[0].t)


# Layers


def rois_half_a_pixel_off(model: onnx.ModelProto) -> None:
    """RoiAlign takes half a pixel off, as its default is from opset 16 on."""
    for node in of_type(model, "RoiAlign"):
        set_attribute(node, "coordinate_transformation_mode", "half_pixel")


def scales_of_a_long_image(model: onnx.ModelProto) -> None:
    """The finest level of the RoI pooling has the scale of an image of another shape."""
    set_attribute(of_type(model, "RoiAlign")[0], "spatial_scale", 0.0625)


def resize_with_corners(model: onnx.ModelProto) -> None:
    """The image is resized with aligned corners."""
    set_attribute(of_type(model, "Resize")[0], "coordinate_transformation_mode", "align_corners")


def upsampled_off_centre(model: onnx.ModelProto) -> None:
    """The pyramid repeats its cells half a cell off."""
    for node in of_type(model, "Resize")[1:]:
        set_attribute(node, "coordinate_transformation_mode", "half_pixel")
        set_attribute(node, "nearest_mode", "ceil")


# The size of the resized image


def frozen_size(model: onnx.ModelProto) -> None:
    """Every image is resized to 320 x 427, whatever its shape."""
    of_type(model, "Resize")[0].input[3] = constant(model, "frozen", [1, 3, 320, 427], np.int64)


def another_size(model: onnx.ModelProto) -> None:
    """The shorter side becomes 288 px in place of 320."""
    (found,) = (node for node in of_type(model, "Constant") if list(shape_of(node)) == [2] and list(numbers(node)) == [320.0, 640.0])
    found.attribute[0].t.CopyFrom(numpy_helper.from_array(np.array([288.0, 640.0])))


def shape_of(node: onnx.NodeProto) -> list[int]:
    """The shape of what a Constant node holds."""
    return list(node.attribute[0].t.dims)


def numbers(node: onnx.NodeProto) -> Any:
    """The values that a Constant node holds."""
    return numpy_helper.to_array(node.attribute[0].t)


# Thresholds and counts


def looser_suppression(model: onnx.ModelProto) -> None:
    """The last NMS has an IoU threshold of 0.83 in place of 0.5."""
    of_type(model, "NonMaxSuppression")[1].input[3] = constant(model, "loose", [0.83])


def stricter_proposals(model: onnx.ModelProto) -> None:
    """The NMS of the proposals has an IoU threshold of 0.12 in place of 0.7."""
    of_type(model, "NonMaxSuppression")[0].input[3] = constant(model, "strict", [0.12])


def higher_confidence(model: onnx.ModelProto) -> None:
    """Detections below 0.63 are dropped."""
    of_type(model, "Greater")[0].input[1] = constant(model, "cut", 0.63)


def few_detections(model: onnx.ModelProto) -> None:
    """At most three detections are kept: every count of 100 is a 3."""
    for node in of_type(model, "Constant"):
        value = numbers(node)
        if value.dtype == np.int64 and (value == 100).any():
            node.attribute[0].t.CopyFrom(numpy_helper.from_array(np.where(value == 100, 3, value)))


# In front


def blue_first(model: onnx.ModelProto) -> None:
    """The graph expects BGR."""
    insert(model, IMAGE, [("Gather", [constant(model, "bgr", [2, 1, 0], np.int64)], {"axis": 0})])


def divides_again(model: onnx.ModelProto) -> None:
    """The graph divides by 255 as the host has done."""
    insert(model, IMAGE, [("Div", [constant(model, "range", 255.0)], {})])


def expects_bytes(model: onnx.ModelProto) -> None:
    """The graph's mean and standard deviation are those of 0 to 255."""
    for name in (f"{TRANSFORM}/Sub", f"{TRANSFORM}/Div"):
        node = named(model, name)
        node.input[1] = constant(model, f"{name} of bytes", 255 * value_of(model, node.input[1]))


def other_normalisation(model: onnx.ModelProto) -> None:
    """The graph takes the mean of another data set off."""
    named(model, f"{TRANSFORM}/Sub").input[1] = constant(model, "mean", np.reshape([0.31, 0.37, 0.29], (3, 1, 1)))


def unnormalised(model: onnx.ModelProto) -> None:
    """The graph leaves the mean and the standard deviation out."""
    for name in (f"{TRANSFORM}/Sub", f"{TRANSFORM}/Div"):
        node = named(model, name)
        source, target = node.input[0], node.output[0]
        model.graph.node.remove(node)
        for each in model.graph.node:
            each.input[:] = [source if tensor == target else tensor for tensor in each.input]


# Behind


def boxes_in_pixels(model: onnx.ModelProto) -> None:
    """The graph gives pixels of the image, though its stamp says shares."""
    (division,) = (node for node in model.graph.node if node.name == "/Div")
    division.CopyFrom(helper.make_node("Identity", [division.input[0]], list(division.output), name=division.name))


def labels_from_zero(model: onnx.ModelProto) -> None:
    """The graph counts its labels from 0."""
    (written,) = (node for node in model.graph.node if "category" in node.output)
    written.output[:] = ["labels"]
    model.graph.node.append(helper.make_node("Sub", ["labels", constant(model, "first", 1, np.int64)], ["category"]))


# Weights


def kernels(model: onnx.ModelProto) -> list[str]:
    """The names of all kernels and biases."""
    return [each.name for each in model.graph.initializer if each.name.endswith(("weight", "bias")) or each.name.startswith("onnx::Conv")]


def trained_on(model: onnx.ModelProto) -> None:
    """Every weight is a little off."""
    generator = np.random.default_rng(17)
    for name in kernels(model):
        value = weight(model, name)
        set_weight(model, name, value + 0.05 * value.std() * generator.standard_normal(value.shape))


def of_another_training(model: onnx.ModelProto) -> None:
    """Every weight is another, of the same size."""
    generator = np.random.default_rng(18)
    for name in kernels(model):
        value = weight(model, name)
        set_weight(model, name, generator.permutation(value.ravel()).reshape(value.shape))


def head_trained_on(model: onnx.ModelProto) -> None:
    """Only the last layer is of another state."""
    name = "detector.roi_heads.box_predictor.cls_score.bias"
    set_weight(model, name, weight(model, name) + np.array([0.0, 1.0, -0.5], np.float32))
