"""The environment says what a result was made with, and nothing of whose machine it was."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

import numpy as np
import pytest

from parity import environment as module
from parity.environment import INSTRUCTION_SETS, PACKAGES, Environment, environment, installed, processor
from parity.wire import from_json, to_json

CPUINFO = "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: fpu avx avx2\n\nprocessor\t: 1\nmodel name\t: Another\nflags\t\t: fpu\n"


def test_it_tells_versions_and_processor() -> None:
    found = environment()
    assert found.python == platform.python_version()
    assert found.packages["numpy"] == np.__version__
    assert set(found.packages) == set(PACKAGES)
    assert found.processors >= 1
    assert set(found.instruction_sets) <= set(INSTRUCTION_SETS)


def test_it_survives_json() -> None:
    assert from_json(Environment, to_json(environment()), source="e.json") == environment()


def test_it_tells_neither_host_nor_path() -> None:
    told = to_json(environment())
    assert platform.node() not in told
    assert str(Path.home()) not in told
    assert f'"{getpass.getuser()}"' not in told


def test_what_is_not_installed_has_no_version() -> None:
    assert installed("no-such-package-of-ours") is None


def test_the_first_processor_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Path, "read_text", lambda _: CPUINFO)
    assert processor() == ("A Processor", frozenset({"fpu", "avx", "avx2"}))


def test_without_the_file_the_platform_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(module.Path, "read_text", fail)
    assert processor() == (platform.processor(), frozenset())
