"""What a pyproject.toml says to Parity: ``[tool.parity]``, of which there are the waivers so far. Loads no NumPy."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from parity.errors import UsageError

PROJECT_FILE = "pyproject.toml"
WAIVERS = "waivers"
WRITTEN = f"[[tool.parity.{WAIVERS}]]"


def find_waivers(start: Path) -> Path | None:
    """The nearest pyproject.toml with waivers, from a folder up to the root of its repository; outside of one, in that folder alone."""
    folders = [start, *start.parents]
    roots = [place for place, folder in enumerate(folders) if (folder / ".git").exists()]
    files = (folder / PROJECT_FILE for folder in folders[: roots[0] + 1 if roots else 1])
    return next((file for file in files if file.is_file() and WAIVERS in parity_table(file)), None)


def parity_table(path: Path) -> dict[str, Any]:
    """What a file says to Parity, empty where it says nothing; raises ``UsageError`` for an unknown key."""
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise UsageError("the waivers cannot be read", file=path, found=failure.strerror, next_step="check the path") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise UsageError("is not valid TOML", file=path, found=failure) from None
    for name in ("tool", "parity"):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{name} is no table", file=path, found=type(table).__name__, expected=WRITTEN)
    unknown = sorted(set(table) - {WAIVERS})
    if unknown:
        raise UsageError("unknown key in [tool.parity]", file=path, found=unknown[0], expected=WAIVERS)
    return dict(table)
