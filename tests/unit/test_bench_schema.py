"""The JSON of `parity bench` is a contract: its keys, and the schema that is shipped with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from oracles.benches import FOUND

from parity.report.schema import BENCH_JSON
from parity.wire import to_json

KEYS = {
    "Bench": {"schema", "reference", "settings", "images", "load", "notes", "environment"},
    "BenchSetting": {"imgsz", "batch", "threads", "runs", "feigned", "rows"},
    "BenchRow": {"name", "backend", "shape", "precision", "size_mb", "median_ms", "p95_ms", "p99_ms", "fps"}
    | {"speedup", "channels_last_speedup", "size_change_percent", "time_change_percent"},
    "Speedup": {"value", "ci95"},
}


def places(plain: Any) -> dict[str, Any]:
    """An object of each class."""
    setting = plain["settings"][0]
    return {"Bench": plain, "BenchSetting": setting, "BenchRow": setting["rows"][2], "Speedup": setting["rows"][2]["speedup"]}


@pytest.mark.parametrize("name", KEYS)
def test_a_bench_has_exactly_the_promised_keys(name: str) -> None:
    assert set(places(json.loads(to_json(FOUND)))[name]) == KEYS[name]


@pytest.mark.parametrize("name", KEYS)
def test_the_schema_requires_every_key_and_allows_no_other(name: str) -> None:
    whole = json.loads(BENCH_JSON.text())
    schema = {**whole["$defs"], "Bench": whole}[name]
    assert set(schema["required"]) == set(schema["properties"]) == KEYS[name]
    assert schema["additionalProperties"] is False


def test_what_is_undefined_is_null() -> None:
    rows = json.loads(to_json(FOUND))["settings"][0]["rows"]
    assert (rows[0]["speedup"], rows[0]["shape"], rows[2]["p99_ms"]) == (None, None, None)


def test_the_shipped_schema_is_that_of_the_classes() -> None:
    assert BENCH_JSON.file.read_text(encoding="utf-8") == BENCH_JSON.text(), "run `python -m parity.report.schema` and review the change"
