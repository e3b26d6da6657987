"""Text and YAML files of others, read as data only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from parity.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

LARGEST_YAML = 10_000_000  # bytes; honest ones are below 100 kB


class PlainLoader(yaml.SafeLoader):
    """YAML without aliases (271 bytes of them stand for 43 million nodes) and without keys given twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """Refuse a key that is given twice."""
        result = super().construct_mapping(node, deep=deep)
        if len(result) != len(node.value):
            raise yaml.YAMLError(f"a key is given twice near line {node.start_mark.line + 1}")
        return result


def read_yaml(path: Path, *, kind: str, expected: str) -> dict[Any, Any]:
    """The file as a dict of plain values; ``kind`` and ``expected`` say in the error what it should have been."""
    text = read_text(path, largest=LARGEST_YAML)
    try:
        config = yaml.load(text, PlainLoader)  # noqa: S506 - a SafeLoader that refuses more
    except (yaml.YAMLError, ValueError, RecursionError) as failure:
        plain = f"{kind} without tags or aliases"
        raise BadInput("is not plain YAML", file=path, found=failure, expected=plain, next_step="correct the file") from None
    if not isinstance(config, dict):
        found = f"a {type(config).__name__}"
        raise BadInput(f"is not {kind}", file=path, found=found, expected=expected, next_step="correct the file")
    return config


def read_text(path: Path, *, largest: int) -> str:
    """A text file, with or without a byte-order mark."""
    try:
        if not path.is_file() or path.stat().st_size > largest:
            expected = f"a regular file of at most {largest} bytes"
            raise BadInput("is not a readable text file", file=path, expected=expected, next_step="check the path")
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as failure:
        raise BadInput("is not readable text", file=path, found=failure, expected="UTF-8", next_step="write it again as UTF-8") from None
