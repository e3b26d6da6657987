"""The examples for CI are YAML, and every command and option in them exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.main import get_command

from parity.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "ci").glob("*.yml"))
COMMANDS: Any = get_command(app)


def texts(node: object) -> Iterator[str]:
    """Every string of a YAML document."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    yield from ([node] if isinstance(node, str) else (text for child in children for text in texts(child)))


def scripted(example: str) -> list[list[str]]:
    """Every command line of an example, as a shell would split it."""
    lines = [line for text in texts(yaml.safe_load(example)) for line in text.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if re.match(r"(parity|python|mkdir) ", line)]


def unknown(words: list[str], config: pytest.Config) -> list[str]:
    """The command and options of a line that do not exist."""
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    if words[0] == "parity":
        command = COMMANDS.commands.get(words[1])
        known = {option for parameter in command.params for option in parameter.opts} if command else set()
        return [*([] if command else [words[1]]), *(option for option in options if option not in known)]
    ours = [option for option in options if option.startswith("--parity-")]
    return [option for option in ours if config.getoption(option, default=unknown) is unknown]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_command_and_option_exists(path: Path, pytestconfig: pytest.Config) -> None:
    lines = scripted(path.read_text(encoding="utf-8"))
    assert [words[:2] for words in lines if words[0] == "parity"] == [["parity", "doctor"], ["parity", "gate"]]
    assert sum("--parity-checkpoint=$CHECKPOINT" in words for words in lines) == 1
    assert [unknown(words, pytestconfig) for words in lines] == [[]] * len(lines)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("parity gates --json x", ["gates", "--json"]),
        ("parity gate --jsn x", ["--jsn"]),
        ("parity gate --json x", []),
        ("python -m pytest --parity-sizes=1", ["--parity-sizes"]),
    ],
)
def test_a_wrong_one_is_found(line: str, found: list[str], pytestconfig: pytest.Config) -> None:
    (words,) = scripted(f"script: {line}")
    assert unknown(words, pytestconfig) == found


def test_there_is_one_for_each_of_both() -> None:
    assert [path.name for path in EXAMPLES] == ["github-actions.yml", "gitlab-ci.yml"]
