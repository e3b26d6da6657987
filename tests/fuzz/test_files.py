"""Whatever JSON comes in, only our own errors come out."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import dataset, json_values, spec, truth

from parity.baselines import Baseline, load_baseline
from parity.errors import ParityError
from parity.predictions import open_predictions
from parity.spec import PipelineSpec
from parity.wire import from_json, from_plain, parse, to_plain

SPEC = to_plain(spec())
DATA = dataset([truth(), truth()], ((0, "a"), (1, "b")))
ROW = {"image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5}
wild_numbers = st.integers(-(10**400), 10**400) | st.sampled_from([10**20, -(10**5), -99_999, 1e308, -1e308])


@given(json_values)
def test_any_json_is_a_spec_or_refused(value: Any) -> None:
    with suppress(ParityError):
        assert isinstance(from_plain(PipelineSpec, value, source="spec.json"), PipelineSpec)


@given(st.sampled_from(["names", "preprocess", "head", "suppress", "restore", "schema"]), json_values)
def test_a_spec_with_any_value_in_one_place_is_read_or_refused(key: str, value: Any) -> None:
    with suppress(ParityError):
        assert isinstance(from_plain(PipelineSpec, SPEC | {key: value}, source="spec.json"), PipelineSpec)


@given(st.sampled_from(list(SPEC["preprocess"])), json_values | wild_numbers)
def test_a_preprocess_with_any_value_in_one_place_is_read_or_refused(key: str, value: Any) -> None:
    plain = SPEC | {"preprocess": SPEC["preprocess"] | {key: value}}
    with suppress(ParityError):
        assert isinstance(from_plain(PipelineSpec, plain, source="spec.json"), PipelineSpec)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_json_or_refused(content: bytes | str) -> None:
    with suppress(ParityError):
        parse(content, source="some.json")


@given(st.integers(0, 3000), st.sampled_from(["[", '{"a":']))
def test_nesting_of_any_depth_is_read_or_refused(depth: int, opening: str) -> None:
    closing = {"[": "]"}.get(opening, "}")
    with suppress(ParityError):
        from_json(PipelineSpec, opening * depth + "1" + closing * depth, source="deep.json")


def read_predictions(rows: Any) -> None:
    """Open a predictions file of these rows; only our own errors are swallowed."""
    with TemporaryDirectory() as folder, suppress(ParityError):
        path = Path(folder) / "predictions.json"
        path.write_text(json.dumps(rows))
        detector = open_predictions(path, DATA, index_of={0: 0, 1: 1})
        assert all(each.classes.max(initial=0) >= 0 for each in detector.recorded.values())


@given(json_values)
def test_any_json_is_a_predictions_file_or_refused(value: Any) -> None:
    read_predictions(value)


@given(st.lists(st.tuples(st.sampled_from([*ROW, "file_name", "other"]), json_values | wild_numbers), min_size=1, max_size=4))
def test_rows_with_any_value_in_one_place_are_read_or_refused(changes: list[tuple[str, Any]]) -> None:
    read_predictions([ROW | {key: value} for key, value in changes])


@given(st.lists(st.floats() | wild_numbers, min_size=5, max_size=5))
def test_rows_of_any_numbers_are_read_or_refused(numbers: list[float]) -> None:
    read_predictions([ROW, ROW | {"bbox": numbers[:4], "score": numbers[4]}])


@given(st.integers())
def test_a_category_the_model_has_not_never_becomes_one_it_has(category: int) -> None:
    with TemporaryDirectory() as folder, suppress(ParityError):
        path = Path(folder) / "predictions.json"
        path.write_text(json.dumps([ROW | {"category_id": category}]))
        detector = open_predictions(path, DATA, index_of={7_777_777: 0})
        assert category == 7_777_777 or not 0 <= detector.recorded[1].classes[0] < 100_000


@given(json_values)
def test_any_json_is_a_baseline_or_refused(value: Any) -> None:
    with TemporaryDirectory() as folder, suppress(ParityError):
        path = Path(folder) / "baseline.json"
        path.write_text(json.dumps({"baseline": value, "sha256": "0"}))
        assert isinstance(load_baseline(path), Baseline)
