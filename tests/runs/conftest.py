"""The embedded run directory, copied, since commands write into it; and its data, as a small part of the whole."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if find_spec("torchvision") is None:
    pytest.skip("run directories need torchvision", allow_module_level=True)

from parity.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parents[2] / "fixtures"
TRAINED = FIXTURES / "models/fasterrcnn_triangles"
TRIANGLES = FIXTURES / "triangles_dataset_small"
Parity = tuple[int, str, str]


def copy_run(target: Path) -> Path:
    """A copy of the embedded run, without what commands have left in it."""
    (target / ".hydra").mkdir(parents=True)
    for part in ("best_model.pth", ".hydra/config.yaml"):
        shutil.copyfile(TRAINED / part, target / part)
    return target


def copy_data(target: Path, *, every: int) -> Path:
    """A copy of every so-manieth test image of the triangles, and the first of training."""
    (target / "data").mkdir(parents=True)
    records = [json.loads(line) for line in (TRIANGLES / "dataset.jsonl").read_text().splitlines()]
    chosen = records[:1] + [record for record in records if record["split"] == "test"][::every]
    for record in chosen:
        shutil.copyfile(TRIANGLES / "data" / record["image"], target / "data" / record["image"])
    (target / "dataset.jsonl").write_text("".join(json.dumps(record) + "\n" for record in chosen))
    return target


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A fresh run directory."""
    return copy_run(tmp_path / "outputs/2026-02-02/15-15-47")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dozen test images."""
    return copy_data(tmp_path / "triangles", every=5)


@pytest.fixture
def parity(capsys: pytest.CaptureFixture[str]) -> Callable[..., Parity]:
    """Run a command; gives exit code, stdout and stderr."""

    def call(*words: object) -> Parity:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run directory that has been converted, evaluated and compared on data beside it; only to be read."""
    folder = tmp_path_factory.mktemp("evaluated")
    run, data = copy_run(folder / "run"), copy_data(folder / "triangles", every=5)
    words = ("convert", run, "--dataset-dir", data, "--evaluate-converted-model", "--visualizations", 3)
    assert main([str(word) for word in words]) == 0
    return run, data


@pytest.fixture
def done(evaluated: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the evaluated run and its data, to be changed."""
    for folder in evaluated:
        shutil.copytree(folder, tmp_path / "done" / folder.name)
    return tmp_path / "done/run", tmp_path / "done/triangles"
