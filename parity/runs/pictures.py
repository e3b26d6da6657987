"""Detections drawn on their images, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from parity.datasets import DatasetImage
from parity.detections import Detections
from parity.display import display
from parity.images import Image, read_image

COLOURS = ("#e6194b", "#4363d8", "#3cb44b", "#f58231", "#911eb4", "#008080", "#9a6324", "#800000")
LONGEST_NAME = 40  # characters of a class name
LINE_SHARE, TEXT_SHARE = 300, 45  # of the longer side: width of a line, height of the text
SMALLEST_TEXT = 11  # px


def write_pictures(
    folder: Path, images: Sequence[DatasetImage], detections: Sequence[Detections], *, names: Sequence[str], count: int
) -> list[Path]:
    """Write ``0000_detected.png`` and so on for ``count`` images, spread evenly over all."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int).tolist()
    paths = [folder / f"{place:04d}_detected.png" for place in range(len(chosen))]
    for path, index in zip(paths, chosen, strict=True):
        PillowImage.fromarray(draw(read_image(images[index].path), detections[index], names=names)).save(path)
    return paths


def draw(image: Image, detections: Detections, *, names: Sequence[str]) -> Image:
    """A copy of an RGB image (H, W, 3) with boxes, names and scores; the best one is drawn last, on top."""
    canvas = PillowImage.fromarray(image)
    brush, side = ImageDraw.Draw(canvas), max(image.shape[:2])
    font, line = ImageFont.load_default(max(SMALLEST_TEXT, side / TEXT_SHARE)), max(1, round(side / LINE_SHARE))
    for box, score, label in zip(*(part[::-1] for part in (detections.boxes, detections.scores, detections.classes)), strict=True):
        colour = COLOURS[int(label) % len(COLOURS)]
        brush.rectangle([float(value) for value in box], outline=colour, width=line)
        text = f"{class_name(names, int(label))} {score:.2f}"
        place = max(0.0, float(box[0])), max(0.0, float(box[1]) - font.getbbox(text)[3])
        brush.rectangle(brush.textbbox(place, text, font=font), fill=colour)
        brush.text(place, text, fill="white", font=font)
    return np.asarray(canvas)


def class_name(names: Sequence[str], label: int) -> str:
    """The name of a class index on one line; a class beyond the names is shown by its number."""
    return display(names[label])[:LONGEST_NAME] if 0 <= label < len(names) else f"class {label}"
