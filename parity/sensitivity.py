"""Which layers lose most in INT8, and how many of them have to go back to float: values in, decisions out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")
LARGEST_SHARE = 0.5  # of the layers in float; beyond it a file no longer counts as INT8


def ranked(errors: Mapping[str, float]) -> tuple[str, ...]:
    """The layers by the error that each alone makes, the largest first; one that is no number is the worst."""
    return tuple(sorted(errors, key=lambda name: (errors[name] == errors[name], -errors[name])))  # NaN differs from itself


def most_in_float(layers: int, always: int) -> int:
    """How many layers may go back to float when ``always`` more stay there anyhow, so that most of all still are in INT8."""
    return max(0, int(LARGEST_SHARE * (layers + always) - always) - 1)


def fewest(tried: Callable[[int], T], within: Callable[[T], bool], *, most: int) -> tuple[dict[int, T], int | None]:
    """The least number from 0 to ``most`` that keeps within: doubled until one does, then bisected; and all that was tried.

    ``None`` where even ``most`` does not. The drop need not fall with every layer, so a smaller number may keep within that was not tried.
    """
    found: dict[int, T] = {}

    def keeps(count: int) -> bool:
        found[count] = tried(count)
        return within(found[count])

    low, high = -1, 0
    while not keeps(high):
        if high >= most:
            return found, None
        low, high = high, min(most, 2 * high or 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return found, high
