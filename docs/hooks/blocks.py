"""What the pages take from the code: each text stands between two markers of a page, ``<!-- faults -->`` and ``<!-- /faults -->``.

MkDocs fills them whenever the site is built. ``python docs/hooks/blocks.py`` writes those that are kept into the pages, for whoever
reads them without a site.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fault_list import fault_list
from limit_tables import limit_tables

DOCS = Path(__file__).parents[1]
MARKED = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", re.DOTALL)
COMMANDS = ("-m", "typer", "parity.cli", "utils", "docs", "--name", "parity")  # Typer's own reference of a command line
SHORTENED = re.compile(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+\n")  # lists of commands with cut sentences; the headings say it all


def command_list() -> str:
    """Every command and its options; what the program itself has stands on the page."""
    done = subprocess.run([sys.executable, *COMMANDS], capture_output=True, text=True, check=True, cwd=DOCS.parent, timeout=120)
    _, heading, commands = done.stdout.partition("\n## ")
    if not heading:
        raise ValueError(f"typer wrote no command: {done.stdout[:200]}")
    return SHORTENED.sub("", f"{heading.strip()} {commands}").strip()


KEPT: Mapping[str, Callable[[], str]] = {"faults": fault_list, "limits": limit_tables}
BUILT: Mapping[str, Callable[[], str]] = {**KEPT, "commands": command_list}


def filled(text: str, blocks: Mapping[str, Callable[[], str]] = BUILT) -> str:
    """The text with everything between its markers made anew; markers of no block stay as they are."""

    def block(found: re.Match[str]) -> str:
        make = blocks.get(found[1])
        return found[0] if make is None else f"<!-- {found[1]} -->\n\n{make().strip()}\n\n<!-- /{found[1]} -->"

    return MARKED.sub(block, text)


def main() -> None:
    """Write the blocks that are kept into the pages."""
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8"), KEPT), encoding="utf-8")


if __name__ == "__main__":
    main()
