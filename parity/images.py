"""The only reader of pictures: whole files only, decoded by OpenCV as Ultralytics decodes them, RGB out.

The header is read first, because the decoder is silent where a gate must not be: OpenCV returns a full-size, partly grey array for
a JPEG cut in half, and the first frame of an animation. JPEG and PNG headers are walked here, the rarer formats' by Pillow's plugin
classes, not by ``PIL.Image.open``: Ultralytics replaces that with a version that installs packages when it meets an unknown file.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, ImageFile, TiffImagePlugin, WebPImagePlugin

from parity.ahead import ahead
from parity.errors import BadInput, ResourceLimit
from parity.spec import ExifPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

Image: TypeAlias = NDArray[np.uint8]
"""An image: (height, width, 3), RGB, 0 to 255."""

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
"""The suffixes that make a file an image of a data set, as in Ultralytics; a format that is not read is then refused, not skipped."""

MOST_PIXELS = 64_000_000
LARGEST_FILE = 4 * MOST_PIXELS  # bytes: an uncompressed image of that size with an alpha channel
PLUGIN_ERRORS = (OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, struct.error, Warning)  # what Pillow raises
SUPPORTED = "a JPEG, PNG, BMP, WebP, TIFF or GIF image"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about its picture; ``height`` and ``width`` as stored, ``turned`` when the orientation swaps them."""

    height: int
    width: int
    turned: bool = False
    frames: int = 1
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Format:
    """A file format that is read: its first bytes, and its header's reader."""

    name: str
    magic: re.Pattern[bytes]
    header: Callable[[bytes], Header]


@dataclass(frozen=True, slots=True)
class Stranger:
    """A kind of file that is often found in an image's place, and what helps."""

    name: str
    magic: re.Pattern[bytes]
    next_step: str


def read_image(path: Path, *, exif: ExifPolicy = ExifPolicy.APPLY) -> Image:
    """Read a picture; one that is damaged, cut off, animated or too large is an error, never a guess."""
    return decode_image(read_file(path), path, exif=exif)


