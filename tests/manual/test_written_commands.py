"""Every command in the README and the manual is one that can be typed: it exists, and so does each of its options."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import typer.main
from manual.written import EXAMPLES, ROOT, Command, mentioned, of, typed

from parity.cli import ClickUsageError, app

FEWEST = 20
OPTION = re.compile(r"^--?[a-z][\w-]*")
GROUP: Any = typer.main.get_command(app)


def taken_apart(words: tuple[str, ...]) -> tuple[Any, list[str]]:
    """The command that words name, and what is left of them; raises a usage error for a name of none."""
    command, left = GROUP, list(words)
    while left and hasattr(command, "commands") and not left[0].startswith("-"):
        name, command, left = command.resolve_command(command.context_class(command, info_name="parity"), left)
        assert command is not None, name
    return command, left


def parse(words: tuple[str, ...]) -> dict[str, Any]:
    """The options and arguments that the command line reads off words."""
    command, left = taken_apart(tuple(word for word in words if word != "--debug"))
    return dict(command.make_context(command.name, left).params)


def unknown(words: tuple[str, ...]) -> list[str]:
    """The options among words that the command does not have."""
    command, left = taken_apart(words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in left if OPTION.match(word) and word.split("=")[0] not in known | {"--help", "--debug"}]


@pytest.mark.parametrize("command", of("parity", typed()), ids=lambda command: command.id)
def test_a_command_that_is_shown_is_read_by_the_command_line(command: Command) -> None:
    assert parse(command.words[1:]) is not None


@pytest.mark.parametrize("command", of("parity", mentioned()), ids=lambda command: command.id)
def test_a_command_that_is_mentioned_has_these_options(command: Command) -> None:
    assert unknown(command.words[1:]) == []


@pytest.mark.parametrize("words", [("gate", "--referense", "a.pt", "--data", "b"), ("gatte",), ("gate", "--data", "b"), ("cache", "clean")])
def test_a_command_that_cannot_be_typed_is_found(words: tuple[str, ...]) -> None:
    with pytest.raises(ClickUsageError):
        parse(words)


def test_an_option_that_does_not_exist_is_found() -> None:
    assert unknown(("gate", "--data", "b", "--colour=red")) == ["--colour=red"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_for_ci_runs_the_gate(example: Path) -> None:
    assert "gate" in [command.words[1] for command in of("parity", typed()) if command.where.endswith(example.name)]


def test_many_commands_are_looked_at() -> None:
    assert len(of("parity", typed())) > FEWEST
    assert len(of("parity", mentioned())) > FEWEST


@pytest.mark.parametrize("command", of("pytest", [*typed(), *mentioned()]), ids=lambda command: command.id)
def test_options_of_the_plugin_exist(command: Command, pytestconfig: pytest.Config) -> None:
    own = [word.split("=")[0] for word in command.words if word.startswith("--parity-")]
    assert [option for option in own if not hasattr(pytestconfig.option, option[2:].replace("-", "_"))] == []


@pytest.mark.parametrize("command", of("tox", [*typed(), *mentioned()]), ids=lambda command: command.id)
def test_environments_of_tox_exist(command: Command) -> None:
    settings = ConfigParser()
    settings.read(ROOT / "tox.ini", encoding="utf-8")
    chosen = [word for option, word in zip(command.words, command.words[1:], strict=False) if option == "-e"]
    assert [name for name in chosen if f"testenv:{name}" not in settings] == []
