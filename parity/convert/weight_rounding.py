"""Weights rounded to 8 bits one input after the other: what rounding one loses, those still to be rounded make good.

The method is GPTQ (Frantar et al. 2022, arXiv:2210.17323), held to weights whose sums of two products fit in 16 bits.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity.convert.weight_scales import LARGEST_SUM, LARGEST_WEIGHT, Scales, channels_last

DAMPING = 0.01  # of the mean of the diagonal, as the authors have it; ten times that changes nothing
BLOCK = 64  # columns that are rounded before the rest hears of it; even, so that no pair is divided

Reals: TypeAlias = NDArray[np.float64]


def round_weights(weights: NDArray[np.float32], scale: Scales, products: NDArray[np.floating]) -> NDArray[np.float32]:
    """Weights (n, channels, ...) as multiples of a scale for each output (n,), near the least mean square error of what they make.

    ``products`` (k, k) holds the mean product of every two inputs of one window, channels last.
    """
    left = (channels_last(weights) / scale[:, None]).astype(np.float64)
    shares = np.linalg.cholesky(np.linalg.inv(damped(products))).T
    found = np.zeros_like(left)
    for start in range(0, left.shape[1], BLOCK):
        block, rest = slice(start, start + BLOCK), slice(start + BLOCK, None)
        found[:, block], errors = round_block(left[:, block], shares[block, block])
        left[:, rest] -= errors @ shares[block, rest]
    last = (found * scale[:, None]).reshape(len(weights), *weights.shape[2:], weights.shape[1])
    return np.asarray(np.moveaxis(last, -1, 1), np.float32)


def damped(products: NDArray[np.floating]) -> Reals:
    """The products with a little on the diagonal, for inputs that the images leave at zero."""
    mean = float(np.mean(np.diag(products)))
    return np.asarray(products, np.float64) + np.eye(len(products)) * (DAMPING * mean or 1.0)


def round_block(weights: Reals, shares: Reals) -> tuple[Reals, Reals]:
    """Neighbouring columns in steps (n, columns), rounded, and the error of each as ``shares`` passes it on."""
    left, found, errors = weights.copy(), np.zeros_like(weights), np.zeros_like(weights)
    for column in range(left.shape[1]):
        neighbour = found[:, column - 1] if column % 2 else np.zeros(len(left))
        found[:, column] = np.clip(np.round(left[:, column]), *ends(neighbour))
        errors[:, column] = (left[:, column] - found[:, column]) / shares[column, column]
        left[:, column + 1 :] -= np.outer(errors[:, column], shares[column, column + 1 :])
    return found, errors


def ends(neighbour: Reals) -> tuple[Reals, Reals]:
    """The least and the largest weight, in steps, beside one that is rounded already, for each output."""
    low, high = -LARGEST_SUM - np.minimum(neighbour, 0), LARGEST_SUM - np.maximum(neighbour, 0)
    return np.maximum(low, -LARGEST_WEIGHT), np.minimum(high, LARGEST_WEIGHT)
