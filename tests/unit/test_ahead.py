"""Work done ahead of its use."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from parity.ahead import ahead


def counted(taken: list[int]) -> Iterator[int]:
    """Fifty numbers, each noted when it is drawn."""
    return (taken.append(number) or number for number in range(50))  # type: ignore[func-returns-value]


def late_when_even(number: int) -> int:
    """The number itself, of which the even ones take longer."""
    time.sleep(0.002 * (number % 2 == 0))
    return number


def reciprocal(number: int) -> float:
    """Fails for 0."""
    return 1 / number


def test_results_keep_the_order_of_the_items() -> None:
    assert list(ahead(late_when_even, range(40), workers=3)) == list(range(40))


def test_no_more_is_drawn_than_the_depth() -> None:
    taken: list[int] = []
    stream = ahead(late_when_even, counted(taken), depth=3)
    assert [next(stream), next(stream)] == [0, 1]
    assert len(taken) == 4
    stream.close()  # type: ignore[attr-defined]


def test_an_error_comes_at_its_items_place() -> None:
    stream = ahead(reciprocal, [1, 2, 0, 4])
    assert [next(stream), next(stream)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(stream)


def test_an_abandoned_stream_ends_its_threads() -> None:
    stream = ahead(late_when_even, range(50))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("parity-ahead")]
