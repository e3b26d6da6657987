"""The next candidate of a checkpoint costs only that candidate, and is judged as if the reference had been run again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate.conftest import QUICKLY
from gate.running import Run, assert_passes

from parity.backends.pytorch import PyTorchSession
from parity.cli import main
from parity.reference_cache import FILE

GateRunner = Callable[..., Run]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every run of a PyTorch network."""
    seen: list[int] = []
    execute = PyTorchSession._execute

    def counted(self: PyTorchSession, tensor: Any) -> Any:
        seen.append(1)
        return execute(self, tensor)

    monkeypatch.setattr(PyTorchSession, "_execute", counted)
    return seen


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the gate keeps what the reference said."""
    monkeypatch.setenv("PARITY_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def question(reference: Path, exported: Path, shapes: Path) -> tuple[object, ...]:
    """A gate of the embedded model's export."""
    return ("--reference", reference, "--candidate", exported, "--data", shapes / "data.yaml", *QUICKLY)


def images_of(folder: Path) -> int:
    """How many images are on record."""
    with sqlite3.connect(folder / FILE) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM entries").fetchone()[0])


def test_the_second_gate_runs_the_reference_only_to_prove_it_steady_and_says_the_same(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, runs: list[int], folder: Path
) -> None:
    asked = question(reference, exported, own_shapes)
    first, cost = gate(*asked), len(runs)
    second = gate(*asked)
    assert_passes(first)
    notes = [note for note in second.result["notes"] if note not in first.result["notes"]]
    assert notes == ["3 answers of the reference were kept from earlier runs (--no-cache runs it anew)"]
    assert {**second.result, "notes": None} == {**first.result, "notes": None}
    assert images_of(folder) == 3
    assert len(runs) - cost == cost - 3  # all but the three images


def test_nothing_is_kept_or_believed_without_a_cache(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, runs: list[int], folder: Path
) -> None:
    asked = (*question(reference, exported, own_shapes), "--no-cache")
    assert_passes(gate(*asked))
    cost = len(runs)
    gate(*asked)
    assert len(runs) == 2 * cost
    assert not folder.exists()


def test_a_damaged_entry_is_made_again_with_a_warning(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, runs: list[int], folder: Path
) -> None:
    asked = question(reference, exported, own_shapes)
    first, cost = gate(*asked), len(runs)
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("UPDATE entries SET value = X'00'")
    second = gate(*asked)
    assert len(runs) == 2 * cost
    assert [note for note in second.result["notes"] if "damaged entry" in note]
    assert second.result["checks"] == first.result["checks"]
    assert gate(*asked).result["checks"] == first.result["checks"]


def test_a_cached_answer_that_the_reference_does_not_give_leaves_the_verdict_open(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = PyTorchSession._execute
    with monkeypatch.context() as patched:
        patched.setattr(PyTorchSession, "_execute", lambda self, tensor: tuple(0.9 * each for each in execute(self, tensor)))
        gate(*question(reference, exported, own_shapes))
    run = gate(*question(reference, exported, own_shapes))
    assert images_of(folder) == 3
    assert (run.exit_code, run.statuses["repeatable"]) == (12, "inconclusive")


def test_another_threshold_is_another_question(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, runs: list[int], folder: Path
) -> None:
    asked = question(reference, exported, own_shapes)
    gate(*asked)
    cost = len(runs)
    gate(*asked, "--conf", 0.3)
    assert len(runs) == 2 * cost
    assert images_of(folder) == 6


def test_what_is_kept_is_shown_and_cleared(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate(*question(reference, exported, own_shapes))
    capsys.readouterr()
    assert main(["cache", "info", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (list(told["images"].values()), told["file"]) == ([3], str(folder / FILE))
    assert main(["cache", "info"]) == 0
    assert main(["cache", "clear"]) == 0
    assert "removed" in capsys.readouterr().out
    assert not (folder / FILE).exists()
