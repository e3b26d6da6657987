"""What the stages cost beside Ultralytics', and AP beside pycocotools: ``tox run -e bench``.

Not collected by name. Both sides do the same work on the same images in turn, and the medians of their ratios are held.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision  # Ultralytics takes its faster suppression where it finds this loaded, as `yolo val` does
from benchmarks.large_data import CLASSES, answers, large_dataset
from oracles.samples import same_classes
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from parity.backends.base import open_session
from parity.convert import convert
from parity.decode import decode
from parity.images import read_image
from parity.metrics import detections_as_coco, truth_as_coco
from parity.models import load_checkpoint
from parity.models.ultralytics import require_ultralytics
from parity.preprocess import preprocess
from parity.records import evaluate
from parity.spec import Head, Preprocess, Suppress
from parity.suppress import suppress

require_ultralytics()
from ultralytics.data.augment import LetterBox  # noqa: E402 - after its environment is set
from ultralytics.utils.nms import non_max_suppression  # noqa: E402

FIXTURES = Path(__file__).parents[2] / "fixtures"
MODELS, DATA = os.environ.get("PARITY_MODELS"), os.environ.get("PARITY_DATA")
CHECKPOINT = Path(MODELS) / "yolov8n.pt" if MODELS else FIXTURES / "models/yolov8n_shapes.pt"
IMAGES = Path(DATA) / "images/val2017" if DATA else FIXTURES / "shapes/images/val"
SIZE = (640, 640)
REPEATS = 5
DEPLOYED = Suppress()
EVALUATED = replace(DEPLOYED, confidence=0.001, multi_label=True)


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Some pictures."""
    return [read_image(path) for path in sorted(IMAGES.glob("*.jpg"))[:48]]


@pytest.fixture(scope="module")
def names() -> int:
    """The number of the model's classes."""
    return len(load_checkpoint(CHECKPOINT).spec.names)


@pytest.fixture(scope="module")
def outputs(images: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """What the exported network says of them."""
    file = convert(load_checkpoint(CHECKPOINT), "onnx", size=SIZE, out=tmp_path_factory.mktemp("exported"))
    with open_session(file) as session:
        return [session.run(preprocess(image, Preprocess(size=SIZE)).tensor)[0] for image in images]


def share(
    ours: Callable[[Any], object], theirs: Callable[[Any], object], items: Sequence[Any], *, name: str, repeats: int = REPEATS
) -> float:
    """Our time over theirs, summed over the items; of each item the quickest of several turns counts."""
    torch.set_num_threads(1)
    turns = [[[seconds(ours, item), seconds(theirs, item)] for item in items] for _ in range(repeats)]
    taken = np.array(turns).min(0).mean(0)
    sys.stdout.write(f"\n{name}: {1e3 * taken[0]:.3f} ms, theirs {1e3 * taken[1]:.3f} ms: {taken[0] / taken[1]:.3f}\n")
    return float(taken[0] / taken[1])


def seconds(work: Callable[[Any], object], item: Any) -> float:
    """The time of one call on a copy of its own, since Ultralytics writes into what it is given."""
    own = item.copy() if isinstance(item, np.ndarray) else item
    start = time.perf_counter()
    work(own)
    return time.perf_counter() - start


def letterboxed(image: np.ndarray) -> torch.Tensor:
    """Ultralytics' way from a picture to the network's input."""
    fitted = LetterBox(SIZE, auto=False)(image=image)
    return torch.from_numpy(np.ascontiguousarray(fitted[None].transpose(0, 3, 1, 2))).float() / 255


def test_preprocessing(images: list[np.ndarray]) -> None:
    spec = Preprocess(size=SIZE)
    assert share(lambda image: preprocess(image, spec), letterboxed, images, name="preprocess") <= 1.0


@pytest.mark.parametrize("settings", [DEPLOYED, EVALUATED], ids=["deployed", "evaluated"])
def test_decoding_and_suppression(outputs: list[np.ndarray], names: int, settings: Suppress) -> None:
    def ours(raw: np.ndarray) -> object:
        return suppress(decode((raw,), Head(), classes=names, network_size=SIZE, above=settings.confidence), settings)

    def theirs(raw: np.ndarray) -> object:
        several = settings.multi_label
        found = torch.from_numpy(raw)
        return non_max_suppression(found, settings.confidence, settings.iou, multi_label=several, max_det=300, nc=names)

    assert torchvision.ops.nms
    assert share(ours, theirs, outputs, name=f"decode and suppress above {settings.confidence}") <= 0.4


def test_ap_of_2000_images_beside_pycocotools() -> None:
    data = large_dataset(2_000)
    found, classes = [each.take(slice(28)) for each in answers(data, blur=0.06, seed=1)], same_classes(CLASSES)

    def theirs(_: object) -> float:
        truth = COCO()
        truth.dataset = truth_as_coco(data) | {"info": {}}
        truth.createIndex()
        evaluated = COCOeval(truth, truth.loadRes(detections_as_coco(found, classes)), "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
        return float(evaluated.stats[0])

    def ours(_: object) -> float | None:
        return evaluate(data, found, classes).metrics().AP

    assert ours(None) == pytest.approx(theirs(None), abs=1e-12)
    assert share(ours, theirs, [None], name="AP of 2,000 images", repeats=1) <= 1 / 8
