"""A small data set and a checkpoint for runs of the plugin in a folder of its own."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHAPES = ROOT / "fixtures" / "shapes"
CHECKPOINT = ROOT / "fixtures" / "models" / "yolov8n_shapes.pt"
NAMES = ("crowd_one_class_0", "crowd_two_classes_0", "landscape odd pad", "square", "empty", "val_0030")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data.yaml of six images of the embedded set."""
    root = tmp_path_factory.mktemp("small")
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        (root / kind / "val").mkdir(parents=True)
        for name in NAMES:
            shutil.copy(SHAPES / kind / "val" / f"{name}{suffix}", root / kind / "val")
    return Path(shutil.copy(SHAPES / "data.yaml", root / "data.yaml"))


@pytest.fixture(autouse=True)
def _a_run_of_its_own(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner run is no worker of the outer one nor in CI, and takes no other project's configuration for its own."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeini("[pytest]")


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """The embedded checkpoint."""
    return CHECKPOINT
