"""Faults planted in the independent pipeline, on another runtime, and the evidence that they leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("ultralytics") is None:
    pytest.skip("the reference is a checkpoint of Ultralytics", allow_module_level=True)

from independent_pipeline import Settings, as_array, detect, onnx_network

from parity.backends.pytorch import PyTorchSession
from parity.comparison import Rounding
from parity.convert import convert
from parity.datasets import Dataset, DatasetImage, open_dataset
from parity.detections import Detections
from parity.diagnose.evidence import Evidence
from parity.diagnose.search import Finding, diagnose
from parity.limits import FLOAT32
from parity.models import Checkpoint, load_checkpoint
from parity.spec import PipelineSpec

FIXTURES = Path(__file__).parents[2] / "fixtures"
SIDE = 320
# what each fault needs to be seen on: odd padding, colours, crowds of one and of two classes, the border, a turned phone, small images
CHOSEN = (
    *("landscape odd pad.jpg", "portrait (odd pad).jpg", "small.png", "crowd_one_class_0.jpg", "crowd_one_class_1.jpg"),
    *("crowd_two_classes_0.jpg", "crowd_two_classes_1.jpg", "border_0.jpg", "exif_orientation_6.jpg", "square.jpg", "val_0028.jpg"),
    *("small_gray_control.png", "val_0040.jpg", "val_0050.jpg"),
)
Named = Callable[..., Finding | None]


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """The embedded detector."""
    return load_checkpoint(FIXTURES / "models/yolov8n_shapes.pt")


@pytest.fixture(scope="session")
def network(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The detector in another runtime, at any size."""
    return onnx_network(convert(checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path_factory.mktemp("onnx"), dynamic=True))


@pytest.fixture(scope="session")
def images() -> list[DatasetImage]:
    """The images to tell faults by."""
    shapes: Dataset = open_dataset(FIXTURES / "shapes/data.yaml")
    return [image for image in shapes.images if Path(image.file_name).name in CHOSEN]


@pytest.fixture(scope="session")
def spec(checkpoint: Checkpoint) -> PipelineSpec:
    """The reference's pipeline."""
    return replace(checkpoint.spec, preprocess=replace(checkpoint.spec.preprocess, size=(SIDE, SIDE)))


@pytest.fixture(scope="session")
def named(checkpoint: Checkpoint, network: Any, images: list[DatasetImage], spec: PipelineSpec) -> Named:
    """Plant settings and diagnose what they do; the reference's answers are kept between tests."""
    session, outputs = PyTorchSession(checkpoint.network, threads=1), {}

    def call(*, decimals: int | None = None, **settings: Any) -> Finding | None:
        rows = [as_array(detect(image.path, network, Settings(**{"side": SIDE, **settings}))) for image in images]
        rounding = Rounding() if decimals is None else Rounding(2 * 10.0**-decimals, 10.0**-decimals)
        rows = rows if decimals is None else [each.round(decimals) for each in rows]
        candidate = [Detections.best_first(each[:, :4], each[:, 4], each[:, 5]) for each in rows]
        return diagnose(Evidence(session, images, candidate, rounding, FLOAT32, outputs=outputs), spec)

    return call
