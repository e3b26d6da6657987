"""``study.json`` is a contract: its keys, and the schema that is shipped with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from oracles.studies import judged, study

from parity.report.schema import STUDY_JSON
from parity.wire import to_json

AP = {"AP", "AP50", "AP75", "APs", "APm", "APl"}
COSTS = {"size_mb", "median_ms", "p95_ms", "fps"}
KEYS = {
    "Study": {"schema", "verdict", "reference", "dataset", "protocol", "rows", "checks", "diagnosis", "load", "notes", "environment"},
    "Protocol": {"confidence", "iou", "ap_confidence", "warm_up_runs", "runs_per_image", "limit", "seed", "threads"},
    "StudyRow": {"id", "config", "backend", "imgsz", "runs", "metrics", "parity", "speedup", "change_percent", "verdict"} | COSTS,
    "StudyAP": AP,
    "StudyParity": {"images", "images_agreeing", "pass_rate", "reference_detections", "matched", "match_rate"},
    "StudyChange": AP | COSTS,
    "Speedup": {"value", "ci95"},
}


def places(plain: Any) -> dict[str, Any]:
    """An object of each class."""
    row = plain["rows"][1]
    parts = {"StudyAP": "metrics", "StudyParity": "parity", "StudyChange": "change_percent", "Speedup": "speedup"}
    return {"Study": plain, "Protocol": plain["protocol"], "StudyRow": row} | {name: row[key] for name, key in parts.items()}


@pytest.mark.parametrize("name", KEYS)
def test_a_study_has_exactly_the_promised_keys(name: str) -> None:
    assert set(places(json.loads(to_json(study(judged()))))[name]) == KEYS[name]


@pytest.mark.parametrize("name", KEYS)
def test_the_schema_requires_every_key_and_allows_no_other(name: str) -> None:
    whole = json.loads(STUDY_JSON.text())
    schema = {**whole["$defs"], "Study": whole}[name]
    assert set(schema["required"]) == set(schema["properties"]) == KEYS[name]
    assert schema["additionalProperties"] is False


def test_what_is_undefined_is_null() -> None:
    pytorch, onnx = json.loads(to_json(study(judged())))["rows"]
    assert (pytorch["parity"], onnx["p95_ms"], onnx["metrics"]["APs"]) == (None, None, None)


def test_the_shipped_schema_is_that_of_the_classes() -> None:
    assert STUDY_JSON.file.read_text(encoding="utf-8") == STUDY_JSON.text(), "run `python -m parity.report.schema` and review the change"
