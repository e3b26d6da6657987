"""The commands that the README and the manual tell people to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/samples").glob("*.txt")))
EXAMPLES = tuple(sorted((ROOT / "docs/ci").glob("*.yml")))
TYPED = re.compile(r"^ *\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
STEP = re.compile(r"^\s*(?:python -m )?((?:parity|pytest) .*)$", re.MULTILINE)
SPAN = re.compile(r"`((?:parity|pytest|tox run) [^`]+)`")
SHELL = re.compile(r"&&|\|\||[|;]| > | >> ")
PLACEHOLDER = re.compile(r"…|\.\.\.")


@dataclass(frozen=True, slots=True)
class Command:
    """Words as a shell would hand them over, and where they stand."""

    words: tuple[str, ...]
    where: str

    @property
    def id(self) -> str:
        """Where and what, for a test's name."""
        return f"{self.where}: {' '.join(self.words)[:80]}"


def typed() -> list[Command]:
    """Every whole command: after a prompt, or as a step of an example for CI."""
    lines = [(path, found[1]) for path in TEXTS for found in TYPED.finditer(path.read_text(encoding="utf-8"))]
    scripts = [(path, script) for path in EXAMPLES for script in strings(yaml.safe_load(path.read_text(encoding="utf-8")))]
    lines += [(path, found[1]) for path, script in scripts for found in STEP.finditer(script.replace("\\\n", " "))]
    return [command for path, line in lines for command in commands(path, line)]


def strings(content: object) -> Iterator[str]:
    """Every text in what a YAML file holds."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from strings(part)


def mentioned() -> list[Command]:
    """Every command that a sentence names, which may leave out what it needs."""
    spans = [(path, found[1]) for path in TEXTS if path.suffix == ".md" for found in SPAN.finditer(path.read_text(encoding="utf-8"))]
    return [command for path, span in spans for command in commands(path, span)]


def commands(path: Path, line: str) -> Iterator[Command]:
    """The commands of one line."""
    for part in SHELL.split(PLACEHOLDER.sub("", line.replace("\\\n", " "))):
        if words := shlex.split(part):
            yield Command(tuple(words), path.relative_to(ROOT).as_posix())


def of(program: str, found: list[Command]) -> list[Command]:
    """Those of one program, each once a file."""
    return list({command: None for command in found if command.words[0] == program})
