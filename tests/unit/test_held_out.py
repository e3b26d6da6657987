"""What calibrates never judges, by content."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parity.held_out import LEAST, SHARE, digest_of, divide, drawn

MANY = [bytes([i]) for i in range(40)]
digests = st.lists(st.binary(min_size=1, max_size=1), max_size=60)


@given(offered=digests, to_judge=digests.filter(bool), most=st.integers(1, 50), seed=st.integers(0, 5), hold_out=st.booleans())
def test_no_image_that_calibrates_judges(offered: list[bytes], to_judge: list[bytes], most: int, seed: int, *, hold_out: bool) -> None:
    found = divide(offered, to_judge, most=most, seed=seed, hold_out=hold_out)
    source = to_judge if found.held_out else offered
    assert {source[place] for place in found.calibration}.isdisjoint(to_judge[place] for place in found.judged)
    assert len(found.calibration) <= most


def test_a_judged_image_under_another_name_is_refused_and_counted() -> None:
    found = divide([*MANY[:10], b"judged", b"judged"], [b"judged", b"other"], most=100, seed=0, hold_out=True)
    assert (found.calibration, found.refused, found.held_out) == (tuple(range(10)), 2, False)
    assert found.judged == (0, 1)


def test_one_image_offered_twice_calibrates_once() -> None:
    assert divide([*MANY[:9], MANY[0]], [b"judged"], most=100, seed=0, hold_out=True).calibration == tuple(range(9))


def test_where_train_is_val_a_share_is_held_out_and_judges_no_more() -> None:
    found = divide(MANY, MANY, most=100, seed=0, hold_out=True)
    assert found.held_out
    assert len(found.calibration) == int(SHARE * len(MANY))
    assert sorted(found.calibration + found.judged) == list(range(len(MANY)))


def test_at_most_so_many_are_held_out() -> None:
    assert len(divide(MANY, MANY, most=3, seed=0, hold_out=True).calibration) == 3


def test_too_few_others_are_as_none() -> None:
    found = divide([*MANY, *(bytes([200 + i]) for i in range(LEAST - 1))], MANY, most=100, seed=0, hold_out=True)
    assert found.held_out


def test_a_copy_of_a_held_out_image_judges_no_more() -> None:
    twice = [*MANY, *MANY]
    found = divide([], twice, most=100, seed=0, hold_out=True)
    assert len(found.judged) == len(twice) - 2 * len(found.calibration)


def test_without_holding_out_nothing_is_left_where_all_judge() -> None:
    found = divide(MANY, MANY, most=100, seed=0, hold_out=False)
    assert (found.calibration, found.refused) == ((), len(MANY))


def test_the_draw_depends_on_the_seed_alone() -> None:
    assert drawn(range(100), 10, 1) == drawn(range(100), 10, 1)
    assert drawn(range(100), 10, 1) != drawn(range(100), 10, 2)


def test_the_digest_of_a_set_knows_no_order() -> None:
    assert digest_of([b"a", b"b"]) == digest_of([b"b", b"a"])
    assert digest_of([b"a", b"b"]) != digest_of([b"a", b"c"])
