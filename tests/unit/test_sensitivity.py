"""The layers that go back to float are those that lose most, and as few as keep within."""

from __future__ import annotations

from math import nan

from hypothesis import given
from hypothesis import strategies as st

from parity.sensitivity import fewest, most_in_float, ranked


def test_the_layer_with_the_largest_error_comes_first_and_nan_before_it() -> None:
    assert ranked({"a": 0.1, "b": nan, "c": 0.3, "d": 0.2}) == ("b", "c", "d", "a")


def test_equal_errors_stay_in_the_order_of_the_network() -> None:
    assert ranked({"b": 0.1, "a": 0.1}) == ("b", "a")


@given(least=st.integers(0, 80), most=st.integers(0, 80))
def test_where_more_layers_never_harm_the_least_number_is_found(least: int, most: int) -> None:
    found, chosen = fewest(lambda count: count, lambda count: count >= least, most=most)
    assert chosen == (least if least <= most else None)
    assert all(found[count] == count <= most for count in found)


def test_few_numbers_are_tried_and_each_once() -> None:
    tried: list[int] = []

    def remembered(count: int) -> int:
        tried.append(count)
        return count

    fewest(remembered, lambda count: count >= 23, most=57)
    assert tried == [0, 1, 2, 4, 8, 16, 32, 24, 20, 22, 23]


def test_what_keeps_within_at_once_is_tried_once() -> None:
    assert fewest(lambda count: count, lambda _: True, most=57) == ({0: 0}, 0)


def test_most_layers_stay_in_int8() -> None:
    for layers, always in ((57, 6), (10, 0), (4, 3), (1, 0)):
        most = most_in_float(layers, always)
        assert most >= 0
        assert most == 0 or (layers - most) * 2 > layers + always
