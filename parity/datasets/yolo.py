"""Ultralytics' data.yaml with its label files: read as data only, so a ``download`` script never runs and no ``.cache`` is touched.

Ultralytics drops an image whose labels it dislikes with a line in the log; here each such row is an error with its line number.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.datasets.base import EVERYTHING, Category, Dataset, Sample, Truth, refuse
from parity.datasets.folder import Listing, list_images, numbered, regular_files
from parity.display import display
from parity.errors import BadInput
from parity.images import IMAGE_SUFFIXES, image_size
from parity.plain_text import read_text, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST_LABELS = 100_000_000  # bytes of one label file
SPLITS = ("val", "validation", "test")
COLUMNS = 5
POLYGON = 7  # the fewest columns of a polygon: class and three points
SMALLEST = 1e-9  # a width below it vanishes in float64 pixels
TOLERANCE = 0.01  # coordinates may leave 0 to 1 by this much, as in ultralytics.data.utils.verify_image_label
NAMES = "names: a list of distinct strings, or a mapping from 0, 1, 2 … to them"
ROW = "rows of: class, centre x, centre y, width, height (or class, x1, y1, x2, y2, x3, y3 …), as shares of the image"


@dataclass(frozen=True, slots=True)
class Labels:
    """The rows of one label file: class index and normalised centre and size; how many duplicates were left out, how many were polygons."""

    rows: tuple[tuple[float, ...], ...]
    duplicates: int = 0
    polygons: int = 0


def open_yolo(path: Path, *, sample: Sample = EVERYTHING, allow_missing_labels: bool = False) -> Dataset:
    """The validation split of an Ultralytics data.yaml."""
    config = read_yaml(path, kind="a data.yaml", expected="keys path, val, names")
    categories = read_categories(config, source=path)
    split = next((key for key in SPLITS if config.get(key)), None)
    if split is None:
        raise BadInput(
            "has no val split", file=path, found=", ".join(map(str, config)), expected="val: a folder", next_step="add a val: line"
        )
    places = split_places(config, split, source=path)
    listing = list_split(places)
    root = common_root(places, listing)
    truths, notes = read_truths(listing.paths, classes=len(categories), source=path, allow_missing=allow_missing_labels)
    return Dataset.sampled(
        sample,
        name=path.resolve().parent.name if path.stem == "data" else path.stem,
        kind="yolo",
        categories=categories,
        images=numbered(listing.paths, root=root),
        truths=truths,
        notes=(*config_notes(config, split), *listing.notes, *notes),
        root=root,
    )


def read_categories(config: dict[Any, Any], *, source: Path) -> tuple[Category, ...]:
    """The classes in index order."""
    names = class_names(config.get("names"))
    number = config.get("nc", len(names))
    wrong = next((name for name in names if not isinstance(name, str) or not name.strip()), "")
    twice = next((name for name in names if names.count(name) > 1), None)
    checks = (
        (not names, "has no class names, or their indices have gaps", repr(config.get("names")), "add names: in index order, from 0"),
        (wrong != "", "a class name is not a string", f"{wrong!r}, a {type(wrong).__name__}", "quote class names such as no, on, 012"),
        (twice is not None, "a class name is given twice", repr(twice), "rename one of them"),
        (number != len(names), "nc does not fit names", f"nc {number!r} and {len(names)} names", "correct nc:, or leave it out"),
    )
    for refused, problem, found, fix in checks:
        if refused:
            raise BadInput(problem, file=source, found=found, expected=NAMES, next_step=fix)
    return tuple(Category(i, name) for i, name in enumerate(names))


def class_names(given: object) -> list[Any]:
    """The class names in index order as they came; none when they are no list, and no mapping from 0, 1, 2 …."""
    if isinstance(given, dict):
        indices = [key for key in given if type(key) is int]
        return [given[i] for i in sorted(indices)] if set(given) == set(range(len(given))) == set(indices) else []
    return given if isinstance(given, list) else []


def split_places(config: dict[Any, Any], split: str, *, source: Path) -> tuple[Path, ...]:
    """The folders and lists of a split; relative to ``path``, which is relative to the YAML's own folder."""
    base, given = config.get("path") or ".", config[split]
    entries = given if isinstance(given, list) else [given]
    wrong = next((entry for entry in (base, *entries) if not isinstance(entry, str) or "\x00" in entry), None)
    if wrong is not None:
        raise BadInput(
            f"path and {split} must be text", file=source, found=repr(wrong), expected="a folder or a .txt file", next_step="quote it"
        )
    root = (source.absolute().parent / base).resolve()
    return tuple(find_place(root, entry, source=source) for entry in entries)


def find_place(root: Path, entry: str, *, source: Path) -> Path:
    """An entry's place; ``../valid`` also beside the file, because Roboflow exports say that and Ultralytics takes it."""
    tried = [(root / entry).resolve(), (root / entry.removeprefix("../")).resolve()]
    for place in tried:
        if place.is_dir() or (place.is_file() and place.suffix == ".txt"):
            return place
    raise BadInput(
        "its images are not there",
        file=source,
        found=f"no folder or .txt list {tried[0]}",
        expected="path: relative to this file, or absolute (nothing is downloaded)",
        next_step="correct path:, or download the data set first",
    )


def list_split(places: Sequence[Path]) -> Listing:
    """The images of all places, sorted; one that is listed twice is an error."""
    listings = [list_images(place) if place.is_dir() else read_list(place) for place in places]
    paths = sorted((path for listing in listings for path in listing.paths), key=Path.as_posix)
    twice = next((a for a, b in pairwise(paths) if a == b), None)
    if twice is not None:
        raise BadInput("is listed twice", file=twice, expected="each image once", next_step="make the split's folders and lists disjoint")
    return Listing(tuple(paths), tuple(note for listing in listings for note in listing.notes))


