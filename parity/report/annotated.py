"""Detections drawn on their photo: boxes in a colour of their class, with name and score where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from io import BytesIO
from itertools import starmap

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from parity.detections import Detections
from parity.images import Image
from parity.report.overlays import class_name
from parity.report.plotting import font_file, legible

QUALITY = 90
LARGEST_SIDE = 65_500  # px: what libjpeg writes
SMALLEST_SIDE = 400  # px: what is smaller is enlarged by a whole number as far as this, or no text fits on it
TEXT_SHARE, LINE_SHARE = 38, 7  # of the picture's mean side: height of the text; of that: width of a line
SMALLEST_TEXT = 11  # px
CROWD, CROWDED_TEXT = 15, 0.75  # more detections than this get smaller text
GOLDEN = 0.618034  # of a turn of the hue from one class to the next: the largest steps for any number of classes
LIGHT = 0.45  # relative luminance from which black is more legible than white
HALO = (20, 20, 20)
RGB = tuple[int, int, int]
Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pen:
    """How large text and lines are, in pixels of the picture."""

    text: float
    line: int


def annotated(image: Image, detections: Detections, names: Sequence[str]) -> bytes:
    """An RGB image (H, W, 3) with its detections as a JPEG; a tiny image is enlarged, one too large for JPEG shrunk."""
    picture, scale = in_legible_size(image)
    canvas = PillowImage.fromarray(picture)
    draw_detections(canvas, detections.boxes * scale, detections, names)
    content = BytesIO()
    canvas.save(content, "JPEG", quality=QUALITY, subsampling=0)  # at half resolution the colours of thin lines run
    return content.getvalue()


def in_legible_size(image: Image) -> tuple[Image, float]:
    """The image as it is drawn on, and pixels of that for one of the image."""
    longer = max(image.shape[:2])
    scale = float(max(1, SMALLEST_SIDE // longer)) if longer <= LARGEST_SIDE else LARGEST_SIDE / longer
    if scale == 1:
        return image, scale
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA), np.uint8), scale


def draw_detections(canvas: PillowImage.Image, boxes: Boxes, detections: Detections, names: Sequence[str]) -> None:
    """Draw every box, then every label, the best score last and so on top; ``boxes`` (n, 4) are in pixels of the canvas."""
    brush, pen = ImageDraw.Draw(canvas), pen_of(canvas.size, len(boxes))
    font = ImageFont.truetype(font_file(), pen.text)
    colours = list(map(colour_of, detections.classes.tolist()))
    inside = on_canvas(boxes, canvas.size, beyond=2 * pen.line)
    texts = list(starmap(lambda label, score: f"{legible(class_name(names, label))} {score:.2f}", labelled(detections)))
    labels = place_labels(inside, np.array([text_size(font, text, pen) for text in texts]).reshape(-1, 2), canvas.size)
    for box, colour in list(zip(inside, colours, strict=True))[::-1]:
        draw_box(brush, box, colour, pen)
    for label, text, colour in list(zip(labels, texts, colours, strict=True))[::-1]:
        draw_label(brush, label, text, colour, font)


def labelled(detections: Detections) -> list[tuple[int, float]]:
    """Class index and score of every detection."""
    return list(zip(detections.classes.tolist(), detections.scores.tolist(), strict=True))


def pen_of(size: tuple[int, int], detections: int) -> Pen:
    """Text and lines that are legible when the whole picture (width, height) is looked at, and do not fill a narrow one."""
    width, height = size
    text = (width * height) ** 0.5 / TEXT_SHARE * (CROWDED_TEXT if detections > CROWD else 1)
    text = max(SMALLEST_TEXT, min(text, min(size) / 4))
    return Pen(text, max(1, round(text / LINE_SHARE)))


def colour_of(label: int) -> RGB:
    """The colour of a class index; that of neighbours is far apart."""
    red, green, blue = hsv_to_rgb((label * GOLDEN) % 1, 0.85, (0.95, 0.7)[label // 5 % 2])
    return round(255 * red), round(255 * green), round(255 * blue)


def ink_on(colour: RGB) -> str:
    """Black or white, whichever is more legible on a colour (relative luminance of Rec. 709, without its gamma)."""
    red, green, blue = colour
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 255 * LIGHT else "white"


def on_canvas(boxes: Boxes, size: tuple[int, int], *, beyond: int) -> Boxes:
    """Boxes with their corners in order; a network's garbage may lie far outside, and is drawn no further than ``beyond``."""
    corners = np.clip(boxes, -beyond, np.array([*size, *size]) + beyond)
    ordered = np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], axis=1)
    return np.asarray(ordered.round())


def draw_box(brush: ImageDraw.ImageDraw, box: Boxes, colour: RGB, pen: Pen) -> None:
    """The outline of a box, with a dark seam that shows it on a ground of its own colour."""
    x1, y1, x2, y2 = box.tolist()
    seam = max(1, pen.line // 3)
    brush.rectangle((x1 - seam, y1 - seam, x2 + seam, y2 + seam), outline=HALO, width=pen.line + 2 * seam)
    brush.rectangle((x1, y1, x2, y2), outline=colour, width=pen.line)


def text_size(font: ImageFont.FreeTypeFont, text: str, pen: Pen) -> tuple[float, float]:
    """Width and height of a label with its margins."""
    return font.getlength(text) + 4 * pen.line, sum(font.getmetrics())


def draw_label(brush: ImageDraw.ImageDraw, place: Boxes, text: str, colour: RGB, font: ImageFont.FreeTypeFont) -> None:
    """Text on a plate of the class's colour."""
    x1, y1, x2, y2 = place.tolist()
    brush.rectangle((x1, y1, x2, y2), fill=colour)
    brush.text(((x1 + x2) / 2, (y1 + y2) / 2), text, fill=ink_on(colour), font=font, anchor="mm")


def place_labels(boxes: Boxes, sizes: Boxes, canvas: tuple[int, int]) -> Boxes:
    """Where the labels of boxes go, (n, 4): above, within or below, wherever they hide least of the labels of better ones."""
    placed = np.empty((0, 4))
    for box, size in zip(boxes, sizes, strict=True):
        places = label_places(box, size, canvas)
        hidden = overlap_areas(places, placed)
        placed = np.concatenate([placed, places[[hidden.argmin()]]])
    return placed


def label_places(box: Boxes, size: Boxes, canvas: tuple[int, int]) -> Boxes:
    """Places for a label (width, height) at a box, the best first, none of which leaves the canvas where that is wide enough."""
    (x1, y1, x2, y2), (width, height) = box.tolist(), size.tolist()
    corners = [(x1, y1 - height), (x2 - width, y1 - height), (x1, y2), (x2 - width, y2), (x1, y1), (x2 - width, y2 - height)]
    most = np.maximum(np.array(canvas) - 1 - size, 0)
    starts = np.clip(np.array(corners), 0, most)
    return np.concatenate([starts, starts + size], axis=1)


def overlap_areas(places: Boxes, others: Boxes) -> NDArray[np.float64]:
    """How many pixels of other labels each place would hide."""
    low = np.maximum(places[:, None, :2], others[None, :, :2])
    high = np.minimum(places[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(-1).sum(-1))
