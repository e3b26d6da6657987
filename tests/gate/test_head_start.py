"""A candidate that has run ahead of the reference is judged as if it had not, and no image is run twice."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from gate.conftest import QUICKLY
from gate.running import Run, assert_refused

import parity.open_gate
from parity.backends.base import CheckedSession

GateRunner = Callable[..., Run]
PATIENCE_S = 60.0
OTHERS = QUICKLY[:-2]  # than threads


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each backend has run."""
    counted: Counter[str] = Counter()
    own = CheckedSession.run

    def counting(session: CheckedSession, tensor: Any) -> Any:
        counted[session.backend] += 1
        return own(session, tensor)

    monkeypatch.setattr(CheckedSession, "run", counting)
    return counted


@pytest.fixture
def slow_to_load(monkeypatch: pytest.MonkeyPatch, runs: Counter[str], load_once: Callable[..., Any]) -> Callable[[int], None]:
    """Let the reference load no sooner than ONNX Runtime has run so often."""

    def after(times: int) -> None:
        def load(*arguments: Any, **options: Any) -> Any:
            end = monotonic() + PATIENCE_S
            while runs["onnx"] < times:
                assert monotonic() < end, f"ONNX Runtime ran {runs['onnx']} times"
                sleep(0.01)
            return load_once(*arguments, **options)

        monkeypatch.setattr(parity.open_gate, "load_checkpoint", load)

    return after


@pytest.mark.parametrize("more", [(), ("--conf", 0.4), ("--candidate-conf", 0.4)], ids=["as it is", "thresholds", "declared"])
def test_it_is_judged_alike_and_runs_once(
    gate: GateRunner,
    reference: Path,
    exported: Path,
    own_shapes: Path,
    runs: Counter[str],
    slow_to_load: Callable[[int], None],
    more: tuple[object, ...],
) -> None:
    asked = ("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", *OTHERS, "--no-cache", *more)
    slow_to_load(0)
    alone = gate(*asked, "--threads", 1).result
    assert runs.pop("onnx") == 3
    slow_to_load(2)
    assert gate(*asked, "--threads", 2).result == alone
    assert runs["onnx"] == 3


def test_one_thread_is_one_thread(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, runs: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, own = [], parity.open_gate.checkpoint_of

    def loading(*arguments: Any) -> Any:
        seen.append((runs["onnx"], [each.name for each in threading.enumerate() if "head-start" in each.name]))
        return own(*arguments)

    monkeypatch.setattr(parity.open_gate, "checkpoint_of", loading)
    gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", *QUICKLY)
    assert seen[0] == (0, [])


def test_a_file_that_is_replaced_meanwhile_is_not_what_the_result_speaks_of(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, tmp_path: Path, slow_to_load: Callable[[int], None]
) -> None:
    slow_to_load(1)
    candidate = Path(shutil.copy(exported, tmp_path))
    own = parity.open_gate.load_checkpoint

    def replacing(*arguments: Any, **options: Any) -> Any:
        loaded = own(*arguments, **options)
        candidate.write_bytes(b"no model any more")
        return loaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity.open_gate, "load_checkpoint", replacing)
        run = gate("--reference", reference, "--candidate", candidate, "--data", own_shapes / "data.yaml", *OTHERS, "--threads", 2)
    assert run.exit_code == 0
    assert run.result["configs"][0]["candidate"]["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()


def test_a_damaged_image_is_refused_as_ever(
    gate: GateRunner, reference: Path, exported: Path, own_shapes: Path, slow_to_load: Callable[[int], None]
) -> None:
    slow_to_load(2)  # of three
    (own_shapes / "images/val/val_0028.jpg").write_bytes(b"no image")
    run = gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", *OTHERS, "--threads", 2)
    assert_refused(run, exit_code=10, names="val_0028.jpg", says="image")


def test_a_file_that_cannot_be_opened_is_refused_as_ever(gate: GateRunner, reference: Path, own_shapes: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no model")
    run = gate("--reference", reference, "--candidate", damaged, "--data", own_shapes / "data.yaml", *OTHERS, "--threads", 2)
    assert_refused(run, exit_code=10, names="damaged.onnx", says="ONNX")
