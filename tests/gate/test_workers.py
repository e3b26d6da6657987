"""Several sizes at once give the same answer, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gate.conftest import QUICKLY
from gate.running import Run, assert_refused

import parity.workers
from parity.convert import convert
from parity.models import load_checkpoint

GateRunner = Callable[..., Run]


@pytest.fixture(scope="module")
def smaller(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as ONNX at another size."""
    return convert(load_checkpoint(reference), "onnx", size=(160, 160), out=tmp_path_factory.mktemp("smaller"))


@pytest.mark.slow
def test_two_processes_say_what_one_says(
    gate: GateRunner, reference: Path, exported: Path, smaller: Path, own_shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--reference", reference, "--candidate", exported, "--candidate", smaller, "--data", own_shapes / "data.yaml", *QUICKLY)
    with monkeypatch.context() as patched:
        patched.setattr(parity.workers, "processors", lambda: 2)
        patched.setattr(parity.workers, "judge_contest", None)  # what follows is judged elsewhere, or not at all
        apart = gate(*asked, "--workers", 2, "--no-cache")
    assert gate(*asked, "--no-cache").result == apart.result
    assert [config["imgsz"] for config in apart.result["configs"]] == [[320, 320], [160, 160]]


def test_two_images_at_once_say_what_one_after_the_other_says(gate: GateRunner, reference: Path, smaller: Path, own_shapes: Path) -> None:
    asked = ("--reference", reference, "--candidate", smaller, "--data", own_shapes / "data.yaml", *QUICKLY, "--no-cache")
    one, two = (gate(*asked, "--threads", count).result for count in (1, 2))
    assert one == two


def test_latency_is_not_measured_beside_other_processes(gate: GateRunner, reference: Path, exported: Path, own_shapes: Path) -> None:
    run = gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", "--workers", 2, "--threads", 1)
    assert_refused(run, exit_code=4, names="--workers", says="--no-latency")


def test_processes_need_to_know_their_threads(gate: GateRunner, reference: Path, exported: Path, own_shapes: Path) -> None:
    asked = ("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", "--no-latency")
    assert_refused(gate(*asked, "--workers", 2), exit_code=4, names="--workers", says="--threads")
