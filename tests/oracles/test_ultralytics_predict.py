"""The whole pipeline equals ``YOLO(...).predict(rect=False)`` on real files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from oracles import theirs
from oracles.samples import rows_of

from parity.backends.pytorch import PyTorchSession
from parity.models import load_checkpoint
from parity.pipeline import Pipeline, detect_many

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 320
BOX_PX, SCORE = 0.01, 1e-4
FIXTURES = Path(__file__).parents[2] / "fixtures"
assert theirs  # has set Ultralytics' environment


def shapes() -> tuple[Path, list[Path]]:
    """The embedded checkpoint and images of every kind: tall, wide, grey, turned, empty."""
    checkpoint, folder = FIXTURES / "models" / "yolov8n_shapes.pt", FIXTURES / "shapes" / "images" / "val"
    if not checkpoint.is_file():
        pytest.skip("the embedded checkpoint has not been made (fixtures/train.py makes it)")
    named = [path for path in sorted(folder.iterdir()) if not path.stem.startswith("val_")]
    return checkpoint, named[:12] + sorted(folder.glob("val_000[0-3]*"))


def real() -> tuple[Path, list[Path]]:
    """YOLOv8n and eight photographs."""
    if "PARITY_MODELS" not in os.environ or "PARITY_DATA" not in os.environ:
        pytest.skip("PARITY_MODELS (a folder with yolov8n.pt) and PARITY_DATA (a folder with images) are not set")
    images = sorted(Path(os.environ["PARITY_DATA"]).rglob("*.jpg"))[:8]
    return Path(os.environ["PARITY_MODELS"]) / "yolov8n.pt", images


def predicted(checkpoint: Path, images: Sequence[Path], **arguments: Any) -> list[np.ndarray]:
    """What Ultralytics finds, rows of x1, y1, x2, y2, score, class."""
    from ultralytics import YOLO  # noqa: PLC0415 - after oracles.theirs

    model = YOLO(checkpoint)
    results = [model.predict(path, imgsz=SIDE, verbose=False, save=False, **arguments)[0] for path in images]
    return [result.boxes.data.numpy().astype(np.float64) for result in results]


def detected(checkpoint: Path, images: Sequence[Path]) -> list[np.ndarray]:
    """What our pipeline finds, in the same form."""
    loaded = load_checkpoint(checkpoint, size=(SIDE, SIDE))
    with PyTorchSession(loaded.network) as session:
        return [rows_of(each) for each in detect_many(images, Pipeline(loaded.spec, session))]


@pytest.mark.parametrize("files", [shapes, real])
def test_the_pipeline_equals_predict(files: Any) -> None:
    checkpoint, images = files()
    ours, expected = np.concatenate(detected(checkpoint, images)), np.concatenate(predicted(checkpoint, images, rect=False))
    assert len(ours) == len(expected) > 20
    np.testing.assert_array_equal(ours[:, 5], expected[:, 5])
    np.testing.assert_allclose(ours[:, :4], expected[:, :4], rtol=0, atol=BOX_PX)
    np.testing.assert_allclose(ours[:, 4], expected[:, 4], rtol=0, atol=SCORE)


@pytest.mark.parametrize("files", [shapes, real])
def test_a_rectangular_input_is_seen_by_that_comparison(files: Any) -> None:
    checkpoint, images = files()
    wide = images[:8]
    ours, other = (np.concatenate(rows)[:, 4].sum() for rows in (detected(checkpoint, wide), predicted(checkpoint, wide, rect=True)))
    assert abs(ours - other) > 10 * SCORE
