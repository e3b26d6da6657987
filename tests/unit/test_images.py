"""What the reader of pictures accepts, and how it refuses the rest."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from parity.errors import BadInput, ResourceLimit
from parity.images import image_size, read_ahead, read_image
from parity.spec import ExifPolicy

FIXTURES = Path(__file__).parents[2] / "fixtures" / "shapes" / "images" / "val"
EXIF_IMAGE = FIXTURES / "exif_orientation_6.jpg"
NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")


def write_picture(path: Path, kind: str = "JPEG", orientation: int = 1, **options: object) -> Path:
    """A 20 x 30 picture, saved by Pillow with an orientation where the format has one."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    tags = {} if kind in {"BMP", "GIF"} else {"exif": exif}
    Pillow.fromarray(NOISE).save(path, kind, **tags, **options)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first share of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def png_of_size(height: int, width: int) -> bytes:
    """A PNG that declares a size and holds nothing."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)


def jpeg_with_thumbnail() -> bytes:
    """A JPEG whose EXIF block holds a whole JPEG, end marker included."""
    small = cv2.imencode(".jpg", NOISE)[1].tobytes()
    block = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00" + small
    return small[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + small[2:]


@pytest.mark.parametrize("name", ["val_0000.jpg", "small.png", "gray.jpg", "exif_orientation_6.jpg", "portrait (odd pad).jpg"])
def test_pixels_are_those_of_ultralytics(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apart from the channel order, which is ours."""
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setenv("YOLO_AUTOINSTALL", "false")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    patches = pytest.importorskip("ultralytics.utils.patches")
    np.testing.assert_array_equal(read_image(FIXTURES / name), patches.imread(str(FIXTURES / name))[..., ::-1])


