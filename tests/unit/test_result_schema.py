"""The result JSON is a contract: its keys, their nesting, and the schema that is shipped with it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oracles.hostile import HOSTILE
from oracles.results import check, config, result
from oracles.samples import metrics

from parity.metrics import METRIC_NAMES
from parity.report.output import write_text
from parity.report.schema import RESULT_JSON
from parity.verdict import CandidateId, DatasetId, Delta, Diagnosis, MetricComparison, ReferenceId, Result, Status
from parity.wire import from_json, to_json

CAUSE = Diagnosis("m-onnx-640", "stretch", "preprocess", {"fit": "stretch"}, 0.97, "confirmed", "reproduce", "message", "fix", ("crop",))
DELTAS = {name: Delta(0.0, (-0.1, 0.1)) for name in METRIC_NAMES}
COMPLETE = replace(
    result(),
    configs=(config(metrics=MetricComparison(metrics(), metrics(), DELTAS)),),
    checks=(check(Status.FAIL, measured=2),),
    diagnosis=(CAUSE,),
    notes=("a note",),
)
PARITY = {"images", "images_agreeing", "reference_detections", "matched", "missed", "ghosts", "class_flips", "shifted", "rescored", "edges"}
KEYS = {
    "": {"schema", "verdict", "reference", "dataset", "configs", "checks", "diagnosis", "environment", "notes"},
    "reference": {"path", "sha256", "family"},
    "dataset": {"name", "images", "sha256"},
    "configs.0": {"id", "backend", "imgsz", "candidate", "conf", "iou", "parity", "metrics", "latency_ms"}
    | {"accuracy", "profile", "spec_sha256"},
    "configs.0.candidate": {"kind", "path", "sha256"},
    "configs.0.parity": PARITY | {"max_box_px", "max_score"},
    "configs.0.metrics": {"reference", "candidate", "delta"},
    "configs.0.metrics.reference": set(METRIC_NAMES),
    "configs.0.metrics.candidate": set(METRIC_NAMES),
    "configs.0.metrics.delta": set(METRIC_NAMES),
    "configs.0.metrics.delta.AP": {"value", "ci95"},
    "configs.0.latency_ms": {"reference", "candidate", "speedup", "pairs", "feigned", "smallest_enforceable"},
    "configs.0.latency_ms.reference": {"median", "p95", "p99", "fps"},
    "configs.0.latency_ms.candidate": {"median", "p95", "p99", "fps"},
    "configs.0.latency_ms.speedup": {"value", "ci95"},
    "checks.0": {"name", "config", "status", "measured", "limit", "origin", "detail", "floor"},
    "diagnosis.0": {"config", "fault", "stage", "parameters", "explains", "status", "method", "message", "fix", "alternatives"},
}


def at(plain: Any, place: str) -> Any:
    """The value at a dotted place."""
    for part in place.split(".") if place else ():
        plain = plain[int(part)] if part.isdecimal() else plain[part]
    return plain


@pytest.mark.parametrize("place", KEYS)
def test_the_result_has_exactly_the_promised_keys(place: str) -> None:
    assert set(at(json.loads(to_json(COMPLETE)), place)) == KEYS[place]


def test_undefined_values_are_null_and_sizes_are_height_and_width() -> None:
    bare = replace(COMPLETE, configs=(config(imgsz=(480, 640), iou=None, metrics=None, latency_ms=None),))
    (plain,) = json.loads(to_json(bare))["configs"]
    assert (plain["imgsz"], plain["iou"], plain["metrics"], plain["latency_ms"]) == ([480, 640], None, None, None)


def test_a_result_survives_the_round_trip() -> None:
    assert from_json(Result, to_json(COMPLETE), source="result") == COMPLETE


def test_the_shipped_schema_is_that_of_the_classes() -> None:
    assert RESULT_JSON.file.read_text(encoding="utf-8") == RESULT_JSON.text(), "run `python -m parity.report.schema` and review the change"


@pytest.mark.parametrize(
    ("definition", "place"),
    [("ConfigResult", "configs.0"), ("ParityCounts", "configs.0.parity"), ("Check", "checks.0"), ("Diagnosis", "diagnosis.0")],
)
def test_the_schema_requires_every_key_and_allows_no_other(definition: str, place: str) -> None:
    schema = json.loads(RESULT_JSON.text())["$defs"][definition]
    assert set(schema["required"]) == set(schema["properties"]) == KEYS[place]
    assert schema["additionalProperties"] is False


def test_the_schema_of_the_whole_requires_every_key() -> None:
    schema = json.loads(RESULT_JSON.text())
    assert set(schema["required"]) == KEYS[""]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_string_stays_one_in_the_json_that_is_written(hostile: str, tmp_path: Path) -> None:
    named = replace(
        COMPLETE,
        reference=ReferenceId(hostile, "1" * 64, "ultralytics"),
        dataset=DatasetId(hostile, 1, "2" * 64),
        configs=(config(id=hostile, candidate=CandidateId("code", hostile, None)),),
        checks=(check(Status.FAIL, config=hostile, detail=hostile),),
        diagnosis=(replace(CAUSE, config=hostile, parameters={hostile: hostile}, message=hostile),),
        notes=(hostile,),
    )
    write_text(to_json(named, indent=2) + "\n", tmp_path / "result.json")
    written = (tmp_path / "result.json").read_text(encoding="utf-8")
    read = json.loads(written)
    texts = (read["reference"]["path"], read["dataset"]["name"], *read["notes"], *read["diagnosis"][0]["parameters"].values())
    texts += tuple(read[part][0][name] for part, name in (("configs", "id"), ("checks", "detail"), ("diagnosis", "message")))
    assert texts == (hostile,) * 7
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in written.replace("\n", ""))
