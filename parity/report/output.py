"""Files that are written: where they may go, and never half."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from parity.display import display
from parity.errors import UsageError
from parity.files import write_whole

STDOUT = Path("-")
PAGES = frozenset({".html", ".htm"})
ANOTHER = "give another place"


def check_target(target: Path | None, *, inputs: Iterable[Path | None], option: str = "--json") -> None:
    """Raise ``UsageError`` before any work for a JSON file that cannot be written or would replace an input."""
    if target is None or target == STDOUT:
        return
    if target.suffix.lower() != ".json" or target.name.endswith((".manifest.json", ".parity.json")):
        raise UsageError(f"{option} needs a file of its own", found=target, expected="a name that ends in .json, or - for stdout")
    check_place(target, inputs=inputs, option=option)


def check_page(target: Path | None, *, inputs: Iterable[Path]) -> None:
    """The same of an HTML file, which never goes to stdout."""
    if target is None:
        return
    if target.suffix.lower() not in PAGES:
        raise UsageError("--report needs a file of its own", found=target, expected="a name that ends in .html")
    check_place(target, inputs=inputs, option="--report")


def check_picture(target: Path | None, *, inputs: Iterable[Path], option: str = "--plot") -> None:
    """The same of a PNG file."""
    if target is None:
        return
    if target.suffix.lower() != ".png":
        raise UsageError(f"{option} needs a file of its own", found=target, expected="a name that ends in .png")
    check_place(target, inputs=inputs, option=option)


def check_place(target: Path, *, inputs: Iterable[Path | None], option: str) -> None:
    """Raise ``UsageError`` for a place that cannot be written to, or holds an input."""
    if target.is_dir() or not os.access(target.resolve().parent, os.W_OK):
        raise UsageError(f"{option} cannot be written", found=target, expected="a file in a folder that exists and may be written to")
    for path in inputs:
        if path is not None and target.exists() and path.exists() and target.samefile(path):
            raise UsageError(f"{option} would overwrite an input", found=target, next_step=ANOTHER)


def check_folder(folder: Path, *, option: str) -> None:
    """Raise ``UsageError`` for a folder that is none, or cannot be made or written to."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise UsageError(f"{option} cannot be written", found=folder, expected="a folder", next_step=ANOTHER)


def check_replaceable(target: Path, inputs: Collection[Path], *, option: str) -> None:
    """Raise ``UsageError`` where something stands in a file's place that is not to be replaced; the inputs are resolved."""
    if target.exists() and (target.resolve() in inputs or not target.is_file()):
        raise UsageError(f"{option} holds an input, or a folder, where a file is written", found=target, next_step=ANOTHER)


def check_apart(folder: Path, inputs: Iterable[Path], *, option: str) -> None:
    """Raise ``UsageError`` for a folder within one that is read as a whole."""
    if any(folder.is_relative_to(each) for each in inputs):
        raise UsageError(f"{option} lies in an input, whose images it would join", found=folder, next_step=ANOTHER)


def check_outside(folder: Path, photos: Path, *, option: str = "--out") -> None:
    """Raise ``UsageError`` for a folder of outputs that lies in a folder of images, or is it: the pictures would join them."""
    if folder.resolve().is_relative_to(photos.resolve()):
        step = f"give another folder, such as {option} {display(photos.resolve().parent / 'outputs')}"
        raise UsageError(f"{option} lies in the folder of images, which its pictures would join", found=folder, next_step=step)


def make_folder(folder: Path) -> Path:
    """The folder, made where it is missing."""
    with said_as_usage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_text(text: str, target: Path) -> None:
    """Write text to a file, whole or not at all, or to stdout."""
    if target == STDOUT:
        sys.stdout.write(text)
        return
    with said_as_usage(target):
        write_whole(text, target)


@contextmanager
def said_as_usage(target: Path) -> Iterator[None]:
    """A folder or disk that does not take what is written is the caller's to change."""
    try:
        yield
    except OSError as failure:
        raise UsageError("cannot be written", file=target, found=failure.strerror, next_step=ANOTHER) from None
