"""What stands behind the last learned products is found in a graph, however it is wired."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from parity.convert.head_arithmetic import border, head_arithmetic

KERNEL = (8, 3, 1, 1)
MEAN = (1, 16, 1, 1)  # the one row that a distribution's mean is taken with


def node(operator: str, put: str, got: str) -> NodeProto:
    """An operator; ``put`` and ``got`` are names, which is also its name."""
    return helper.make_node(operator, put.split(), got.split(), name=got)


def graph(*nodes: NodeProto, output: str, **weights: tuple[int, ...]) -> GraphProto:
    """A graph of these nodes with weights of these shapes."""
    put, got = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("image", output))
    return helper.make_graph(
        list(nodes), "one", [put], [got], [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in weights.items()]
    )


def found(one: GraphProto) -> list[str]:
    """The names of the head's arithmetic."""
    return [each.name for each in head_arithmetic(one)]


def test_arithmetic_behind_the_last_product_is_the_heads() -> None:
    one = graph(
        node("Conv", "image w", "a"), node("Sigmoid", "a", "b"), node("Conv", "b w", "c"), node("Sigmoid", "c", "d"), output="d", w=KERNEL
    )
    assert found(one) == ["d"]
    assert border(head_arithmetic(one), one) == ("c",)


def test_the_mean_of_a_distribution_is_arithmetic_although_it_is_a_convolution() -> None:
    nodes = (node("Conv", "image w", "a"), node("Softmax", "a", "b"), node("Conv", "b mean", "c"), node("Mul", "c strides", "d"))
    assert found(graph(*nodes, output="d", w=KERNEL, mean=MEAN, strides=(1, 84))) == ["b", "c", "d"]


def test_what_a_product_needs_too_is_not_the_heads() -> None:
    nodes = (node("Relu", "image", "a"), node("Conv", "a w", "b"), node("Add", "a b", "c"))
    one = graph(*nodes, output="c", w=KERNEL)
    assert found(one) == ["c"]
    assert border(head_arithmetic(one), one) == ("a", "b")


def test_what_no_output_needs_is_not_the_heads() -> None:
    one = graph(node("Conv", "image w", "a"), node("Sigmoid", "a", "b"), node("Relu", "a", "unused"), output="b", w=KERNEL)
    assert found(one) == ["b"]


@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose", "Gemm", "MatMul"])
def test_every_product_with_weights_ends_it(operator: str) -> None:
    assert found(graph(node(operator, "image w", "a"), node("Relu", "a", "b"), output="b", w=(8, 3))) == ["b"]


def test_a_product_of_two_computed_numbers_is_arithmetic() -> None:
    nodes = (node("Conv", "image w", "a"), node("MatMul", "a a", "b"))
    assert found(graph(*nodes, output="b", w=KERNEL)) == ["b"]
