"""A file of open batch and size gives for a batch what it gives for its images, in their order, on images that it tells apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kinds import MADE, RUNTIMES
from numpy.typing import NDArray

from parity.backends.base import open_session
from parity.convert import convert
from parity.images import read_image
from parity.limits import FLOAT32
from parity.models import load_checkpoint
from parity.preprocess import preprocess
from parity.spec import Preprocess

FIXTURES = Path(__file__).parents[2] / "fixtures"
SIZE = (128, 96)
IMAGES = ("square.jpg", "tower.png", "val_0028.jpg", "crowd_two_classes_0.jpg")
TARGETS = [*RUNTIMES, "onnx-fp16"]


@pytest.fixture(scope="session")
def open_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded detector as one file of each kind; an untrained network would answer all images alike."""
    checkpoint, out = load_checkpoint(FIXTURES / "models/yolov8n_shapes.pt"), tmp_path_factory.mktemp("open")
    return {target: convert(checkpoint, target, size=(64, 64), out=out, dynamic=True) for target in MADE}


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    """Four network inputs (4, 3, 128, 96)."""
    spec, folder = Preprocess(size=SIZE), FIXTURES / "shapes/images/val"
    return np.concatenate([preprocess(read_image(folder / name), spec).tensor for name in IMAGES])


def assert_same(found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Equal within what every single detection is held to."""
    assert found.shape == expected.shape
    assert np.abs(found - expected)[:, :4].max() <= FLOAT32.box.value
    assert np.abs(found - expected)[:, 4:].max() <= FLOAT32.score.value


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("target", TARGETS)
def test_a_batch_gives_what_its_images_give(target: str, count: int, open_files: dict[str, Path], images: NDArray[np.float32]) -> None:
    with open_session(open_files[target]) as session:
        singles = [session.run(images[[place]])[0] for place in range(count)]
        assert_same(session.run(images[:count])[0], np.concatenate(singles))


@pytest.mark.parametrize("target", TARGETS)
def test_a_batch_that_mixed_its_images_up_would_show(target: str, open_files: dict[str, Path], images: NDArray[np.float32]) -> None:
    with open_session(open_files[target]) as session:
        (together,) = session.run(images)
    with pytest.raises(AssertionError):
        assert_same(together[::-1], together)


@pytest.mark.parametrize("target", TARGETS)
def test_an_open_file_takes_one_size_after_another(target: str, open_files: dict[str, Path], images: NDArray[np.float32]) -> None:
    with open_session(open_files[target]) as session:
        shapes = [session.run(np.ascontiguousarray(images[:, :, :height]))[0].shape for height in (128, 64, 128)]
        assert session.input_shape == (None, 3, None, None)
    anchors = {height: sum((height // stride) * (96 // stride) for stride in (8, 16, 32)) for height in (128, 64)}
    assert shapes == [(4, 11, anchors[height]) for height in (128, 64, 128)]
