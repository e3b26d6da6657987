"""The scales of 8-bit weights whose products no processor's sums saturate."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LARGEST_WEIGHT = 127
# x86 without VNNI adds two products of an unsigned 8-bit number and a weight in 16 bits (vpmaddubsw): 255 x 128 = 32,640 fits
LARGEST_SUM = 128
LARGEST_PAIR = 127.9  # before rounding, which adds less than 1 to the sum of two
LEAST = 1e-9  # of a channel that is all zeros

Scales: TypeAlias = NDArray[np.float32]


def scales(weights: NDArray[np.float32]) -> Scales:
    """A scale for each output channel (n,) of weights (n, channels, ...), as small as keeps all sums of pairs exact.

    ONNX Runtime calculates with channels last, and pairs neighbours from the first on. A channel's largest weight gets 127 where its
    neighbour leaves it that, and 64 where it is as large; reducing the range to 7 bits would give 64 to all.
    """
    last = channels_last(weights)
    even = np.pad(last, ((0, 0), (0, last.shape[1] % 2))).reshape(len(weights), -1, 2)
    pairs = np.maximum(np.maximum(even, 0).sum(2), np.maximum(-even, 0).sum(2)).max(1)
    needed = np.maximum(np.abs(last).max(1) / LARGEST_WEIGHT, pairs / LARGEST_PAIR)
    return np.asarray(np.maximum(needed, LEAST), np.float32)


def channels_last(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights (n, channels, ...) as a row for each output, the channels of one place side by side."""
    return np.moveaxis(weights, 1, -1).reshape(len(weights), -1)
