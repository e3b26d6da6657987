"""The embedded detector, exported once, a small data set cut from the embedded one, and the gate to run them through."""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if find_spec("ultralytics") is None:  # not importorskip: it would import without our environment
    pytest.skip("the gate's reference is a checkpoint of Ultralytics", allow_module_level=True)

import numpy as np
import yaml
from gate.running import SIDE, Run
from independent_pipeline import Settings, onnx_network, predictions

from parity.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUICKLY = ("--no-latency", "--no-diagnosis", "--threads", 1)  # one thread, because tests share their cores with others
FIXTURES = Path(__file__).parents[2] / "fixtures"
# a fault hides on the wrong images: each is here because some fault shows on it alone, or does not show on it
CHOSEN = (
    *("landscape odd pad.jpg", "portrait (odd pad).jpg", "small_gray_control.png", "tower.png", "crowd_one_class_0.jpg"),
    *("crowd_two_classes_0.jpg", "border_0.jpg", "empty.jpg", "gray.jpg", "exif_orientation_6.jpg", "val_0028.jpg"),
)


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the embedded checkpoint, so that nothing is ever written beside the original."""
    return Path(shutil.copy(FIXTURES / "models/yolov8n_shapes.pt", tmp_path_factory.mktemp("trained")))


@pytest.fixture(scope="session")
def exported(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as a stamped ONNX file."""
    from parity.convert import convert  # noqa: PLC0415 - loads torch, and some tests of this folder need none
    from parity.models import load_checkpoint  # noqa: PLC0415

    return convert(load_checkpoint(reference), "onnx", size=(SIDE, SIDE), out=tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the chosen images, their YOLO labels and ``data.yaml``, and the same as ``instances_val.json``."""
    return copy_shapes(tmp_path_factory.mktemp("data") / "shapes", CHOSEN)


def copy_shapes(folder: Path, names: Sequence[str]) -> Path:
    """Copy images of the embedded data set with their labels in both forms."""
    images, labels, source = folder / "images/val", folder / "labels/val", FIXTURES / "shapes"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for name in names:
        shutil.copy(source / "images/val" / name, images)
        shutil.copy(source / "labels/val" / Path(name).with_suffix(".txt"), labels)
    shutil.copy(source / "data.yaml", folder)
    (folder / "annotations").mkdir()
    whole = json.loads((source / "annotations/instances_val.json").read_bytes())
    kept = [image for image in whole["images"] if image["file_name"] in names]
    ids = {image["id"] for image in kept}
    annotations = [annotation for annotation in whole["annotations"] if annotation["image_id"] in ids]
    part = {**whole, "images": kept, "annotations": annotations}
    (folder / "annotations/instances_val.json").write_text(json.dumps(part), encoding="utf-8")
    return folder


@pytest.fixture
def own_shapes(tmp_path: Path) -> Path:
    """A data set of three images that a test may damage."""
    return copy_shapes(tmp_path / "shapes", ("square.jpg", "tower.png", "val_0028.jpg"))


@pytest.fixture(scope="session")
def only_empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of one image with nothing on it."""
    return copy_shapes(tmp_path_factory.mktemp("data") / "nothing", ("empty.jpg",))


@pytest.fixture(scope="session")
def instances(shapes: Path) -> Path:
    """The COCO JSON of the data set."""
    return shapes / "annotations/instances_val.json"


@pytest.fixture(scope="session")
def images(shapes: Path, instances: Path) -> dict[int, Path]:
    """The image files by COCO id."""
    records = json.loads(instances.read_bytes())["images"]
    return {record["id"]: shapes / "images/val" / record["file_name"] for record in records}


@pytest.fixture(scope="session")
def category_ids(instances: Path, shapes: Path) -> dict[int, int]:
    """The class indices of the model to the category ids of the COCO JSON."""
    by_name = {category["name"]: category["id"] for category in json.loads(instances.read_bytes())["categories"]}
    names = yaml.safe_load((shapes / "data.yaml").read_text())["names"]
    return {index: by_name[name] for index, name in names.items()}


@pytest.fixture(scope="session")
def network(exported: Path) -> Callable[..., Any]:
    """The exported network as the independent pipeline runs it; faults behind the network share its answers."""
    run, answers = onnx_network(exported), {}

    def remembered(tensor: np.ndarray) -> np.ndarray:
        key = tensor.tobytes()
        if key not in answers:
            answers[key] = run(tensor)
        return answers[key]

    return remembered


@pytest.fixture(scope="session")
def predict(images: dict[int, Path], network: Callable[..., Any], category_ids: dict[int, int]) -> Callable[..., list[dict[str, Any]]]:
    """Results rows of the independent pipeline with some settings; each set of settings runs once."""

    @cache
    def rows(**settings: Any) -> list[dict[str, Any]]:
        return predictions(images, network, Settings(side=SIDE, **settings), category_ids=category_ids)

    return rows


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run ``parity gate`` with these arguments in this process."""

    def run(*arguments: object) -> Run:
        answer = tmp_path_factory.mktemp("answer") / "result.json"  # not among the inputs
        exit_code = main(["gate", "--json", str(answer), *map(str, arguments)])
        result = json.loads(answer.read_bytes()) if answer.exists() else {}
        return Run(exit_code, result, capsys.readouterr().err)

    return run


@pytest.fixture
def judge(gate: Callable[..., Run], reference: Path, instances: Path, loaded_once: None) -> Callable[..., Run]:
    """Gate something against the embedded checkpoint on the chosen images."""

    def run(candidate: object, *others: object) -> Run:
        return gate("--reference", reference, "--candidate", candidate, "--data", instances, "--imgsz", SIDE, *QUICKLY, *others)

    return run


@pytest.fixture(scope="session")
def load_once() -> Callable[..., Any]:
    """A loader that reads each checkpoint once a session: loading takes longer than judging these few images."""
    from parity.models import load_checkpoint  # noqa: PLC0415 - loads torch

    return cache(load_checkpoint)


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch, load_once: Callable[..., Any]) -> None:
    """Let the gate load each checkpoint once a session."""
    monkeypatch.setattr("parity.open_gate.load_checkpoint", load_once)


@pytest.fixture(scope="session")
def real_models() -> Path:
    """The folder with yolov8n.pt and yolo11n.pt."""
    return folder_of("PARITY_MODELS", "a folder with yolov8n.pt and yolo11n.pt")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with COCO images, their labels and ``data.yaml``."""
    return folder_of("PARITY_DATA", "the folder coco128-val")


def folder_of(variable: str, what: str) -> Path:
    """The folder that an environment variable names; skips where it is not set."""
    if variable not in os.environ:
        pytest.skip(f"{variable} ({what}) is not set")
    return Path(os.environ[variable])
