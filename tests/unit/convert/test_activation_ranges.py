"""A range is where the error behind the activation is least."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from parity.convert.activation_ranges import Range, Seen, best_range, best_ranges, rounded, silu, together


def seen(values: np.ndarray) -> Seen:
    """All values of a tensor."""
    return Seen(values.astype(np.float32), float(values.min()), float(values.max()))


def error(tensor: Seen, spread: Range) -> float:
    """The mean square error behind SiLU."""
    return float(np.mean(np.square(silu(rounded(tensor.values, spread)) - silu(tensor.values))))


def test_what_silu_flattens_takes_no_levels() -> None:
    tensor = seen(np.concatenate([np.linspace(-100, 0, 500), np.linspace(0, 10, 500)]))
    found = best_range(tensor, silu)
    assert -15 < found.low < -3
    assert error(tensor, found) < 0.05 * error(tensor, Range(-100, 10))


def test_one_far_value_does_not_take_the_levels_of_all_others() -> None:
    tensor = seen(np.append(np.random.default_rng(0).uniform(0, 1, 1_000_000), 3.0))
    assert best_range(seen(tensor.values[:-1])).high == pytest.approx(1, abs=0.01)
    assert best_range(tensor).high < 2


def test_a_range_holds_zero_and_lies_within_what_was_seen() -> None:
    above, below = best_range(seen(np.linspace(2, 3, 100))), best_range(seen(np.linspace(-3, -2, 100)))
    assert (above.low, below.high) == (0, 0)
    assert above.high <= 3
    assert below.low >= -3


def test_a_tensor_of_zeros_stays_one() -> None:
    found = best_range(seen(np.zeros(10)))
    assert found == Range(0, 0)
    assert not rounded(np.zeros(10, np.float32), found).any()


def test_rounding_is_that_of_onnx() -> None:
    step, zero = np.float32(4 / 255), np.uint8(64)
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])]
    values = np.random.default_rng(0).uniform(-3, 5, 1000).astype(np.float32)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1000]) for name in ("x", "y")]
    stored = [numpy_helper.from_array(np.asarray(each), name) for name, each in (("s", step), ("z", zero))]
    model = helper.make_model(helper.make_graph(nodes, "pair", ends[:1], ends[1:], stored))
    expected = ReferenceEvaluator(model).run(None, {"x": values})[0]
    assert rounded(values, Range(-1.0, 3.0)) == pytest.approx(expected, abs=1e-5)


def test_images_are_seen_together() -> None:
    both = together([seen(np.array([1.0, 2.0])), seen(np.array([-5.0]))])
    assert (both.low, both.high, both.values.tolist()) == (-5, 2, [1, 2, -5])


def test_every_tensor_has_the_range_of_what_reads_it() -> None:
    tensor = seen(np.linspace(-100, 10, 1000))
    found = best_ranges({"a": tensor, "b": tensor}, {"a": silu})
    assert found["a"].low > found["b"].low
