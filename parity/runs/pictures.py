"""Detections drawn on their images, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from parity.datasets import DatasetImage
from parity.detections import Detections
from parity.images import Image, read_image
from parity.report.annotated import draw_detections


def write_pictures(
    folder: Path, images: Sequence[DatasetImage], detections: Sequence[Detections], *, names: Sequence[str], count: int
) -> list[Path]:
    """Write ``0000_detected.png`` and so on for ``count`` images, spread evenly over all."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int).tolist()
    paths = [folder / f"{place:04d}_detected.png" for place in range(len(chosen))]
    for path, index in zip(paths, chosen, strict=True):
        draw(read_image(images[index].path), detections[index], names=names).save(path)
    return paths


def draw(image: Image, detections: Detections, *, names: Sequence[str]) -> PillowImage.Image:
    """A copy of an RGB image (H, W, 3) with boxes, names and scores."""
    canvas = PillowImage.fromarray(image)
    draw_detections(canvas, detections.boxes, detections, names)
    return canvas
