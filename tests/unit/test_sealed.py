"""A sealed file survives reformatting; one changed value or byte is noticed."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from parity.errors import BadInput, BaselineError
from parity.sealed import read_sealed, sealed_text, write_sealed
from parity.spec import STRICT
from parity.wire import from_plain, sha256_of, sha256_of_plain

BASELINES = sorted((Path(__file__).parents[2] / "baselines").glob("*.json"))


@dataclass(frozen=True, slots=True)
class Inner:
    """A part."""

    ratio: float | None
    yes: bool
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Note:
    """A value with every kind of leaf."""

    text: str
    count: int
    inner: Inner
    listed: tuple[float, ...]
    open: dict[str, Any]
    newer: int = 7
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Older:
    """The value as it was before ``newer``."""

    text: str
    count: int
    inner: Inner
    listed: tuple[float, ...]
    open: dict[str, Any] = field(default_factory=dict)
    __pydantic_config__ = STRICT


NOTE = Note("grün", 3, Inner(0.1, yes=True), (0.25, 1e-9), {"none": None, "big": 10**30})
OTHER = {str: "other", int: 8, float: 0.75, bool: False, type(None): 0}


def places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every leaf."""
    members = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else None
    return [path] if members is None else [leaf for key, value in members for leaf in places(value, (*path, key))]


def changed(plain: Any, path: tuple[Any, ...], value: object) -> Any:
    """The same JSON with another leaf."""
    copy = deepcopy(plain)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return copy


def leaf(plain: Any, path: tuple[Any, ...]) -> Any:
    """The value at a path."""
    for key in path:
        plain = plain[key]
    return plain


def answer(path: Path, content: bytes) -> Note | str:
    """What reading gives: the value, or the kind of error."""
    path.write_bytes(content)
    try:
        return read_sealed(Note, path, "note")
    except BadInput:
        return "noticed"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sealed file."""
    write_sealed(tmp_path / "made" / "note.json", "note", NOTE)
    return tmp_path / "made" / "note.json"


def test_what_is_sealed_is_read(file: Path) -> None:
    assert read_sealed(Note, file, "note") == NOTE
    assert set(json.loads(file.read_text())) == {"note", "sha256"}
    assert json.loads(file.read_text())["sha256"] == sha256_of(NOTE)


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_the_stored_baselines_are_sealed_as_they_were(path: Path) -> None:
    plain = json.loads(path.read_text())
    assert sealed_text("baseline", plain["baseline"]) == path.read_text()


def test_the_digest_of_parsed_json_is_that_of_its_value() -> None:
    assert sha256_of_plain(json.loads(sealed_text("note", NOTE))["note"]) == sha256_of(NOTE)


@pytest.mark.parametrize("indent", [None, 4])
def test_reformatting_is_no_change(indent: int | None, file: Path) -> None:
    reformatted = json.dumps(json.loads(file.read_text()), indent=indent).replace("\n", "\r\n")
    assert answer(file, b"\xef\xbb\xbf" + reformatted.encode()) == NOTE


PLAIN = json.loads(sealed_text("note", NOTE))


@pytest.mark.parametrize("path", places(PLAIN), ids=lambda path: ".".join(map(str, path)))
def test_every_changed_leaf_is_noticed(path: tuple[Any, ...], file: Path) -> None:
    other = changed(PLAIN, path, OTHER[type(leaf(PLAIN, path))])
    assert other != PLAIN
    assert answer(file, json.dumps(other).encode()) == "noticed"


def test_every_flipped_byte_is_noticed_or_changes_nothing(file: Path) -> None:
    content = file.read_bytes()
    flipped = [content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :] for at in range(len(content)) for bit in range(8)]
    answers = [answer(file, other) for other in flipped]
    assert len(answers) == 8 * len(content)
    assert [found for found in answers if found not in ("noticed", NOTE)] == []
    assert answers.count("noticed") > 0.95 * len(answers)


def test_a_cut_file_is_noticed(file: Path) -> None:
    content = file.read_bytes().rstrip()
    assert {answer(file, content[:length]) for length in range(len(content))} == {"noticed"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"count": 3', '"count": 3, "surprise": 1'),
        ('"count": 3', '"count": 3, "count": 3'),
        ('"ratio": 0.1', '"ratio": NaN'),
        ('"none": null', '"none": 1e999'),
        ('"newer": 7,', ""),
        ('"sha256": "', '"sha256": "0'),
        ('"note"', '"other"'),
        ('"sha256"', '"signed": "yes", "sha256"'),
    ],
)
def test_what_is_not_exactly_the_sealed_value_is_noticed(old: str, new: str, file: Path) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    assert answer(file, text.replace(old, new).encode()) == "noticed"


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b"null", b"{}", b'{"note": 1, "sha256": 2}', b"[" * 100_000])
def test_what_is_no_sealed_file_is_refused_by_name(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(BaselineError, match=r"note\.json: .*note(?s:.*)next: restore it"):
        read_sealed(Note, file, "note", error=BaselineError, next_step="restore it")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.json: the note cannot be read"):
        read_sealed(Note, tmp_path / "gone.json", "note")


def test_a_file_that_is_older_than_a_field_with_a_default_is_read(file: Path) -> None:
    older = Older("x", 1, NOTE.inner, (), {})
    write_sealed(file, "note", older)
    assert read_sealed(Note, file, "note") == from_plain(
        Note, {"text": "x", "count": 1, "inner": {"ratio": 0.1, "yes": True}, "listed": [], "open": {}}, source=""
    )
