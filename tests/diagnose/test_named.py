"""Faults planted through the independent pipeline and another runtime are named, singly and together; a healthy pair has no name."""

from __future__ import annotations

from typing import Any

import pytest
from diagnose.conftest import Named

from parity.diagnose.search import Finding

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SINGLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "stretch_instead_of_letterbox": ({"fit": "stretch"}, {}),
    "rect_vs_square_letterbox": ({"fit": "rect"}, {}),
    "channel_order_bgr": ({"channels": "bgr"}, {}),
    "value_range_255": ({"divisor": 1.0}, {"divisor": 1.0}),
    "mean_std_mismatch": (IMAGENET, {"constants": "ImageNet"}),
    "pad_value": ({"pad": 97}, {"pad_value": 97}),
    "pad_position": ({"pad_position": "top_left"}, {}),
    "resize_interpolation": ({"interpolation": "area"}, {"interpolation": "area"}),
    "small_image_not_upscaled": ({"scale_up": False}, {}),
    "exif_orientation": ({"exif": False}, {}),
    "double_sigmoid": ({"sigmoids": 1, "confidence": 0.52}, {}),
    "nms_iou_threshold": ({"iou": 0.52}, {"iou": 0.52}),
    "conf_threshold": ({"confidence": 0.37}, {"confidence": 0.37}),
    "class_agnostic_vs_per_class": ({"agnostic": True}, {}),
    "topk_max_det_caps": ({"max_detections": 7}, {"max_detections": 7}),
    "class_map_80_91_or_offset": ({"class_offset": 1}, {"offset": 1}),
    "xywh_vs_xyxy": ({"box_format": "xyxy"}, {}),
    "unletterbox_missing_or_wrong": ({"unletterbox": "no_pad"}, {"restored": "padding left in"}),
    "int_cast_boxes": ({"integer": True}, {}),
    "clip_missing_or_extra": ({"clip": False}, {}),
}
NEARLY = {"value_range_255"}  # scores of a network out of its range are nearly equal, so that rounding decides what NMS keeps
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


@pytest.mark.parametrize("name", [name for name in SINGLE if name != "double_sigmoid"])
def test_a_single_fault_is_named_with_its_value_and_nothing_else(named: Named, name: str) -> None:
    settings, expected = SINGLE[name]
    found = named(**settings)
    assert faults(found) == {name}
    assert parameters(found, name) == pytest.approx(expected, abs=0.011)
    assert found is not None
    assert found.confirmed or name in NEARLY
    assert found.explains >= 0.9


@pytest.mark.parametrize(("settings", "expected"), TOGETHER, ids=[" + ".join(sorted(names)) for _, names in TOGETHER])
def test_faults_together_are_all_named(named: Named, settings: dict[str, Any], expected: set[str]) -> None:
    found = named(**settings)
    assert faults(found) == expected
    assert found is not None
    assert found.confirmed


@pytest.mark.parametrize("name", ["stretch_instead_of_letterbox", "channel_order_bgr", "nms_iou_threshold", "unletterbox_missing_or_wrong"])
def test_numbers_rounded_to_three_decimals_still_tell(named: Named, name: str) -> None:
    assert faults(named(decimals=3, **SINGLE[name][0])) == {name}


@pytest.mark.parametrize("decimals", [None, 3])
def test_a_healthy_pair_has_no_name(named: Named, decimals: int | None) -> None:
    assert named(decimals=decimals) is None


@pytest.mark.parametrize(
    "settings",
    [{"input_layout": "reshape"}, {"score_scale": 0.5}, {"score_scale": 8.0, "confidence": 1.2}, {"confidence": 0.999}],
    ids=["striped image", "halved scores", "scores above 1", "nothing"],
)
def test_what_no_suspect_reproduces_has_no_name(named: Named, settings: dict[str, Any]) -> None:
    assert faults(named(**settings)) <= {"conf_threshold"}
