"""The page as one file: built from its view model by Jinja2, which escapes whatever it is given."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from parity.backends.weight_files import size_in_bytes
from parity.display import display, display_whole
from parity.errors import ParityError
from parity.exhibits import Exhibit
from parity.report.gallery import MOST_IMAGES, Gallery, Picture, gallery
from parity.report.output import write_text
from parity.report.overlays import Kind
from parity.report.page import Page, page
from parity.report.thumbnails import Thumbnail, thumbnail
from parity.request import GateRequest
from parity.spec import ExifPolicy
from parity.verdict import Result

LARGEST_PAGE = 4_600_000  # bytes: some pictures are larger than their room however small they are made, and 5 MB is what may be mailed
LEAST_ROOM = 6_000  # characters of a picture: the smallest of most photos
TEMPLATE, STYLE, SCRIPT = "report.html.j2", "report.css", "report.js"


def write_report(target: Path, request: GateRequest, result: Result, exhibits: Sequence[Exhibit]) -> str:
    """Write the page, and say where it is and how many images are on it."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    sizes = file_sizes(result)

    def build(shown: Gallery) -> str:
        return render(page(request, result, exhibits, shown=shown, sizes=sizes, made=made))

    text, shown = fitted(exhibits, build)
    write_text(text, target)
    total = len(shown.figures) + shown.left_out
    return f"report written: {display(target)}, with {len(shown.figures)} of {total} images"


def fitted(exhibits: Sequence[Exhibit], build: Callable[[Gallery], str], *, largest: int = LARGEST_PAGE) -> tuple[str, Gallery]:
    """The page with as many images as fit: what is no picture is built first, and the pictures share what room it leaves."""
    most = min(MOST_IMAGES, sum(len(exhibit.images) for exhibit in exhibits))
    while True:
        bare = len(build(gallery(exhibits, most=most, picture=blank)).encode())
        room = (largest - bare) // max(most, 1)
        if room >= LEAST_ROOM or most <= 1:
            shown = gallery(exhibits, most=most, picture=within(room))
            return build(shown), shown
        most //= 2


def blank(path: Path, exif: ExifPolicy) -> Thumbnail:
    """No picture, but the length of one: coordinates as long as they will be."""
    del path, exif
    return Thumbnail("", 560, 560, 0.875)


def within(room: int) -> Picture:
    """Thumbnails of at most so many characters."""

    def picture(path: Path, exif: ExifPolicy) -> Thumbnail:
        return thumbnail(path, exif=exif, room=room)

    return picture


def file_sizes(result: Result) -> dict[str, int]:
    """Bytes of the model files that are there, by path."""
    paths = {result.reference.path, *(config.candidate.path for config in result.configs if config.candidate.kind == "model")}
    return {path: size for path in paths if (size := bytes_of(Path(path))) is not None}


def bytes_of(path: Path) -> int | None:
    """The size of a model file with its weights, ``None`` where there is none to tell."""
    try:
        return size_in_bytes(path) if path.is_file() else None
    except (ParityError, OSError):
        return None


def render(content: Page) -> str:
    """The page as text."""
    style, script = (asset(name) for name in (STYLE, SCRIPT))
    template = environment().get_template(TEMPLATE)
    return template.render(page=content, kinds=tuple(Kind), style=style, script=script, policy=policy(style, script))


@cache
def environment() -> Environment:
    """Jinja2 that escapes everything, knows every name it is asked for, and shows what could act on a reader as an escape."""
    return Environment(
        loader=PackageLoader("parity.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def printable(value: object) -> object:
    """Text without control and bidirectional characters, whole; what was marked as safe stays."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return display_whole(value)


def asset(name: str) -> Markup:
    """A style sheet or script of ours, which is not escaped."""
    return Markup((files("parity.report") / "templates" / name).read_text(encoding="utf-8"))  # noqa: S704 - no text of others


def policy(style: str, script: str) -> str:
    """What the page may do: show its own pictures, take its own style and run its own script, each named by its digest."""
    return (
        f"default-src 'none'; img-src data:; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """The source expression of an inline text (CSP level 2)."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
