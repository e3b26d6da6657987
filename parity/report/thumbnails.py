"""Pictures small enough to stand in a page: WebP as data URIs, of a size and quality that fit what room there is."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from parity.images import Image, read_image
from parity.spec import ExifPolicy

STEPS = ((560, 72), (480, 66), (400, 60), (320, 52), (240, 42), (160, 30))  # longer side in px, quality; the first that fits is taken
PREFIX = "data:image/webp;base64,"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture as a data URI, and what it takes to draw on it: its size in units, and units for one pixel of the image."""

    uri: str
    width: int
    height: int
    scale: float


def thumbnail(path: Path, *, exif: ExifPolicy, room: int) -> Thumbnail:
    """The largest of ``STEPS`` whose URI has at most ``room`` characters, or the smallest of all; drawn in the units of the first."""
    image = read_image(path, exif=exif)
    uri = ""
    for side, quality in STEPS:
        uri = encoded(image, side=side, quality=quality)
        if len(uri) <= room:
            break
    height, width = image.shape[:2]
    scale = STEPS[0][0] / max(height, width)
    return Thumbnail(uri, max(1, round(width * scale)), max(1, round(height * scale)), scale)


def encoded(image: Image, *, side: int, quality: int) -> str:
    """An RGB image (H, W, 3) as WebP whose longer side is at most ``side``."""
    height, width = image.shape[:2]
    shrink = min(1.0, side / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if shrink < 1 else image
    _, data = cv2.imencode(".webp", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    return PREFIX + b64encode(np.asarray(data).tobytes()).decode("ascii")
