"""Write a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(text: str, target: Path) -> None:
    r"""Replace a file in one step, through a link to what it names; what UTF-8 cannot hold becomes ``\udc80``, which JSON reads back.

    Raises ``OSError``; the old content then stands and no temporary file is left.
    """
    place = target.resolve()
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".parity-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
