"""What is said when all of the suite's tests are through."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parity.suite.records import unused_lines


@pytest.mark.skipif(sys.platform == "win32", reason="no such file name there")
def test_hostile_names_of_unused_files_are_shown_in_printable_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "base\x07"
    folder.mkdir()
    for name in ("read.json", "\x1b[2J.json", "old.json"):
        (folder / name).touch()
    monkeypatch.setattr("parity.pytest_plugin.settings", lambda _: SimpleNamespace(baselines=folder))
    config: Any = None
    (line,) = unused_lines(config, {"m": "read.json"})
    assert line.endswith(r"base\x07: \x1b[2J.json, old.json")
    assert line.isprintable()
