"""JSON in and out: what strict JSON does not have is refused, with the file's name and the place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from oracles.samples import json_values

from parity.errors import BadInput, BaselineError
from parity.spec import STRICT
from parity.wire import LARGEST_FILE, from_json, from_plain, parse, read_json, sha256_of, to_json, to_plain, unique_keys


@dataclass(frozen=True, slots=True)
class Point:
    """A value that travels."""

    x: float
    label: str = "here"
    __pydantic_config__ = STRICT


def test_json_is_canonical() -> None:
    assert to_json(Point(1.5, "é")) == '{"label": "é", "x": 1.5}'
    assert to_json(Point(1.5), indent=1) == '{\n "label": "here",\n "x": 1.5\n}'
    assert to_plain(Point(1.5)) == {"x": 1.5, "label": "here"}


def test_nan_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(Point(float("nan")))


def test_a_digest_is_of_the_value() -> None:
    assert sha256_of(Point(1)) == sha256_of(from_json(Point, '{ "x":1.0 }', source="p"))
    assert sha256_of(Point(1)) != sha256_of(Point(2))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"x": 1, "x": 2}', "key given twice: 'x'"),
        ('{"x": {"y": 1, "y": 1}}', "key given twice: 'y'"),
        ("[NaN]", "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[1] []", "Extra data"),
        ("[" * 100_000, "recursion"),
        (b"\xff\xfe[", "utf-8"),
        ("1" * 5000, "integer string conversion"),
    ],
)
def test_what_is_not_strict_json_is_refused_by_name(text: str | bytes, why: str) -> None:
    with pytest.raises(BadInput, match=r"some\.json: is not valid JSON") as caught:
        parse(text, source="some.json")
    assert why in str(caught.value)


def test_a_byte_order_mark_is_read() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}', source="some.json") == {"a": 1}


def test_nan_is_read_where_it_is_allowed() -> None:
    first, second = parse("[NaN, -Infinity]", source="some.json", allow_nan=True)
    assert first != first  # noqa: PLR0124 - NaN
    assert second == float("-inf")


@given(json_values)
def test_any_value_is_parsed_as_the_standard_library_does(value: object) -> None:
    text = json.dumps(value)
    assert json.dumps(parse(text, source="some.json", allow_nan=True)) == text


def test_unique_keys_are_an_object() -> None:
    assert unique_keys([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}


def test_the_error_and_the_next_step_are_the_callers() -> None:
    with pytest.raises(BaselineError, match="next: do this") as caught:
        from_json(Point, "{}", source="b.json", error=BaselineError, next_step="do this")
    assert caught.value.exit_code == 14
    with pytest.raises(BaselineError, match="next: do this"):
        from_json(Point, "{", source="b.json", error=BaselineError, next_step="do this")


def test_many_problems_are_counted_and_cut() -> None:
    with pytest.raises(BadInput, match="does not fit Point in 9 places; found unknown0"):
        from_plain(Point, {"x": 1} | {f"unknown{n}": n for n in range(9)}, source="p.json")


def test_a_hostile_value_is_escaped_in_the_message() -> None:
    with pytest.raises(BadInput) as caught:
        from_plain(Point, {"x": "\x1b[31m\u202e"}, source="p.json")
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(BadInput, match=r"p\.json"):
        from_json(Point, r'{"x": 1, "label": "\ud800"}', source="p.json")


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, 2]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, 2]}


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_file_is_called_empty(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(BadInput, match=r"a\.json: is empty"):
        read_json(tmp_path / "a.json")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read; found No such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(BadInput, match="cannot be read; found Is a directory"):
        read_json(tmp_path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(BadInput, match=f"is larger than {LARGEST_FILE} bytes"):
        read_json(tmp_path / "a.json")
