"""A folder with ``dataset.jsonl``, one JSON object for each image of all splits, and the images in ``data/``.

A bad line is named by its number, and the units of boxes are never guessed: a share read as a pixel would make every AP 0.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from parity import wire
from parity.datasets.base import EVERYTHING, SHOWN_PROBLEMS, Category, Dataset, DatasetImage, Sample, Truth, refuse
from parity.datasets.records import is_finite, is_id, is_text, refuse_link_out, refuse_unsafe_name, shown
from parity.datasets.yolo import TOLERANCE
from parity.display import display
from parity.errors import BadInput, ResourceLimit
from parity.images import image_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Record: TypeAlias = dict[str, Any]

JSONL_NAME = "dataset.jsonl"
IMAGE_FOLDER = "data"
TEST = "test"
UNITS = ("pixels", "normalised")
LARGEST_LINE = 16 * 2**20  # bytes: 200 000 boxes on one image
MOST_PROBLEMS = 1000  # where reading stops, so that a gigabyte of something else does not become a message a line
EXPECTED = f"a folder that holds {JSONL_NAME} and {IMAGE_FOLDER}/"
LINE = "a line for each image: image, width, height, split, box_units, boxes, labels"
FIX = f"correct these lines (reading stops after {MOST_PROBLEMS} problems)"
NAME_FIX = f"name the image by its path below {IMAGE_FOLDER}/, with forward slashes"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """What one line says; ``size`` is (height, width), ``boxes`` (n, 4) are xyxy in pixels, ``None`` on a line without the key."""

    number: int
    image: str
    split: str
    size: tuple[int, int]
    boxes: NDArray[np.float64] | None
    labels: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where this is said."""
        return f"line {self.number}"


def open_jsonl(path: Path, *, split: str = TEST, sample: Sample = EVERYTHING, allow_missing_labels: bool = False) -> Dataset:
    """One split of a ``dataset.jsonl``, given by its folder or itself; the categories are those of all splits, sorted by name."""
    source = jsonl_file(path)
    lines = read_lines(source)
    chosen = lines_of(split, lines, source=source)
    categories = tuple(Category(i, name) for i, name in enumerate(sorted({name for line in lines for name in line.labels}), start=1))
    return Dataset.sampled(
        sample,
        name=source.parent.resolve().name,
        kind="jsonl",
        categories=categories,
        images=find_images(chosen, source=source),
        truths=truths_of(chosen, categories) if is_labelled(chosen, categories, source, allow_missing=allow_missing_labels) else None,
        notes=(f"the split {shown(split)} of {JSONL_NAME}",),
        root=source.parent / IMAGE_FOLDER,
    )


def first_image(path: Path) -> Path:
    """The image of the first line, whatever its split; no other line is read."""
    source = jsonl_file(path)
    return find_images(read_lines(source, most=1), source=source)[0].path


def jsonl_file(path: Path) -> Path:
    """The file of a data set that is given by its folder or by the file itself; a pipe would block for ever."""
    source = path / JSONL_NAME if path.is_dir() else path
    try:
        status = source.stat()
    except OSError as failure:
        found, fix = failure.strerror, "check the path"
        raise BadInput("cannot be read", file=source, found=found, expected=EXPECTED, next_step=fix) from None
    if not stat.S_ISREG(status.st_mode):
        found = stat.filemode(status.st_mode)
        raise BadInput("is not a regular file", file=source, found=found, expected=EXPECTED, next_step="check the path")
    if status.st_size > wire.LARGEST_FILE:
        limit = f"at most {wire.LARGEST_FILE} bytes"
        raise ResourceLimit("is too large", file=source, found=f"{status.st_size} bytes", expected=limit, next_step="split the data set")
    return source


def read_lines(source: Path, *, most: int | None = None) -> list[Line]:
    """The lines that are not blank, or the first ``most`` of them; all bad ones are named."""
    lines: list[Line] = []
    problems: list[str] = []
    for number, content in islice(written_lines(source), most):
        record, wrong = parse_line(content, number=number)
        problems += wrong
        lines += [] if wrong else [line_of(record, number=number, source=source)]
        if len(problems) >= MOST_PROBLEMS:
            break
    refuse([*problems, *list_problems(lines)], file=source, expected=LINE, next_step=FIX)
    if not lines:
        raise BadInput("0 images", file=source, expected=LINE, next_step="write a line for each image")
    return lines


