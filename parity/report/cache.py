"""What `parity cache` prints."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from parity.reference_cache import Contents
from parity.report.terminal import safe, table

MEGABYTE = 1e6


def print_contents(found: Contents, console: Console) -> None:
    """Print a row for each checkpoint, and the file with its size."""
    rows = table("checkpoint", "images")
    for checkpoint, images in found.images.items():
        rows.add_row(safe(checkpoint[:12]), str(images))
    if found.images:
        console.print(rows)
    console.print(Text.assemble(safe(found.file), f": {found.bytes / MEGABYTE:.1f} MB"))


def print_cleared(freed: int, console: Console) -> None:
    """Print how much was removed."""
    console.print(Text(f"removed {freed / MEGABYTE:.1f} MB"))
