"""Model files as bytes, and what a file is that only pretends to be a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parity.errors import BadInput, ResourceLimit

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_ARTEFACT = 8 << 30  # bytes; the largest published detector has 0.6 GB
ZIP = b"PK\x03\x04"


def read_artefact(path: Path, *, kind: str) -> bytes:
    """The bytes of a model file, read once so that what is hashed is what is loaded.

    Raises ``BadInput`` where the file is missing, empty, a web page or a Git LFS pointer.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_ARTEFACT:
            raise ResourceLimit("is too large", file=path, found=f"{size} bytes", expected=f"at most {LARGEST_ARTEFACT}")
        content = path.read_bytes()
    except OSError as failure:
        raise BadInput("cannot be read", file=path, found=failure.strerror, expected=kind, next_step="check the path") from None
    refuse_pretender(content, path, kind=kind)
    return content


def refuse_pretender(content: bytes, path: Path, *, kind: str) -> None:
    """Raise ``BadInput`` for what a failed download leaves behind."""
    start = content[:512].lstrip().lower()
    if not content:
        raise BadInput("is an empty file", file=path, expected=kind, next_step="download or export it again")
    if start.startswith(b"version https://git-lfs"):
        raise BadInput("is a Git LFS pointer, not the file it points to", file=path, expected=kind, next_step="run `git lfs pull`")
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or (start.startswith(b"<?xml") and path.suffix.lower() != ".xml"):
        next_step = "the download failed: fetch it again"
        raise BadInput("is a web page (HTML), not a model", file=path, expected=kind, next_step=next_step)
