"""Options as people write them: lists are comma-separated or repeated, on the command line and in pytest alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

from parity.errors import UsageError
from parity.request import Size

STRIDE = 32  # of every network that is read so far
MOST_DIGITS = 5
MOST_COUNTED = 1024  # images at once, and threads
LATENCY_EXPECTED = 'speedup<NUMBER: "speedup<1.5" fails a candidate that is not 1.5 times as fast, "speedup<0.9" one that takes over 1/0.9'
SPEEDUP_LIMIT = re.compile(r"\s*speedup\s*<\s*(\d{1,4}(?:\.\d{1,6})?)\s*", re.ASCII)


def split(values: Iterable[str] | None) -> tuple[str, ...]:
    """The values of an option that is given as ``a,b`` or repeated, each once."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    if "" in parts:
        raise UsageError("an empty value in a list", found=",".join(values or ()), expected="values separated by single commas")
    return tuple(dict.fromkeys(parts))


def parse_sizes(values: Iterable[str] | None) -> tuple[Size, ...]:
    """Network sizes (height, width) in pixels from ``640`` or ``480x640``."""
    return tuple(dict.fromkeys(parse_size(text) for text in split(values)))


def parse_size(text: str) -> Size:
    """One size; networks take multiples of their stride only."""
    sides = text.lower().split("x")
    numbers = [int(side) for side in sides if side.isascii() and side.isdecimal() and len(side) <= MOST_DIGITS]
    if len(numbers) != len(sides) or len(sides) not in {1, 2} or any(side < 1 or side % STRIDE for side in numbers):
        expected = f"multiples of {STRIDE} such as 640, or 480x640 for height x width"
        raise UsageError("--imgsz is no size that networks take", found=text, expected=expected)
    return numbers[0], numbers[-1]


def parse_counts(option: str, values: Iterable[str] | None) -> tuple[int, ...]:
    """Whole numbers from 1 such as those of ``--batch 1,8``."""
    return tuple(dict.fromkeys(parse_count(option, text) for text in split(values)))


def parse_count(option: str, text: str) -> int:
    """One whole number from 1."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0
    if not 1 <= number <= MOST_COUNTED:
        raise UsageError(f"{option} takes whole numbers", found=text, expected=f"1 to {MOST_COUNTED}, such as 1,8")
    return number


def share(option: str, value: float | None) -> float | None:
    """A number from 0 to 1; NaN is none."""
    if value is not None and not 0 <= value <= 1:
        raise UsageError(f"{option} is out of range", found=value, expected="a number from 0 to 1")
    return value


def least_speedup(text: str | None) -> float | None:
    """The number of ``speedup<1.5``."""
    if text is None:
        return None
    found = SPEEDUP_LIMIT.fullmatch(text)
    number = float(found[1]) if found else 0.0
    if not number:
        raise UsageError("--latency-fail is no limit that can be held", found=text, expected=LATENCY_EXPECTED)
    return number