def decode_image(data: bytes, path: Path, *, exif: ExifPolicy = ExifPolicy.APPLY) -> Image:
    """The picture that a file's bytes are; the path is for what is said of a damaged one."""
    kind = recognise(data, path)
    header = read_header(data, kind, path)
    pixels = decode(data, kind, exif)
    expected = upright(header) if exif is ExifPolicy.APPLY else (header.height, header.width)
    if pixels is None or pixels.dtype != np.uint8 or pixels.shape != (*expected, 3):
        found = "nothing" if pixels is None else f"{pixels.shape} {pixels.dtype}"
        raise BadInput(
            f"this {kind.name} cannot be decoded",
            file=path,
            found=found,
            expected=f"{expected[0]}x{expected[1]} pixels of 8 bits, as its header says",
            next_step="export or download the image again",
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """The (height, width) in pixels of the upright picture, from its header; refuses what ``read_image`` refuses by header."""
    data = read_file(path)
    return upright(read_header(data, recognise(data, path), path))


def read_ahead(paths: Iterable[Path], *, exif: ExifPolicy = ExifPolicy.APPLY) -> Iterator[Image]:
    """Yield the pictures in order while threads decode a few ahead; an error is raised at its picture's place."""
    return ahead(partial(read_image, exif=exif), paths)


def read_file(path: Path) -> bytes:
    """The bytes of a regular file; anything else (a pipe would block for ever) is refused."""
    try:
        status = path.stat()
        regular = stat.S_ISREG(status.st_mode)
        data = path.read_bytes() if regular and status.st_size <= LARGEST_FILE else b""
    except OSError as failure:
        raise BadInput("cannot be read", file=path, found=failure.strerror, expected=SUPPORTED, next_step="check the path") from None
    if not regular:
        raise BadInput("is not a regular file", file=path, found=stat.filemode(status.st_mode), expected=SUPPORTED, next_step="remove it")
    if status.st_size > LARGEST_FILE:
        raise ResourceLimit("is too large", file=path, found=f"{status.st_size} bytes", expected=f"at most {LARGEST_FILE} bytes")
    if not data:
        raise BadInput("is empty (0 bytes)", file=path, expected=SUPPORTED, next_step="export or download the image again")
    return data


def recognise(data: bytes, path: Path) -> Format:
    """The format by the file's first bytes; its suffix may lie."""
    for kind in FORMATS:
        if kind.magic.match(data):
            return kind
    for stranger in STRANGERS:
        if stranger.magic.match(data):
            raise BadInput("is not an image that is read", file=path, found=stranger.name, expected=SUPPORTED, next_step=stranger.next_step)
    raise BadInput(
        "is not an image", file=path, found=f"a file that starts with {data[:12]!r}", expected=SUPPORTED, next_step="export it again"
    )


def read_header(data: bytes, kind: Format, path: Path) -> Header:
    """The checked header: one whole frame of an acceptable size."""
    again = "export or download the image again"
    try:
        header = kind.header(data)
    except PLUGIN_ERRORS as failure:
        raise BadInput(f"this {kind.name} has a damaged header", file=path, found=failure, expected=SUPPORTED, next_step=again) from None
    size = f"{header.height}x{header.width} pixels"
    if header.height * header.width > MOST_PIXELS:
        raise ResourceLimit("is too large", file=path, found=size, expected=f"at most {MOST_PIXELS} pixels", next_step="scale it down")
    if not header.complete:
        found = f"{len(data)} bytes without a valid end"
        raise BadInput(f"this {kind.name} is truncated or damaged", file=path, found=found, expected="a whole file", next_step=again)
    if header.height * header.width == 0:
        raise BadInput(f"this {kind.name} has no pixels", file=path, found=size, expected=SUPPORTED, next_step=again)
    if header.frames != 1:
        raise BadInput("has several frames", file=path, found=header.frames, expected="one picture a file", next_step="export one frame")
    return header


def upright(header: Header) -> tuple[int, int]:
    """The (height, width) once the orientation is applied."""
    return (header.width, header.height) if header.turned else (header.height, header.width)


def decode(data: bytes, kind: Format, exif: ExifPolicy) -> NDArray[np.generic] | None:
    """The BGR pixels as Ultralytics 8.4 gets them from OpenCV, ``None`` where it cannot."""
    encoded = np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if exif is ExifPolicy.IGNORE else 0)
    try:
        if kind.name == "TIFF":  # colour of 16 bits: the high byte, where IMREAD_COLOR rounds
            raw = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
            if raw is not None and raw.ndim == len("HWC"):
                return (raw[..., :3] >> 8).astype(np.uint8) if raw.dtype == np.uint16 else np.ascontiguousarray(raw[..., :3])
        return cv2.imdecode(encoded, flags)
    except cv2.error:
        return None


# Headers. ------------------------------------------------------------------------------------------------------------------------

JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")  # not: stuffing, restarts, fill bytes
JPEG_END = 0xD9
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the segments that hold the size
JPEG_APP1 = 0xE1
EXIF_PREFIX = b"Exif\x00\x00"
ORIENTATION_TAG = 0x0112
TURNED = range(5, 9)  # the orientations that swap height and width


def jpeg_header(data: bytes) -> Header:
    """The size and orientation of a JPEG; complete when its end marker is there, whatever follows it."""
    segments = list(jpeg_segments(data))
    frame = next((payload for marker, payload in segments if marker in JPEG_FRAMES), b"")
    exif = next((payload for marker, payload in segments if marker == JPEG_APP1 and payload.startswith(EXIF_PREFIX)), b"")
    complete = bool(segments) and segments[-1][0] == JPEG_END
    return Header(big_endian(frame[1:3]), big_endian(frame[3:5]), turned=is_turned(exif), complete=complete)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment, the end marker last; a thumbnail's end marker lies within a payload and is not seen."""
    at = 2
    while match := JPEG_MARKER.search(data, at):
        marker, start = match[1][0], match.end()
        length = 0 if marker == JPEG_END else big_endian(data[start : start + 2])
        yield marker, data[start + 2 : start + length]
        if marker == JPEG_END:
            return
        at = start + length


