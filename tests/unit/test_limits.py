"""Every limit has a value, a unit and an origin, and lies between the noise and a fault."""

from __future__ import annotations

from dataclasses import fields

import pytest

from parity.limits import (
    BY_FAMILY,
    EVALUATION_CONFIDENCE,
    FLOAT32,
    MATCH_IOU,
    MAX_ROUNDING_PX,
    MAX_ROUNDING_SCORE,
    PROFILES,
    Limit,
    Limits,
    Profile,
    limits_of,
)

NOISE_PX, NOISE_SCORE = 4.8e-3, 9.8e-6  # the largest differences of a float32 raw head from float64, as measured


@pytest.mark.parametrize("limits", [*PROFILES.values(), *BY_FAMILY.values()])
@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_says_where_it_comes_from(name: str, limits: Limits) -> None:
    limit: Limit = getattr(limits, name)
    assert limit.value >= 0
    assert len(limit.unit) > 1
    assert len(limit.origin) > 10


@pytest.mark.parametrize("limits", [*PROFILES.values(), *BY_FAMILY.values()])
def test_what_is_measured_stands_on_a_noise_that_was_measured(limits: Limits) -> None:
    measured = (limits.box, limits.score, limits.logit)
    assert all(limit.floor is not None and 0 < limit.floor < limit.value for limit in measured)
    assert limits.none.floor is None


def test_every_profile_has_limits_and_a_lower_precision_wider_ones() -> None:
    assert set(PROFILES) == set(Profile)
    widths = [PROFILES[profile].box.value for profile in (Profile.FP32, Profile.FP16, Profile.INT8)]
    assert widths == sorted(widths)
    assert [profile for profile in Profile if profile.exact] == [Profile.FP32]


@pytest.mark.parametrize(
    ("family", "profile", "limits"),
    [("ultralytics", "fp32", FLOAT32), ("torchvision", "fp32", BY_FAMILY["torchvision"]), ("torchvision", "int8", PROFILES[Profile.INT8])],
)
def test_a_family_has_its_own_limits_in_float32(family: str, profile: str, limits: Limits) -> None:
    assert limits_of(family, Profile(profile)) is limits


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
