"""Whatever ``dataset.jsonl`` says, it is read or refused, and what is read is truth that can be."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import json_values

from parity.datasets.jsonl import first_image, open_jsonl
from parity.errors import ParityError

LINE = {"image": "a.png", "width": 40, "height": 20, "split": "test", "box_units": "pixels", "boxes": [[1, 2, 3, 4]], "labels": ["cat"]}
TEXT = json.dumps(LINE).encode()
numbers = st.floats() | st.floats(-0.02, 1.02) | st.floats(-1, 41) | st.integers(-(10**400), 10**400) | st.sampled_from([2**53, 2**53 + 1])
boxes = st.lists(st.lists(numbers, min_size=3, max_size=5) | json_values, max_size=3)
sizes = st.sampled_from([1, 40, 2**53, 2**62, 2**63, 0, -1, 40.0, True])
names = st.sampled_from(["a.png", "data/a.png", "../a.png", "data", ".", "a\x00", "a\\b", "/", "\ud800", "x" * 5000]) | st.text(max_size=9)


def read(content: bytes) -> None:
    """Open a file of this content; only our own errors are swallowed."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        (Path(folder) / "data" / "a.png").touch()
        (Path(folder) / "dataset.jsonl").write_bytes(content)
        with suppress(ParityError):
            assert first_image(Path(folder)).is_file()
        with suppress(ParityError):
            dataset = open_jsonl(Path(folder))
            truth = np.concatenate([each.boxes for each in dataset.truths])
            assert (truth[:, :2] < truth[:, 2:]).all()
            assert len(dataset) == 1


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_data_set_or_refused(content: bytes) -> None:
    read(content)


@given(st.lists(json_values, max_size=3))
def test_any_lines_of_json_are_a_data_set_or_refused(values: list[Any]) -> None:
    read("\n".join(map(json.dumps, values)).encode())


@given(st.lists(st.tuples(st.sampled_from([*LINE, "other"]), json_values), min_size=1, max_size=3))
def test_a_line_with_any_value_in_some_places_is_read_or_refused(changes: list[tuple[str, Any]]) -> None:
    read(json.dumps(LINE | dict(changes)).encode())


@given(st.sampled_from(list(LINE)))
def test_a_line_without_one_of_its_keys_is_read_or_refused(key: str) -> None:
    read(json.dumps({name: value for name, value in LINE.items() if name != key}).encode())


@given(names, sizes, sizes, st.sampled_from(["pixels", "normalised"]), boxes)
def test_a_line_of_any_name_size_and_boxes_is_read_or_refused(name: str, width: Any, height: Any, units: str, listed: list[Any]) -> None:
    changes = {"image": name, "width": width, "height": height, "box_units": units, "boxes": listed, "labels": ["cat"] * len(listed)}
    read(json.dumps(LINE | changes).encode())


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.binary(max_size=4))
def test_a_line_with_some_bytes_replaced_is_read_or_refused(start: int, end: int, piece: bytes) -> None:
    read(TEXT[:start] + piece + TEXT[end:])


@given(st.integers(0, 3000), st.sampled_from(["image", "boxes", "labels", "split", "other"]))
def test_nesting_of_any_depth_is_read_or_refused(depth: int, key: str) -> None:
    nested = "[" * depth + "]" * depth if depth else "1"
    read(json.dumps(LINE | {key: "here"}).replace('"here"', nested).encode())