def read_list(path: Path) -> Listing:
    """The images named by a text file, one a line, absolute or relative to it."""
    lines = [line.strip() for line in read_text(path, largest=LARGEST_LABELS).splitlines()]
    paths = [Path(os.path.normpath(path.parent / line)) for line in lines if line]
    images = [image for image in paths if image.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise BadInput("0 images", file=path, found=f"{len(paths)} lines", expected="one image path a line", next_step="correct the list")
    notes = (f"{len(paths) - len(images)} lines of {path.name} are not images",) if len(paths) > len(images) else ()
    return Listing(regular_files(images), notes)


def common_root(places: Sequence[Path], listing: Listing) -> Path:
    """The deepest folder that holds the whole split."""
    folders = [place for place in places if place.is_dir()]
    tops = folders if len(folders) == len(places) else [*folders, *(path.parent for path in listing.paths)]
    return Path(os.path.commonpath(tops))


def read_truths(paths: Sequence[Path], *, classes: int, source: Path, allow_missing: bool) -> tuple[list[Truth] | None, tuple[str, ...]]:
    """The truth of each image and what to note; an image without a label file is background, unless none has one."""
    files = [label_path(path) for path in paths]
    present = [os.path.lexists(file) for file in files]  # a broken link is not background
    if not any(present):
        if allow_missing:
            return None, ("no image has a label file",)
        raise BadInput(
            f"none of {len(paths)} images has a label file",
            file=source,
            found=f"no {files[0]}",
            expected="labels/… beside images/…",
            next_step="put the labels there, or allow missing labels to compare without AP",
        )
    labels = [read_labels(file, classes=classes) if there else Labels(()) for file, there in zip(files, present, strict=True)]
    truths = [truth_of(label, path) for label, path in zip(labels, paths, strict=True)]
    return truths, label_notes(labels, missing=present.count(False))


def label_notes(labels: Sequence[Labels], *, missing: int) -> tuple[str, ...]:
    """What to note about the label files of a data set."""
    counts = (
        (missing, "images without a label file: taken as background"),
        (sum(label.polygons for label in labels), "polygon labels were taken by their bounding boxes"),
        (sum(label.duplicates for label in labels), "duplicate label rows left out"),
    )
    return tuple(f"{count} {what}" for count, what in counts if count)


def label_path(image: Path) -> Path:
    """Where Ultralytics looks for an image's labels: the last folder ``images`` becomes ``labels``."""
    head, found, tail = str(image).rpartition(f"{os.sep}images{os.sep}")
    return Path(f"{head}{os.sep}labels{os.sep}{tail}" if found else image).with_suffix(".txt")


def read_labels(path: Path, *, classes: int) -> Labels:
    """The rows of one label file; all malformed rows are named with their line."""
    lines = [(i, line.split()) for i, line in enumerate(read_text(path, largest=LARGEST_LABELS).splitlines(), start=1) if line.strip()]
    problems = [f"line {i}: {problem}" for i, cells in lines for problem in row_problems(cells, classes)]
    refuse(problems, file=path, expected=ROW, next_step="correct these lines")
    rows = [tuple(map(float, cells)) for _, cells in lines]
    distinct = dict.fromkeys(rows)  # distinct polygons may share a box, and Ultralytics keeps them
    return Labels(tuple(map(box_row, distinct)), len(rows) - len(distinct), sum(len(row) != COLUMNS for row in rows))


def box_row(row: Sequence[float]) -> tuple[float, ...]:
    """Class, centre and size; a polygon's are those of its bounding box, as in ultralytics.utils.ops.segments2boxes."""
    if len(row) == COLUMNS:
        return tuple(row)
    left, right, top, bottom = min(row[1::2]), max(row[1::2]), min(row[2::2]), max(row[2::2])
    return row[0], (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def row_problems(cells: list[str], classes: int) -> Iterator[str]:
    """What is wrong with one row; at most one problem."""
    text = display(" ".join(cells)[:80])
    if len(cells) != COLUMNS and (len(cells) < POLYGON or len(cells) % 2 == 0):
        yield f"{len(cells)} columns ({text}), not {COLUMNS}, or {POLYGON}, 9, 11 … of a polygon"
        return
    try:
        index, *values = map(float, cells)
    except ValueError:
        yield f"not numbers: {text}"
        return
    if not all(map(math.isfinite, (index, *values))):
        yield f"not finite: {text}"
    elif index not in range(classes):
        yield f"class {cells[0]} is not one of 0 to {classes - 1}"
    elif not all(-TOLERANCE <= value <= 1 + TOLERANCE for value in values):
        yield f"not normalised to 0 … 1 (pixels?): {text}"
    elif min(box_row([index, *values])[3:]) < SMALLEST:
        yield f"no width or no height: {text}"


def truth_of(labels: Labels, image: Path) -> Truth:
    """Normalised rows as boxes in pixels of the upright image."""
    height, width = image_size(image)
    rows = np.array(labels.rows, np.float64).reshape(-1, COLUMNS)
    centre, size = rows[:, 1:3] * (width, height), rows[:, 3:5] * (width, height)
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    return Truth(boxes, rows[:, 0].astype(np.int64), size.prod(axis=1), np.zeros(len(rows), np.bool_))


def config_notes(config: dict[Any, Any], split: str) -> tuple[str, ...]:
    """What was ignored or chosen."""
    scripts = [key for key in ("download", "autodownload") if config.get(key)]
    notes = [f"{key}: ignored, nothing is downloaded or run" for key in scripts]
    return tuple(notes if split != "test" else [*notes, "no val split: the test split is used"])
