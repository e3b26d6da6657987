"""What records of other people's JSON may say: ids, texts, numbers, and file names that stay in the image folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from reprlib import Repr

from parity.display import display
from parity.errors import UntrustedInput

LARGEST = 2**63  # what int64 holds; NaN and infinity are not below it
OUTSIDE = re.compile(r"[/\\~]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://")  # absolute, UNC, home, drive, URL
SHOWN = 80  # characters of a value in a message
brief = Repr()  # repr itself spells out millions of values, and fails on deeply nested ones
brief.maxstring = brief.maxother = SHOWN


def is_id(value: object) -> bool:
    """Whether a value is an integer that an id can be; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST


def is_text(value: object) -> bool:
    """Whether a value is a string that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_finite(value: object) -> bool:
    """Whether a value is a number (a string of digits is not) that float64 holds."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def shown(value: object) -> str:
    """A record's value for a message, short and escaped."""
    return display(f"{brief.repr(value):.{SHOWN}}")


def refuse_unsafe_name(name: str, *, what: str, source: Path, next_step: str, forbidden: str = "\x00") -> None:
    """Refuse a file name that could name a place outside the image folder, or holds a ``forbidden`` character."""
    if OUTSIDE.match(name) or ".." in re.split(r"[/\\]", name) or any(character in name for character in forbidden):
        raise UntrustedInput(
            f"{what} reaches outside the image folder",
            file=source,
            found=repr(name),
            expected="a relative path with forward slashes and without '..'",
            next_step=next_step,
        )


def refuse_link_out(name: str, *, root: Path, what: str, source: Path) -> None:
    """Refuse an image that is a link out of ``root``, which is resolved."""
    target = os.path.realpath(root / name)
    if not Path(target).is_relative_to(root):
        found = f"{name!r}, which leads to {target}"
        raise UntrustedInput(f"{what} is a link out of the image folder", file=source, found=found, next_step="copy the image into it")
