"""The numbers of a study: rates, and changes against PyTorch."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from oracles.results import config
from oracles.studies import COUNTS, judged, study

from parity.errors import UsageError
from parity.study_result import StudyAP, StudyChange, measured, parity_of, percent


def test_rates_are_of_images_and_of_reference_detections() -> None:
    found = parity_of(COUNTS)
    assert (found.pass_rate, found.match_rate) == (6 / 8, 97 / 100)
    assert parity_of(replace(COUNTS, reference_detections=0, matched=0)).match_rate is None


def test_a_row_holds_its_own_side_and_the_change_against_pytorch() -> None:
    pytorch, onnx = study(judged()).rows
    assert (pytorch.id, pytorch.median_ms, pytorch.p95_ms, pytorch.fps, pytorch.metrics.AP) == ("pytorch_640", 100.0, 120.0, 9.8, 0.5)
    assert (pytorch.parity, pytorch.change_percent, pytorch.speedup, pytorch.verdict, pytorch.config) == (None,) * 5
    assert (onnx.id, onnx.config, onnx.median_ms, onnx.p95_ms, onnx.metrics.AP, onnx.runs) == (
        "onnx_640",
        "m-onnx-640",
        50.0,
        None,
        0.4,
        80,
    )
    change = onnx.change_percent
    assert change is not None
    assert (change.median_ms, change.p95_ms, change.size_mb, change.APs) == (-50.0, None, 100.0, None)
    assert (change.AP, change.fps) == pytest.approx((-20.0, 100 * (19.0 / 9.8 - 1)))


def test_every_number_of_ap_has_a_change() -> None:
    assert {field.name for field in fields(StudyAP)} < {field.name for field in fields(StudyChange)}


@pytest.mark.parametrize(
    ("before", "after", "found"), [(2.0, 3.0, 50.0), (0.0, 1.0, None), (None, 1.0, None), (1.0, None, None), (1.0, 0.0, -100.0)]
)
def test_a_change_of_nothing_is_undefined(before: float | None, after: float | None, found: float | None) -> None:
    assert percent(before, after) == found


def test_without_labels_or_latency_there_is_no_study() -> None:
    with pytest.raises(UsageError, match="labels"):
        measured(config(metrics=None))
