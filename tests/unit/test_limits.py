"""Every limit has a value, a unit and an origin, and lies between the noise and a fault."""

from __future__ import annotations

from dataclasses import fields

import pytest

from parity.limits import BY_FAMILY, EVALUATION_CONFIDENCE, FLOAT32, MATCH_IOU, MAX_ROUNDING_PX, MAX_ROUNDING_SCORE, Limit, Limits

NOISE_PX, NOISE_SCORE = 4.8e-3, 9.8e-6  # the largest differences of a float32 raw head from float64, as measured


@pytest.mark.parametrize("limits", [FLOAT32, *BY_FAMILY.values()])
@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_says_where_it_comes_from(name: str, limits: Limits) -> None:
    limit: Limit = getattr(limits, name)
    assert limit.value >= 0
    assert len(limit.unit) > 1
    assert len(limit.origin) > 10


def test_limits_lie_above_the_measured_noise() -> None:
    assert NOISE_PX < FLOAT32.box.value < 100 * NOISE_PX
    assert NOISE_SCORE < FLOAT32.score.value < 100 * NOISE_SCORE


def test_what_is_counted_may_not_occur() -> None:
    assert FLOAT32.none.value == 0


def test_ap_may_differ_less_from_the_reference_than_from_a_baseline_of_elsewhere() -> None:
    assert FLOAT32.ap_reference.value < FLOAT32.ap_baseline.value


def test_whole_pixels_are_beyond_the_rounding_that_is_excused() -> None:
    assert MAX_ROUNDING_PX < 1
    assert MAX_ROUNDING_SCORE < 0.01
    assert (MATCH_IOU, EVALUATION_CONFIDENCE) == (0.5, 0.001)