@pytest.mark.parametrize(("suffix", "values"), [(".png", 65536), (".tif", 65536), (".tif", 256)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_deep_and_transparent_pixels_are_those_of_ultralytics(
    suffix: str, values: int, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen bits become their high byte; transparency is dropped."""
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setenv("YOLO_AUTOINSTALL", "false")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    patches = pytest.importorskip("ultralytics.utils.patches")
    path = tmp_path / f"deep{suffix}"
    pixels = np.random.default_rng(1).integers(0, values, (20, 30, channels)).astype(np.uint16 if values > 256 else np.uint8)
    cv2.imwrite(str(path), pixels)
    np.testing.assert_array_equal(read_image(path), np.broadcast_to(patches.imread(str(path)), (20, 30, 3))[..., ::-1])


def test_channels_are_red_green_blue(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Pillow.new("RGB", (4, 3), (250, 20, 10)).save(path)
    assert read_image(path)[0, 0].tolist() == [250, 20, 10]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_from_the_header_is_the_size_of_the_upright_pixels(kind: str, orientation: int, tmp_path: Path) -> None:
    path = write_picture(tmp_path / "turned", kind, orientation)
    assert image_size(path) == read_image(path).shape[:2]


def test_orientation_can_be_ignored() -> None:
    applied, ignored = read_image(EXIF_IMAGE), read_image(EXIF_IMAGE, exif=ExifPolicy.IGNORE)
    np.testing.assert_array_equal(applied, np.rot90(ignored, k=-1))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_file_is_read_whatever_its_suffix(kind: str, tmp_path: Path) -> None:
    assert read_image(write_picture(tmp_path / "picture.jpg", kind)).shape == (20, 30, 3)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.99])
def test_a_cut_file_is_refused(kind: str, share: float, tmp_path: Path) -> None:
    path = cut(write_picture(tmp_path / "cut.jpg", kind), share)
    with pytest.raises(BadInput, match=r"cut\.jpg"):
        read_image(path)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}, {"quality": 100}, {"comment": b"\xff\xd9"}])
def test_unusual_whole_jpegs_are_read(options: dict[str, object], tmp_path: Path) -> None:
    assert read_image(write_picture(tmp_path / "a.jpg", **options)).shape == (20, 30, 3)


def test_a_progressive_jpeg_cut_between_its_scans_is_refused(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "cut.jpg", progressive=True)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\xff\xda")])
    with pytest.raises(BadInput, match=r"cut\.jpg: this JPEG is truncated"):
        read_image(path)


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(jpeg_with_thumbnail()[:-2])
    with pytest.raises(BadInput, match=r"cut\.jpg: this JPEG is truncated"):
        read_image(path)


def test_a_thumbnail_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "whole.jpg"
    path.write_bytes(jpeg_with_thumbnail())
    assert read_image(path).shape == (20, 30, 3)


def test_bytes_after_the_end_of_a_jpeg_are_accepted_and_left_alone(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "junk.jpg")
    content = path.read_bytes() + b"junk \xff\xc0 junk"
    path.write_bytes(content)
    assert read_image(path).shape == (20, 30, 3)
    assert path.read_bytes() == content


def test_a_png_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "flipped.png", "PNG")
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"flipped\.png: this PNG is truncated or damaged"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><title>404</title>", "HTML"),
        (b"\n  <html lang=en>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS"),
        (b"\x00\x00\x00\x18ftypheic", "HEIF"),
        (b"hello world", "is not an image"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\xff\xd8\xff\xd9", "no pixels"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"BM", "damaged header"),
        (b"II*\x00\xff\xff\xff\x7f", "damaged header"),
        (b"GIF89a", "damaged header"),
        (b"RIFF\x00\x00\x00\x00WEBP", "damaged header"),
    ],
)
@pytest.mark.parametrize("read", [read_image, image_size])
def test_what_is_no_image_is_named(content: bytes, said: str, read: object, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=rf"photo\.jpg: .*{said}(.|\n)*next: ") as caught:
        read(path)
    assert caught.value.exit_code == 10


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused(kind: str, tmp_path: Path) -> None:
    path = write_picture(tmp_path / "moving", kind, save_all=True, append_images=[Pillow.fromarray(255 - NOISE)])
    with pytest.raises(BadInput, match=r"moving: has several frames; found 2"):
        read_image(path)


@pytest.mark.parametrize(("height", "width"), [(8001, 8000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("read", [read_image, image_size])
def test_a_picture_above_64_megapixels_is_refused_before_it_is_decoded(height: int, width: int, read: object, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(height, width))
    with pytest.raises(ResourceLimit, match=rf"bomb\.png: is too large; found {height}x{width} pixels") as caught:
        read(path)
    assert caught.value.exit_code == 13


def test_an_image_whose_pixels_are_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hollow.png"
    path.write_bytes(png_of_size(20, 30))
    with pytest.raises(BadInput, match=r"hollow\.png: this PNG cannot be decoded; found nothing; expected 20x30"):
        read_image(path)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (9, 9, 3)])
def test_small_and_thin_pictures_are_read(shape: tuple[int, int, int], tmp_path: Path) -> None:
    path = tmp_path / "thin.png"
    Pillow.fromarray(np.zeros(shape, np.uint8)).save(path)
    assert read_image(path).shape == shape


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadInput, match=r"pipe\.jpg: is not a regular file"):
        read_image(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("name", ["missing.jpg", "a" * 300])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=name[:50]):
        read_image(tmp_path / name)


def test_a_hostile_file_name_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[31m\u202e.jpg"
    path.write_bytes(b"")
    with pytest.raises(BadInput, match=re.escape(r"a\n\x1b[31m\u202e.jpg: is empty")):
        read_image(path)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_bytes_give_a_picture_or_an_error_of_ours(seed: int, tmp_path: Path) -> None:
    """Never another exception; the outcome is told by the size that is promised."""
    random = np.random.default_rng(seed)
    path = write_picture(tmp_path / "damaged", FORMATS[seed % len(FORMATS)])
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    data[random.integers(0, min(len(data), 400), 5)] = random.integers(0, 256, 5)
    path.write_bytes(data.tobytes())
    assert promised(path)


def promised(path: Path) -> bool:
    """Whether a file is refused, or gives the size that its header says."""
    try:
        return read_image(path).shape[:2] == image_size(path)
    except (BadInput, ResourceLimit):
        return True


def test_reading_ahead_passes_the_orientation_policy_on() -> None:
    (image,) = read_ahead([EXIF_IMAGE], exif=ExifPolicy.IGNORE)
    np.testing.assert_array_equal(image, read_image(EXIF_IMAGE, exif=ExifPolicy.IGNORE))


def test_an_error_comes_at_its_place(tmp_path: Path) -> None:
    stream = read_ahead([EXIF_IMAGE, tmp_path / "missing.jpg", EXIF_IMAGE])
    assert next(stream).ndim == 3
    with pytest.raises(BadInput, match=r"missing\.jpg"):
        next(stream)