def written_lines(source: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number from 1."""
    try:
        with source.open("rb") as file:
            for number, content in enumerate(iter(partial(file.readline, LARGEST_LINE + 1), b""), start=1):
                if len(content) > LARGEST_LINE:
                    limit = f"at most {LARGEST_LINE} bytes"
                    raise ResourceLimit(f"line {number} is too long", file=source, expected=limit, next_step="write one image a line")
                if content.strip():
                    yield number, content
    except OSError as failure:
        raise BadInput("cannot be read", file=source, found=failure.strerror, next_step="check the file and its permissions") from None


def parse_line(content: bytes, *, number: int) -> tuple[Any, list[str]]:
    """What a line holds, and the first of what is wrong with it."""
    try:
        record = wire.parse(content, source=f"line {number}")
    except BadInput as failure:
        return None, [str(failure)]
    return record, [f"line {number}: {problem}" for problem in islice(record_problems(record), SHOWN_PROBLEMS)]


def record_problems(record: object) -> Iterator[str]:
    """What is wrong with the object of one line."""
    if not isinstance(record, dict):
        yield f"is not an object, found {shown(record)}"
        return
    for key in ("image", "split"):
        if not is_text(record.get(key)):
            yield f"{key} must be text, found {given(record, key)}"
    for key in ("width", "height"):
        if not is_size(record.get(key)):
            yield f"{key} must be a whole number of pixels above 0, found {given(record, key)}"
    boxes, labels = record.get("boxes", []), record.get("labels", [])
    if not isinstance(boxes, list) or not isinstance(labels, list):
        yield f"boxes and labels must be lists, found {shown(boxes)} and {shown(labels)}"
        return
    if len(boxes) != len(labels):
        yield f"{len(boxes)} boxes but {len(labels)} labels"
    yield from unit_problems(record)
    yield from label_problems(labels)
    yield from box_problems(record, boxes)


def unit_problems(record: Record) -> Iterator[str]:
    """Whether the units of the boxes are said; where there is no box they need not be."""
    if (record.get("boxes") or "box_units" in record) and record.get("box_units") not in UNITS:
        yield f"box_units must be {' or '.join(map(repr, UNITS))}, found {given(record, 'box_units')}"


def label_problems(labels: Sequence[object]) -> Iterator[str]:
    """What is wrong with the class names of one line."""
    for i, label in enumerate(labels):
        if not is_text(label):
            yield f"labels[{i}] must be the name of a class (not its number), found {shown(label)}"


def box_problems(record: Record, boxes: Sequence[object]) -> Iterator[str]:
    """What is wrong with the boxes of one line, if it says what their numbers mean."""
    if not (is_size(record.get("width")) and is_size(record.get("height")) and record.get("box_units") in UNITS):
        return
    for i, box in enumerate(boxes):
        if not isinstance(box, list) or len(box) != len("xyxy"):
            yield f"boxes[{i}] must be 4 numbers x1, y1, x2, y2, found {shown(box)}"
        elif not all(map(is_finite, box)):
            yield f"boxes[{i}] must be finite numbers, found {shown(box)}"
        elif problem := misplaced(in_pixels(box, record), record):
            yield f"boxes[{i}] {problem}, found {shown(box)}"


def misplaced(box: Sequence[float], record: Record) -> str | None:
    """Why a box in pixels cannot be on the record's image, ``None`` if it can; it may stand out a little, as in a data.yaml."""
    width, height, units = record["width"], record["height"], record["box_units"]
    x1, y1, x2, y2 = box
    shares = (x1 / width, y1 / height, x2 / width, y2 / height)
    if not all(-TOLERANCE <= share <= 1 + TOLERANCE for share in shares):
        return f"leaves the image of {width} x {height} pixels" if units == "pixels" else "is not normalised to 0 … 1 (pixels?)"
    if not (x1 < x2 and y1 < y2):
        return "must have x1 below x2 and y1 below y2 (x, y, width, height?)"
    if units == "pixels" and max(box) <= 1 < max(width, height):
        return "lies within one pixel (normalised?)"
    return None


def in_pixels(box: Sequence[float], record: Record) -> list[float]:
    """A valid record's box in pixels."""
    scale = (record["width"], record["height"]) * 2 if record["box_units"] == "normalised" else (1,) * 4
    return [float(value) * side for value, side in zip(box, scale, strict=True)]


def is_size(value: object) -> bool:
    """Whether a value is the side of an image in pixels."""
    return isinstance(value, int) and is_id(value) and value > 0


def given(record: Record, key: str) -> str:
    """What a record says of ``key``, for a message."""
    return shown(record[key]) if key in record else "none"


def line_of(record: Record, *, number: int, source: Path) -> Line:
    """A valid record as a line; its image below ``data/``, with or without that prefix."""
    place, below = PurePosixPath(record["image"]), PurePosixPath(IMAGE_FOLDER)
    refuse_unsafe_name(record["image"], what=f"line {number}: image", source=source, next_step=NAME_FIX, forbidden="\x00\\")
    boxes = np.array([in_pixels(box, record) for box in record["boxes"]], np.float64).reshape(-1, 4) if "boxes" in record else None
    image = str(place.relative_to(below) if below in place.parents else place)
    return Line(number, image, record["split"], (record["height"], record["width"]), boxes, tuple(record.get("labels", ())))


def list_problems(lines: Sequence[Line]) -> Iterator[str]:
    """What is wrong between lines: an image twice in a split, or boxes on some lines of a split only."""
    labelled = {line.split for line in lines if line.boxes is not None}
    first: dict[tuple[str, str], Line] = {}
    for line in lines:
        before = first.setdefault((line.split, line.image), line)
        if before is not line:
            yield f"{line.place}: image {shown(line.image)} is given twice in the split {shown(line.split)}, first on {before.place}"
        if line.boxes is None and line.split in labelled:
            yield f"{line.place}: no boxes, where other lines of its split have some: write [] for an image without objects"


def lines_of(split: str, lines: Sequence[Line], *, source: Path) -> list[Line]:
    """The lines of a split."""
    chosen = [line for line in lines if line.split == split]
    if not chosen:
        found = f"the splits {', '.join(sorted({repr(line.split) for line in lines}))}"
        fix = f'write "split": "{display(split)}" on the lines to use'
        raise BadInput(f"no line is of the split {shown(split)}", file=source, found=found, next_step=fix)
    return chosen


def find_images(lines: Sequence[Line], *, source: Path) -> list[DatasetImage]:
    """The images of the lines; each is a file that does not lie elsewhere."""
    root = source.parent / IMAGE_FOLDER
    real = root.resolve()
    missing = [line for line in lines if not os.path.isfile(root / line.image)]  # noqa: PTH113 - never raises
    problems = [f"{line.place}: no file {display(f'{IMAGE_FOLDER}/{line.image}')}" for line in missing]
    refuse(problems, file=source, expected=f"the images in {display(root)}", next_step="put them there, or correct the lines")
    for line in lines:
        refuse_link_out(line.image, root=real, what=f"{line.place}: image", source=source)
    refuse(wrong_sizes(lines, root), file=source, expected="width and height of the upright image", next_step="correct the lines")
    return [DatasetImage(i, line.image, root / line.image) for i, line in enumerate(lines, start=1)]


def wrong_sizes(lines: Sequence[Line], root: Path) -> list[str]:
    """What there is to say of lines whose size is not their image's: boxes in shares of it would all be wrong."""
    sizes = [image_size(root / line.image) for line in lines]
    return [
        f"{line.place}: says {line.size[1]} x {line.size[0]} px, the image has {size[1]} x {size[0]}"
        for line, size in zip(lines, sizes, strict=True)
        if line.size != size
    ]


def is_labelled(lines: Sequence[Line], categories: Sequence[Category], source: Path, *, allow_missing: bool) -> bool:
    """Whether the lines of a split say what is on their images, which they must unless ``allow_missing``."""
    labelled = bool(categories) and lines[0].boxes is not None
    if not labelled and not allow_missing:
        raise BadInput(
            f"no line of the split {shown(lines[0].split)} has boxes" if categories else "no line has a class name",
            file=source,
            expected=LINE,
            next_step="add boxes and labels, or allow missing labels to compare without AP",
        )
    return labelled


def truths_of(lines: Sequence[Line], categories: Sequence[Category]) -> list[Truth]:
    """One truth for each line."""
    ids = {category.name: category.id for category in categories}
    return [truth_of(line.boxes, [ids[name] for name in line.labels]) for line in lines if line.boxes is not None]


def truth_of(boxes: NDArray[np.float64], category_ids: Sequence[int]) -> Truth:
    """The truth of one image, without crowds."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return Truth(boxes, np.array(category_ids, np.int64), areas, np.zeros(len(boxes), np.bool_))
