"""What a contest is judged by, before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.datasets import DatasetImage
from parity.errors import UsageError
from parity.judging import asks_why, groups_of
from parity.limits import Profile
from parity.suite.running import TEXTS, as_profile
from parity.verdict import Check, Status


def images(*groups: str | None) -> list[DatasetImage]:
    """Images of groups."""
    return [DatasetImage(number, f"{number}.jpg", Path(f"{number}.jpg"), group) for number, group in enumerate(groups)]


def failed(name: str) -> list[Check]:
    """One check that failed."""
    return [Check(name, "m", Status.FAIL, 1.0, 0.0, "", "")]


def test_frames_of_a_video_are_resampled_together_and_other_images_alone() -> None:
    assert groups_of(images("a", "a", None)) == ["a", "a", 2]
    assert groups_of(images(None, None)) is None


@pytest.mark.parametrize(
    ("name", "profile", "asked"),
    [
        ("missed", Profile.FP32, True),
        ("ap_reference", Profile.FP32, False),
        ("ap_reference", Profile.INT8, True),
        ("ap_classes", Profile.FP16, True),
        ("missed", Profile.INT8, True),
        ("latency", Profile.INT8, False),
    ],
)
def test_a_cause_is_looked_for_where_a_difference_can_have_one(name: str, profile: Profile, *, asked: bool) -> None:
    assert asks_why(failed(name), profile) is asked


def test_a_test_may_name_files_and_the_profile_as_text() -> None:
    assert TEXTS["limits_file"]("limits.json") == Path("limits.json")
    assert as_profile("int8") is Profile.INT8
    with pytest.raises(UsageError, match="fp32, fp16, int8"):
        as_profile("int4")
