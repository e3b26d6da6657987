"""What turns one set of NMS settings into another, and the number that a threshold is said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from parity.diagnose.nms import as_threshold, differences, loosest_confidence, roundest
from parity.spec import Suppress, Suppressor

OWN = Suppress()


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, {}),
        ({"iou": 0.52}, {"nms_iou_threshold": {"iou": 0.52}}),
        ({"confidence": 0.37}, {"conf_threshold": {"confidence": 0.37}}),
        ({"iou": 0.25, "confidence": 0.7}, {"iou_conf_args_swapped": {}}),
        ({"iou": 0.25, "confidence": 0.5}, {"nms_iou_threshold": {"iou": 0.25}, "conf_threshold": {"confidence": 0.5}}),
        ({"method": Suppressor.IN_GRAPH}, {"end2end_or_embedded_nms_mismatch": {}}),
        ({"class_agnostic": True, "multi_label": True}, {"class_agnostic_vs_per_class": {}, "multi_label": {}}),
        ({"max_detections": 7}, {"topk_max_det_caps": {"max_detections": 7}}),
        ({"max_candidates": 17}, {"topk_max_det_caps": {"max_candidates": 17}}),
    ],
)
def test_settings_that_differ_have_names(changes: dict[str, Any], faults: dict[str, dict[str, float]]) -> None:
    assert {suspect.fault: dict(suspect.parameters) for suspect in differences(replace(OWN, **changes), OWN)} == faults


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [
        (0.41, 0.52, 0.5),
        (0.42, 0.48, 0.45),
        (0.2551, 0.2593, 0.257),
        (0.61, 0.63, 0.62),
        (0.3699, 0.3701, 0.37),
        (0.7, 0.7, 0.7),
        (0.123456789, 0.12345679, 0.1234567895),
    ],
)
def test_a_threshold_is_the_roundest_number_of_its_range(low: float, high: float, value: float) -> None:
    assert roundest(low, high) == pytest.approx(value)


@pytest.mark.parametrize(("score", "threshold"), [(-3.0, 0.0), (0.4, 0.4), (251.0, 1.0)])
def test_a_score_that_is_no_share_has_the_nearest_threshold(score: float, threshold: float) -> None:
    assert as_threshold(score) == threshold


@pytest.mark.parametrize(
    ("lowest", "threshold"), [(0.25004, 0.25), (0.25, 0.25), (0.26, 0.2599), (0.24999, 0.24989), (0.1, 0.0999), (0.00005, 0.0), (3.0, 1.0)]
)
def test_the_loosest_confidence_leaves_room_for_the_noise_of_another_runtime(lowest: float, threshold: float) -> None:
    assert loosest_confidence(lowest, 0.25, noise=1e-4) == pytest.approx(threshold, abs=1e-12)