def png_header(data: bytes) -> Header:
    """The size, orientation and frames of a PNG; complete when every chunk's checksum holds up to the last."""
    chunks: dict[bytes, bytes] = {}
    for kind, body in png_chunks(data):
        chunks.setdefault(kind, body)
    header, animation = chunks.get(b"IHDR", b""), chunks.get(b"acTL", b"\x00\x00\x00\x01")
    return Header(
        height=big_endian(header[4:8]),
        width=big_endian(header[:4]),
        turned=is_turned(chunks.get(b"eXIf", b"")),
        frames=big_endian(animation[:4]),
        complete=b"IEND" in chunks,
    )


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk, up to the first that is cut off or whose checksum does not hold."""
    at = len(b"\x89PNG\r\n\x1a\n")
    while at < len(data):
        end = at + 8 + big_endian(data[at : at + 4])
        kind, body, checksum = data[at + 4 : at + 8], data[at + 8 : end], data[end : end + 4]
        if len(checksum) < len("CRC4") or zlib.crc32(body, zlib.crc32(kind)) != big_endian(checksum):
            return
        yield kind, body
        at = end + 4


def pillow_header(plugin: type[ImageFile.ImageFile]) -> Callable[[bytes], Header]:
    """A header reader that asks one Pillow plugin; a cut-off file of these formats is refused by OpenCV itself."""

    def header(data: bytes) -> Header:
        with plugin(BytesIO(data)) as opened:
            turned = is_turned(opened.info.get("exif", b""))  # a TIFF has none there: Pillow and OpenCV give it upright
            return Header(opened.height, opened.width, turned=turned, frames=getattr(opened, "n_frames", 1))

    return header


def is_turned(exif: bytes) -> bool:
    """Whether an EXIF block asks for a quarter turn; its first directory is all that OpenCV looks at."""
    tiff = exif.removeprefix(EXIF_PREFIX)
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    directory = number(4, 4)
    entries = range(directory + 2, min(directory + 2 + 12 * number(directory, 2), len(tiff)), 12)
    return any(number(entry, 2) == ORIENTATION_TAG and number(entry + 8, 2) in TURNED for entry in entries)


def big_endian(data: bytes) -> int:
    """An unsigned number; of missing bytes, 0."""
    return int.from_bytes(data, "big")


FORMATS = (
    Format("JPEG", re.compile(rb"\xff\xd8\xff"), jpeg_header),
    Format("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), png_header),
    Format("BMP", re.compile(rb"BM"), pillow_header(BmpImagePlugin.BmpImageFile)),
    Format("WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL), pillow_header(WebPImagePlugin.WebPImageFile)),
    Format("TIFF", re.compile(rb"II\*\x00|MM\x00\*"), pillow_header(TiffImagePlugin.TiffImageFile)),
    Format("GIF", re.compile(rb"GIF8[79]a"), pillow_header(GifImagePlugin.GifImageFile)),
)
STRANGERS = (
    Stranger("a Git LFS pointer", re.compile(rb"version https://git-lfs"), "fetch the file itself: git lfs pull"),
    Stranger("an HTML page", re.compile(rb"\s*<(!doctype html|html|head)", re.IGNORECASE), "download it again: a server sent this page"),
    Stranger("HEIF or AVIF", re.compile(rb".{4}ftyp", re.DOTALL), "convert it to JPEG or PNG"),
    Stranger("JPEG 2000", re.compile(rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51"), "convert it to JPEG or PNG"),
)
