"""Weights are rounded for what the layer makes of its inputs, within what 16 bits add up."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.convert.weight_rounding import round_weights
from parity.convert.weight_scales import channels_last, scales

LARGEST_16_BITS, LARGEST_ACTIVATION = 32_767, 255


def correlated(generator: np.random.Generator, count: int) -> np.ndarray:
    """The mean products of inputs that have much in common, as neighbours in an image have."""
    inputs = generator.standard_normal((400, 2)) @ generator.standard_normal((2, count)) + 0.3 * generator.standard_normal((400, count))
    return inputs.T @ inputs / 400


def error(weights: np.ndarray, rounded: np.ndarray, products: np.ndarray) -> float:
    """The mean square error of the outputs."""
    lost = channels_last(rounded) - channels_last(weights)
    return float(np.einsum("ni,ij,nj->", lost, products, lost))


def nearest(weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Every weight rounded on its own."""
    by_output = scale.reshape(-1, 1, 1, 1)
    return np.round(weights / by_output) * by_output


def test_the_error_is_near_the_least_of_all_ways_to_round() -> None:
    generator = np.random.default_rng(0)
    weights, products = generator.standard_normal((32, 8, 1, 1)).astype(np.float32), correlated(generator, 8)
    scale = scales(weights) * 8
    below = np.floor(channels_last(weights) / scale[:, None])
    lost = [(below + up) * scale[:, None] - channels_last(weights) for up in product((0, 1), repeat=8)]
    least = np.min([np.einsum("ni,ij,nj->n", each, products, each) for each in lost], axis=0).sum()
    plain, found = error(weights, nearest(weights, scale), products), error(weights, round_weights(weights, scale, products), products)
    assert found - least < 0.4 * (plain - least)


def test_inputs_that_have_nothing_in_common_leave_every_weight_to_itself() -> None:
    weights = np.random.default_rng(0).standard_normal((4, 70, 3, 3)).astype(np.float32)
    found = round_weights(weights, scales(weights), np.eye(630))
    assert found == pytest.approx(nearest(weights, scales(weights)), abs=1e-6)


def test_what_one_block_loses_the_next_makes_good() -> None:
    generator = np.random.default_rng(0)
    weights, products = generator.standard_normal((4, 40, 3, 3)).astype(np.float32), correlated(generator, 360)
    found, plain = round_weights(weights, scales(weights), products), nearest(weights, scales(weights))
    assert error(weights, found, products) < 0.2 * error(weights, plain, products)


@given(seed=st.integers(0, 10_000), channels=st.integers(1, 9), side=st.integers(1, 3))
def test_no_sum_of_two_products_saturates(seed: int, channels: int, side: int) -> None:
    generator = np.random.default_rng(seed)
    weights = (generator.standard_normal((6, channels, side, side)) * generator.choice([1e-3, 1, 50])).astype(np.float32)
    scale, products = scales(weights), correlated(generator, channels * side**2)
    steps = np.round(channels_last(round_weights(weights, scale, products)) / scale[:, None]).astype(int)
    pairs = np.pad(steps, ((0, 0), (0, steps.shape[1] % 2))).reshape(6, -1, 2)
    assert LARGEST_ACTIVATION * np.maximum(np.maximum(pairs, 0).sum(2), np.maximum(-pairs, 0).sum(2)).max() <= LARGEST_16_BITS
    assert np.abs(steps).max() <= 127


def test_inputs_that_were_always_zero_leave_weights_as_they_are_rounded_alone() -> None:
    weights = np.random.default_rng(0).standard_normal((2, 6, 1, 1)).astype(np.float32)
    found = round_weights(weights, scales(weights), np.zeros((6, 6)))
    assert found == pytest.approx(nearest(weights, scales(weights)), abs=1e-6)
