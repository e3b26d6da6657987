"""The environment says what a result was made with, and nothing of whose machine it was."""

from __future__ import annotations

import getpass
import os
import platform
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from parity import environment as module
from parity.environment import (
    INSTRUCTION_SETS,
    PACKAGES,
    Environment,
    environment,
    give_memory_back,
    installed,
    memory_trimmer,
    processor,
)
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


def resident_mb() -> float:
    """The memory of this process that is in use, in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


@pytest.mark.skipif(memory_trimmer() is None, reason="the C library has no malloc_trim")
def test_freed_memory_goes_back_to_the_system() -> None:
    blocks = [bytearray(60_000) for _ in range(2_000)]  # too small to be mapped one by one
    last = bytearray(60_000)  # keeps the heap from shrinking by itself
    del blocks
    before = resident_mb()
    give_memory_back()
    assert before - resident_mb() > 50
    assert len(last) == 60_000


def test_without_glibc_nothing_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.environment.ctypes.CDLL", lambda _: object())
    assert memory_trimmer.__wrapped__() is None
    monkeypatch.setattr("parity.environment.ctypes.CDLL", Mock(side_effect=OSError))
    assert memory_trimmer.__wrapped__() is None
