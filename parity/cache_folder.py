"""Where what may be made again is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

PLACE = "PARITY_CACHE_DIR"


def cache_folder() -> Path:
    """``PARITY_CACHE_DIR``, or ``parity`` in the user's cache folder."""
    given = os.environ.get(PLACE)
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parity"
