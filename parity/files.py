"""Write a file whole or not at all, and keep what it held before."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".parity-"  # begins the name of a file that is being written
UPDATING = f"{TEMPORARY}update-"  # that of one which nobody but the only writer of a folder writes
KEPT = ".bak"


def write_whole(text: str, target: Path, *, prefix: str = TEMPORARY) -> None:
    r"""Replace a file in one step, through a link to what it names; what UTF-8 cannot hold becomes ``\udc80``, which JSON reads back.

    Raises ``OSError``; the file then holds the old content or the new, and no temporary file is left.
    """
    write_bytes_whole(text.encode("utf-8", errors="backslashreplace"), target, prefix=prefix)


def write_bytes_whole(content: bytes, target: Path, *, prefix: str = TEMPORARY) -> None:
    """The same of bytes; after it returns, neither a killed process nor a power cut takes the new content back."""
    place = target.resolve()
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=prefix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system lets a folder be opened."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def kept_path(target: Path) -> Path:
    """Where ``write_keeping`` keeps what a file held before."""
    return target.with_name(target.name + KEPT)


def write_keeping(text: str, target: Path, *, sound: bool) -> None:
    """Replace a file as ``write_whole`` does; a ``sound`` old content is kept beside it, whole as well, in place of what was kept before.

    For within ``only_writer``, which clears what a killed process leaves of it.
    """
    if sound:
        write_bytes_whole(target.read_bytes(), kept_path(target), prefix=UPDATING)
    write_whole(text, target, prefix=UPDATING)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Make a folder, wait until nobody else writes it so, and clear what such writers that were killed have left there."""
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - Windows has none

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # let go when the process ends, however it ends
        for stray in filter(Path.is_file, folder.glob(f"{UPDATING}*")):
            stray.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)
