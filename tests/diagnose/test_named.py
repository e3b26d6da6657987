"""Faults planted through the independent pipeline and another runtime are named, singly and together; a healthy pair has no name."""

from __future__ import annotations

from typing import Any

import pytest
from diagnose.conftest import Named

from parity.diagnose.search import Finding

SINGLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # some of every stage; `tox run -e faults` has them all
    "stretch_instead_of_letterbox": ({"fit": "stretch"}, {}),
    "pad_value": ({"pad": 97}, {"pad_value": 97}),
    "nms_iou_threshold": ({"iou": 0.52}, {"iou": 0.52}),
    "conf_threshold": ({"confidence": 0.37}, {"confidence": 0.37}),
    "class_map_80_91_or_offset": ({"class_offset": 1}, {"offset": 1}),
    "missing_sigmoid": ({"sigmoids": -1}, {}),
    "unletterbox_missing_or_wrong": ({"unletterbox": "no_pad"}, {"restored": "padding left in"}),
    "hw_swapped": ({"swapped": "restore"}, {}),
    "wrong_imgsz": ({"side": 352}, {"side_px": 352}),
}
TOGETHER: list[tuple[dict[str, Any], set[str]]] = [
    ({"sigmoids": 1, "confidence": 0.7}, {"double_sigmoid", "conf_threshold"}),
    ({"fit": "stretch", "iou": 0.45}, {"stretch_instead_of_letterbox", "nms_iou_threshold"}),
    ({"channels": "bgr", "integer": True}, {"channel_order_bgr", "int_cast_boxes"}),
    (
        {"channels": "bgr", "fit": "stretch", "interpolation": "area"},
        {"channel_order_bgr", "stretch_instead_of_letterbox", "resize_interpolation"},
    ),
]


def faults(found: Finding | None) -> set[str]:
    """The names that were found."""
    return set() if found is None else {suspect.fault for suspect in found.suspects}


def parameters(found: Finding | None, name: str) -> dict[str, Any]:
    """The solved values of a fault."""
    assert found is not None
    (suspect,) = (suspect for suspect in found.suspects if suspect.fault == name)
    return dict(suspect.parameters)


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_fault_is_named_with_its_value_and_nothing_else(named: Named, name: str) -> None:
    settings, expected = SINGLE[name]
    found = named(**settings)
    assert faults(found) == {name}
    assert parameters(found, name) == pytest.approx(expected, abs=0.011)
    assert found is not None
    assert found.confirmed
    assert found.explains >= 0.9


@pytest.mark.parametrize(("settings", "expected"), TOGETHER, ids=[" + ".join(sorted(names)) for _, names in TOGETHER])
def test_faults_together_are_all_named(named: Named, settings: dict[str, Any], expected: set[str]) -> None:
    found = named(**settings)
    assert faults(found) == expected
    assert found is not None
    assert found.confirmed


@pytest.mark.parametrize("name", ["stretch_instead_of_letterbox", "nms_iou_threshold", "unletterbox_missing_or_wrong"])
def test_numbers_rounded_to_three_decimals_still_tell(named: Named, name: str) -> None:
    assert faults(named(decimals=3, **SINGLE[name][0])) == {name}


@pytest.mark.parametrize("decimals", [None, 3])
def test_a_healthy_pair_has_no_name(named: Named, decimals: int | None) -> None:
    assert named(decimals=decimals) is None


def test_what_no_suspect_reproduces_has_no_name(named: Named) -> None:
    assert named(score_scale=0.5) is None


def test_causes_that_leave_nothing_to_detect_cannot_be_told_apart_and_are_all_named(named: Named) -> None:
    found = named(divisor=255.0**2)
    assert faults(found) == {"value_range_255"}
    assert found is not None
    assert {other.fault for _, other in found.alternatives} == {"int8_head_concat_one_scale", "v5_style_decode_on_v8", "conf_threshold"}
