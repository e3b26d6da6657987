"""Values to JSON and back, strictly: unknown fields, NaN, wrong types and duplicate keys are refused with their place.

The classes stay plain frozen dataclasses; a class that travels carries ``__pydantic_config__ = STRICT``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from parity.errors import BadInput, ParityError

T = TypeVar("T")
adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)  # the validator of a class, made once
LARGEST_FILE = 1_000_000_000  # bytes of JSON that are read at all


def to_plain(value: object) -> Any:
    """The JSON form of a value as dicts, lists, strings and numbers."""
    return adapter(type(value)).dump_python(value, mode="json")


def to_json(value: object, *, indent: int | None = None) -> str:
    """The canonical JSON text of a value: fields in a fixed order, NaN refused."""
    return json.dumps(to_plain(value), indent=indent, sort_keys=True, allow_nan=False, ensure_ascii=False)


def sha256_of(value: object) -> str:
    """The digest of a value's canonical JSON, so that formatting does not change identity; file names in it need not be UTF-8."""
    return text_digest(to_json(value))


def sha256_of_plain(plain: object) -> str:
    """The digest of JSON as it was parsed: that of the value it was written from, and none that any value has where ``1e999`` stands."""
    return text_digest(json.dumps(plain, sort_keys=True, ensure_ascii=False))


def text_digest(text: str) -> str:
    """The SHA-256 of a text that may hold names which are not UTF-8."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def from_json(
    kind: type[T], text: str | bytes, *, source: Path | str, error: type[ParityError] = BadInput, next_step: str | None = None
) -> T:
    """Read a value of ``kind``; raise ``error`` naming ``source`` and the first places that do not fit."""
    return from_plain(kind, parse(text, source=source, error=error, next_step=next_step), source=source, error=error, next_step=next_step)


def from_plain(kind: type[T], plain: object, *, source: Path | str, error: type[ParityError] = BadInput, next_step: str | None = None) -> T:
    """Read a value of ``kind`` from dicts and lists."""
    try:
        value: T = adapter(kind).validate_json(json.dumps(plain))
    except ValidationError as invalid:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'top level'}: {e['msg']} (found {e.get('input')!r:.60})" for e in invalid.errors()]
        places = f" in {len(problems)} places" if len(problems) > 1 else ""
        raise error(f"does not fit {kind.__name__}{places}", file=source, found="; ".join(problems), next_step=next_step) from None
    return value


def parse(
    text: str | bytes, *, source: Path | str, allow_nan: bool = False, error: type[ParityError] = BadInput, next_step: str | None = None
) -> Any:
    """Parse JSON, refusing duplicate keys and (unless allowed) NaN and infinities, which strict JSON does not have."""

    def refuse_constant(name: str) -> float:
        if allow_nan:
            return float(name)
        raise ValueError(f"{name} is not a JSON number")

    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return json.loads(decoded, parse_constant=refuse_constant, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as failure:
        raise error("is not valid JSON", file=source, found=failure, next_step=next_step) from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key given twice is an error, not a silent overwrite."""
    result = dict(pairs)
    if len(result) != len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"key given twice: {key!r}")
    return result


def read_json(path: Path, *, allow_nan: bool = False) -> Any:
    """Parse a JSON file; errors name it."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_FILE else b""
    except OSError as failure:
        raise BadInput("cannot be read", file=path, found=failure.strerror, next_step="check the path") from None
    if not content.strip():
        problem = "is empty" if size <= LARGEST_FILE else f"is larger than {LARGEST_FILE} bytes"
        raise BadInput(problem, file=path, expected="a JSON file", next_step="write or download it again")
    return parse(content, source=path, allow_nan=allow_nan, next_step="write or download it again")
