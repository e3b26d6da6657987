"""The range of a tensor that 8 bits are spread over: the one that leaves the smallest error in what reads the tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
ROUNDS = 2  # over both ends in turn; a third changes nothing
LOW_SHARES = np.geomspace(0.02, 1, 20)  # of the lowest value; what SiLU reads below -6 of -100 is all the same to it
HIGH_SHARES = np.geomspace(0.1, 1, 20)
LARGEST_EXPONENT = 60.0

Values: TypeAlias = NDArray[np.float32]
Function = Callable[[NDArray[np.floating]], NDArray[np.floating]]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a tensor was seen to hold: some of its values (n,), and its extremes."""

    values: Values
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Range:
    """What the lowest and the highest level stand for; it holds zero, which padding needs."""

    low: float
    high: float


def as_it_is(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The values themselves."""
    return values


def silu(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """A value times its sigmoid, as the networks' activation has it."""
    return np.asarray(values / (1 + np.exp(-np.clip(values, -LARGEST_EXPONENT, LARGEST_EXPONENT))))


def together(parts: Sequence[Seen]) -> Seen:
    """What several images showed of one tensor."""
    values = np.concatenate([part.values for part in parts])
    return Seen(values, min(part.low for part in parts), max(part.high for part in parts))


def best_ranges(seen: Mapping[str, Seen], read_by: Mapping[str, Function]) -> dict[str, Range]:
    """The range of every tensor, by what reads it; of one that is not named there, the values count as they are."""
    return {name: best_range(each, read_by.get(name, as_it_is)) for name, each in seen.items()}


def best_range(seen: Seen, read_by: Function = as_it_is) -> Range:
    """The range with the smallest mean square error after ``read_by``, its two ends tried in turn."""
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    exact = read_by(seen.values)
    lows, highs = low * LOW_SHARES, high * HIGH_SHARES

    def error(low: float, high: float) -> float:
        return float(np.mean(np.square(read_by(rounded(seen.values, Range(low, high))) - exact)))

    for _ in range(ROUNDS):
        low = float(min(lows, key=lambda end: error(end, high)))
        high = float(min(highs, key=lambda end: error(low, end)))
    return Range(low, high)


def rounded(values: Values, spread: Range) -> NDArray[np.floating]:
    """The values as 8 bits over a range hold them."""
    step = (spread.high - spread.low) / LEVELS
    if not step:
        return np.zeros_like(values)
    zero = np.round(-spread.low / step)
    return np.asarray((np.clip(np.round(values / step) + zero, 0, LEVELS) - zero) * step)
