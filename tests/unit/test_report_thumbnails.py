"""Pictures small enough for a page."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, WebPImagePlugin

from parity.report.thumbnails import PREFIX, STEPS, Thumbnail, thumbnail
from parity.spec import ExifPolicy

if TYPE_CHECKING:
    from pathlib import Path


def saved(folder: Path, *, height: int, width: int) -> Path:
    """An image of noise, which nothing compresses well."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)).save(folder / "noise.png")
    return folder / "noise.png"


def size_of(found: Thumbnail) -> tuple[int, int]:
    """The (width, height) that the data URI decodes to."""
    with WebPImagePlugin.WebPImageFile(BytesIO(b64decode(found.uri.removeprefix(PREFIX)))) as opened:
        return opened.size


def test_with_room_it_is_as_large_as_a_page_shows_it(tmp_path: Path) -> None:
    found = thumbnail(saved(tmp_path, height=600, width=1200), exif=ExifPolicy.APPLY, room=10_000_000)
    assert size_of(found) == (560, 280) == (found.width, found.height)
    assert found.scale == pytest.approx(560 / 1200)


def test_with_less_room_it_is_smaller_and_drawn_in_the_same_units(tmp_path: Path) -> None:
    found = thumbnail(saved(tmp_path, height=600, width=1200), exif=ExifPolicy.APPLY, room=30_000)
    assert len(found.uri) <= 30_000
    assert size_of(found)[0] < 560
    assert (found.width, found.height) == (560, 280)


def test_without_room_it_is_the_smallest(tmp_path: Path) -> None:
    found = thumbnail(saved(tmp_path, height=300, width=300), exif=ExifPolicy.APPLY, room=0)
    assert size_of(found) == (STEPS[-1][0], STEPS[-1][0])


def test_a_small_image_is_not_blown_up(tmp_path: Path) -> None:
    found = thumbnail(saved(tmp_path, height=30, width=20), exif=ExifPolicy.APPLY, room=10_000_000)
    assert size_of(found) == (20, 30)
    assert (found.width, found.height) == (373, 560)


def test_a_picture_lies_as_the_reference_reads_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    turned, stored = (thumbnail(tmp_path / "turned.jpg", exif=policy, room=10_000) for policy in (ExifPolicy.APPLY, ExifPolicy.IGNORE))
    assert (size_of(turned), size_of(stored)) == ((20, 40), (40, 20))
