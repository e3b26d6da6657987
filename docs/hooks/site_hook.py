"""What MkDocs asks of this project: fill what pages take from the code, and put the JSON schemas beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blocks import filled
from mkdocs.structure.files import File, Files

SCHEMAS = Path(__file__).parents[2] / "parity/schema"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page with what it takes from the code."""
    return filled(markdown)


def on_files(files: Files, *, config: Any) -> Files:
    """The files of the site with the schemas that Parity ships."""
    for schema in sorted(SCHEMAS.glob("*.json")):
        files.append(File.generated(config, f"schema/{schema.name}", content=schema.read_bytes()))
    return files
