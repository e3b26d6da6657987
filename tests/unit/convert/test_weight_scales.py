"""No sum of two products leaves 16 bits, and no scale is coarser than that needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.convert.weight_scales import scales

LARGEST_16_BITS, LARGEST_ACTIVATION = 32_767, 255


def pair_sums(weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The largest sums of two neighbouring products, channels last, as vpmaddubsw adds them."""
    rounded = np.round(weights / scale.reshape(-1, 1, 1, 1)).astype(int)
    last = rounded.transpose(0, 2, 3, 1).reshape(len(weights), -1)
    even = np.pad(last, ((0, 0), (0, last.shape[1] % 2))).reshape(len(weights), -1, 2)
    return LARGEST_ACTIVATION * np.maximum(np.maximum(even, 0).sum(2), np.maximum(-even, 0).sum(2))


@given(seed=st.integers(0, 10_000), channels=st.integers(1, 9), side=st.integers(1, 3))
def test_no_sum_of_two_products_saturates(seed: int, channels: int, side: int) -> None:
    generator = np.random.default_rng(seed)
    weights = (generator.standard_normal((6, channels, side, side)) * generator.choice([1e-3, 1, 50])).astype(np.float32)
    found = scales(weights)
    assert pair_sums(weights, found).max() <= LARGEST_16_BITS
    assert np.abs(np.round(weights / found.reshape(-1, 1, 1, 1))).max() <= 127


def test_eight_bits_for_all_would_saturate() -> None:
    weights = np.ones((1, 2, 1, 1), np.float32)
    assert pair_sums(weights, np.array([1 / 127])).max() > LARGEST_16_BITS


def test_a_weight_with_a_small_neighbour_keeps_all_its_bits() -> None:
    assert scales(np.array([127.0, 0.5]).reshape(1, 2, 1, 1).astype(np.float32)) == pytest.approx([1.0])


def test_a_weight_with_an_equal_neighbour_gets_seven() -> None:
    assert scales(np.full((1, 2, 1, 1), 64, np.float32)) == pytest.approx([1.0], abs=0.01)


def test_neighbours_of_opposite_signs_do_not_add_up() -> None:
    assert scales(np.array([127.0, -127.0]).reshape(1, 2, 1, 1).astype(np.float32)) == pytest.approx([1.0])


def test_channels_are_scaled_apart_and_one_of_zeros_has_a_scale() -> None:
    weights = np.zeros((3, 4, 1, 1), np.float32)
    weights[0, 0], weights[1, 1] = 127, 12.7
    assert scales(weights) == pytest.approx([1.0, 0.1, 1e-9])
