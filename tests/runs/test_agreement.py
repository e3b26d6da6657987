"""The embedded FasterRCNN as ONNX against itself in PyTorch: every test image, batches, and every image size."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from runs.conftest import TRAINED, TRIANGLES

from parity.backends.onnx_runtime import OnnxSession
from parity.backends.pytorch import PyTorchSession
from parity.convert import convert
from parity.convert.check import Agreement, detection_difference
from parity.datasets import open_dataset
from parity.decode import Outputs
from parity.images import read_image
from parity.limits import Tolerance
from parity.models import Checkpoint, load_checkpoint

MOST = Tolerance(box_px=0.05, score=1e-4)
ONE_PIXEL_OFF = ((32, 77), (154, 154), (301, 301))  # (height, width) that a plain export resizes otherwise
Tensor = NDArray[np.float32]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """The embedded run."""
    return load_checkpoint(TRAINED)


@pytest.fixture(scope="module")
def onnx(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> OnnxSession:
    """The run as ONNX, open."""
    return OnnxSession(convert(checkpoint, "onnx", out=tmp_path_factory.mktemp("onnx")), threads=1)


@pytest.fixture(scope="module")
def images() -> list[Tensor]:
    """Every test image as a network input."""
    return [as_input(read_image(image.path)) for image in open_dataset(TRIANGLES).images]


@pytest.fixture(scope="module")
def limit(checkpoint: Checkpoint, images: list[Tensor]) -> Tolerance:
    """Ten times what rounding to float32 does to the network on the test images, and no more than agreed."""
    exact = deepcopy(checkpoint.network).double()
    with PyTorchSession(checkpoint.network) as rounded, torch.inference_mode():
        found = [apart(checkpoint, in_double(exact, image), rounded.run(image), image) for image in images]
    noise = [np.max([getattr(each.difference, name) for each in found]) for name in ("box_px", "score")]
    assert 0 < noise[0] < 0.05
    assert 0 < noise[1] < 1e-4
    return Tolerance(min(10 * noise[0], MOST.box_px), min(10 * noise[1], MOST.score))


def as_input(image: NDArray[np.uint8]) -> Tensor:
    """An image (H, W, 3) as (1, 3, H, W) from 0 to 1."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / 255


def in_double(network: Any, image: Tensor) -> Outputs:
    """What a network answers in float64."""
    return tuple(output.numpy() for output in network(torch.from_numpy(image).double()))


def apart(checkpoint: Checkpoint, reference: Outputs, candidate: Outputs, image: Tensor) -> Agreement:
    """How far two answers to one image are apart; as many detections on either side."""
    assert reference[1].shape == candidate[1].shape
    return detection_difference(reference, candidate, checkpoint.spec.suppress, image.shape[2:])


def assert_agree(checkpoint: Checkpoint, onnx: OnnxSession, batches: list[Tensor], limit: Tolerance) -> None:
    """Every image of every batch has the same detections in both, and there are some."""
    compared = 0
    with PyTorchSession(checkpoint.network) as pytorch:
        for batch in batches:
            answer = onnx.run(batch)
            for row, image in enumerate(batch):
                alone, full = pytorch.run(image[None]), tuple(part[row : row + 1] for part in answer)
                count = alone[1].shape[1]
                found = apart(checkpoint, alone, tuple(part[:, :count] for part in full), image[None])
                assert found.within(limit), (image.shape, found)
                assert not full[1][:, count:].any()
                compared += found.compared
    assert compared >= len(batches)


def test_every_test_image_agrees_within_ten_times_the_noise(
    checkpoint: Checkpoint, onnx: OnnxSession, images: list[Tensor], limit: Tolerance
) -> None:
    assert_agree(checkpoint, onnx, images, limit)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_image_of_a_batch_agrees(
    checkpoint: Checkpoint, onnx: OnnxSession, images: list[Tensor], limit: Tolerance, count: int
) -> None:
    size = (images[7].shape[3], images[7].shape[2])
    fitted = [as_input(cv2.resize((image[0].transpose(1, 2, 0) * 255).astype(np.uint8), size)) for image in images[6:14]]
    assert_agree(checkpoint, onnx, [np.concatenate(fitted[:count])], limit)


def test_sizes_at_which_a_plain_export_is_one_pixel_off_agree(checkpoint: Checkpoint, onnx: OnnxSession, limit: Tolerance) -> None:
    assert_agree(checkpoint, onnx, [sized(height, width) for height, width in ONE_PIXEL_OFF], limit)


@pytest.mark.slow
def test_two_hundred_random_sizes_agree(checkpoint: Checkpoint, onnx: OnnxSession, limit: Tolerance) -> None:
    sides = np.random.default_rng(20260202).integers(32, 700, (200, 2)).tolist()
    assert_agree(checkpoint, onnx, [sized(height, width) for height, width in sides], limit)


def sized(height: int, width: int) -> Tensor:
    """A test image at another size."""
    image = read_image(Path(TRIANGLES / "data/test_0007.jpg"))
    return as_input(cv2.resize(image, (width, height)))
