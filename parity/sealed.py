"""Values on disk beside the digest of their canonical JSON: reformatting such a file is no change, and editing it is noticed.

``{"baseline": {...}, "sha256": "..."}``: a seal shows damage and careless edits, not forgery, since whoever edits can seal again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from parity.errors import BadInput, ParityError
from parity.files import only_writer, write_keeping, write_whole
from parity.wire import from_plain, read_json, sha256_of, sha256_of_plain, to_json, to_plain

T = TypeVar("T")
SEAL = "sha256"
SHOWN = 16  # digits of a digest


def sealed_text(name: str, value: object) -> str:
    """What is written of a value under a name."""
    return to_json({name: to_plain(value), SEAL: sha256_of(value)}, indent=1) + "\n"


def write_sealed(path: Path, name: str, value: object) -> None:
    """Write a value with its digest, whole or not at all, into a folder that is made where it is missing; raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(sealed_text(name, value), path)


def update_sealed(path: Path, name: str, value: object) -> None:
    """Write a value with its digest and keep the old one beside it, unless that is damaged; of several at once, one after the other."""
    with only_writer(path.parent):
        write_keeping(sealed_text(name, value), path, sound=is_sound(type(value), path, name))


def is_sound(kind: type[T], path: Path, name: str) -> bool:
    """Whether a file holds a sealed value that reads."""
    try:
        read_sealed(kind, path, name)
    except BadInput:
        return False
    return True


def read_sealed(kind: type[T], path: Path, name: str, *, error: type[ParityError] = BadInput, next_step: str | None = None) -> T:
    """Read what ``write_sealed`` wrote; ``error`` where it is damaged, edited, or no ``kind``.

    The digest is of what stands in the file: a field that is newer than the file may be missing, one that was deleted may not.
    """
    try:
        plain = read_json(path)
    except BadInput as failure:
        raise error(f"the {name} cannot be read", file=path, found=failure, next_step=next_step) from None
    stored, found = opened(plain, name, path, error=error, next_step=next_step)
    value = from_plain(kind, stored, source=path, error=error, next_step=next_step)
    expected = sha256_of_plain(stored)
    if found != expected:
        problem = f"the {name} was edited or damaged"
        raise error(problem, file=path, found=f"seal {found:.{SHOWN}}", expected=expected[:SHOWN], next_step=next_step)
    return value


def opened(plain: Any, name: str, path: Path, *, error: type[ParityError], next_step: str | None) -> tuple[Any, str]:
    """The value and its digest, not yet held against each other."""
    if not isinstance(plain, dict) or set(plain) != {name, SEAL} or not isinstance(plain[SEAL], str):
        found = ", ".join(map(repr, plain)) if isinstance(plain, dict) else type(plain).__name__
        expected = f'{{"{name}": ..., "{SEAL}": "..."}}'
        raise error(f"does not fit a sealed {name}", file=path, found=found, expected=expected, next_step=next_step)
    return plain[name], plain[SEAL]
