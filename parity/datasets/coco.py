"""COCO instances: validated as a whole, because pycocotools takes NaN boxes, unknown ids and duplicates in silence.

A NaN box makes its AP 1.0, an annotation of an unknown image is dropped, a duplicate image id overwrites the first.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from parity import wire
from parity.datasets.base import EVERYTHING, Category, Dataset, DatasetImage, Sample, Truth, refuse
from parity.datasets.records import is_finite, is_id, is_text, refuse_link_out, refuse_unsafe_name, shown
from parity.display import display
from parity.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Record: TypeAlias = dict[str, Any]

EXPECTED = "an object with the lists images, annotations and categories"
FIX = "correct these records; https://cocodataset.org/#format-data has the format"
NAME_FIX = "make the names relative to one folder and give it with --images"


def open_coco(path: Path, *, images: Path | None = None, sample: Sample = EVERYTHING, allow_missing_labels: bool = False) -> Dataset:
    """A COCO instances file; ``images`` is the folder of its images, searched for when not given."""
    document = read_document(path, allow_missing_labels=allow_missing_labels)
    problems = [*category_problems(document), *image_problems(document), *annotation_problems(document)]
    refuse(problems, file=path, expected=EXPECTED, next_step=FIX)
    names = [record["file_name"] for record in document["images"]]
    refuse_unsafe_names(names, source=path)
    root = find_root(names, roots=possible_roots(path, images), source=path)
    refuse_links_out(root, names, source=path)
    return Dataset.sampled(
        sample,
        name=path.stem,
        kind="coco",
        categories=tuple(Category(record["id"], record["name"]) for record in document["categories"]),
        images=[DatasetImage(r["id"], r["file_name"], root / r["file_name"], group=group_of(r)) for r in document["images"]],
        truths=truths_of(document) if "annotations" in document else None,
        notes=default_notes(document),
        root=root,
    )


def group_of(record: dict[str, Any]) -> str | None:
    """The video that an image is a frame of, as COCO's video data sets have it."""
    video = record.get("video_id")
    return None if video is None else str(video)


def read_document(path: Path, *, allow_missing_labels: bool) -> dict[str, list[Any]]:
    """The three lists of the file; without labels, where that is allowed, ``annotations`` is missing."""
    document = wire.read_json(path, allow_nan=True)  # a NaN is then refused with its annotation's index
    if not isinstance(document, dict):
        found, hint = f"a {type(document).__name__}", "give an instances file; a list of predictions is no ground truth"
        raise BadInput("is not a COCO instances file", file=path, found=found, expected=EXPECTED, next_step=hint)
    keys = ["images", "categories"] + ["annotations"] * (not allow_missing_labels or "annotations" in document)
    for key in keys:
        if not isinstance(document.get(key), list):
            found = f"{key}: {type(document[key]).__name__}" if key in document else f"no {key}"
            raise BadInput("is not a COCO instances file", file=path, found=found, expected=EXPECTED, next_step="give an instances file")
    if not document["images"]:
        raise BadInput(
            "0 images", file=path, expected="at least one record in images", next_step="give an instances file that lists images"
        )
    return {key: document[key] for key in keys}


def category_problems(document: dict[str, list[Any]]) -> Iterator[str]:
    """What is wrong with the categories."""
    records = document["categories"]
    if not records:
        yield "categories is empty"
    for i, record in enumerate(records):
        if not (isinstance(record, dict) and is_id(record.get("id")) and is_text(record.get("name"))):
            yield f"categories[{i}]: needs an integer id and a name, found {shown(record)}"
    yield from duplicates("categories", "id", ids(records))
    yield from duplicates("categories", "name", texts(records, "name"))


def image_problems(document: dict[str, list[Any]]) -> Iterator[str]:
    """What is wrong with the image records."""
    records = document["images"]
    for i, record in enumerate(records):
        if not (isinstance(record, dict) and is_id(record.get("id")) and is_text(record.get("file_name"))):
            yield f"images[{i}]: needs an integer id and a file_name, found {shown(record)}"
    yield from duplicates("images", "id", ids(records))
    yield from duplicates("images", "file_name", (str(PurePosixPath(name)) for name in texts(records, "file_name")))


def annotation_problems(document: dict[str, list[Any]]) -> Iterator[str]:
    """What is wrong with the annotations, each with its index and id."""
    records = document.get("annotations", [])
    images, categories = set(ids(document["images"])), set(ids(document["categories"]))
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            yield f"annotations[{i}]: is not an object, found {shown(record)}"
            continue
        for problem in problems_of(record, images, categories):
            yield f"annotations[{i}] (id {shown(record.get('id'))}): {problem}"
    yield from duplicates("annotations", "id", ids(records))


def problems_of(record: Record, images: set[int], categories: set[int]) -> Iterator[str]:
    """What is wrong with one annotation."""
    image, category, crowd = record.get("image_id"), record.get("category_id"), record.get("iscrowd", 0)
    if not is_id(image) or image not in images:
        yield f"image_id {shown(image)} is no image's id"
    if not is_id(category) or category not in categories:
        yield f"category_id {shown(category)} is no category's id"
    if not (isinstance(crowd, int) and crowd in {0, 1}):
        yield f"iscrowd must be 0 or 1, found {shown(crowd)}"
    yield from box_problems(record.get("bbox"))
    if not (is_finite(area := record.get("area", 0)) and area >= 0):
        yield f"area must be a finite number, not negative, found {shown(area)}"


def box_problems(box: object) -> Iterator[str]:
    """What is wrong with an x, y, width, height box."""
    if not isinstance(box, list) or len(box) != len("xywh"):
        yield f"bbox must be 4 numbers x, y, width, height, found {shown(box)}"
    elif not all(map(is_finite, box)):
        yield f"bbox must be finite numbers, found {shown(box)}"
    elif not (box[0] + box[2] > box[0] and box[1] + box[3] > box[1]):
        yield f"bbox must have a width and a height above 0, found {shown(box)}"


def ids(records: Iterable[Any]) -> list[int]:
    """The valid ids among records."""
    return [record["id"] for record in records if isinstance(record, dict) and is_id(record.get("id"))]


def texts(records: Iterable[Any], key: str) -> list[str]:
    """The valid strings among the records' ``key``."""
    return [record[key] for record in records if isinstance(record, dict) and is_text(record.get(key))]


def duplicates(where: str, key: str, values: Iterable[object]) -> Iterator[str]:
    """A problem for each value that is given more than once."""
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{where}: {key} {shown(value)} is given {count} times"


def refuse_unsafe_names(names: Sequence[str], *, source: Path) -> None:
    """Refuse a file name that could name a place outside the image folder."""
    for i, name in enumerate(names):
        refuse_unsafe_name(name, what=f"images[{i}]: file_name", source=source, next_step=NAME_FIX)


def refuse_links_out(root: Path, names: Sequence[str], *, source: Path) -> None:
    """Refuse an image that is a link out of ``root``."""
    real = root.resolve()
    for name in names:
        refuse_link_out(name, root=real, what="a file_name", source=source)


def possible_roots(path: Path, images: Path | None) -> tuple[Path, ...]:
    """The folders in which the images may lie, in the order they are tried."""
    if images is not None:
        return (images,)
    parent, split = path.absolute().parent, path.stem.rpartition("_")[2]
    above = parent.parent
    return (parent, parent / "images", above / "images", above / "images" / split, above / split)  # the last is COCO's own download


def find_root(names: Sequence[str], *, roots: tuple[Path, ...], source: Path) -> Path:
    """The first folder that holds all files."""
    missing = {root: [name for name in names if not os.path.isfile(root / name)] for root in roots}  # noqa: PTH113 - never raises
    best = min(roots, key=lambda root: len(missing[root]))  # the first of equals
    if not missing[best]:
        return best
    first = ", ".join(display(name) for name in missing[best][:3])
    raise BadInput(
        f"{len(missing[best])} of {len(names)} image files are missing in {display(best)}",
        file=source,
        found=f"no {first}",
        expected=f"all files in one of: {', '.join(display(root) for root in roots)}",
        next_step="give the image folder with --images",
    )


def truths_of(document: dict[str, list[Any]]) -> list[Truth]:
    """One truth for each image record, its annotations in file order."""
    records = document["annotations"]
    row = {image["id"]: i for i, image in enumerate(document["images"])}
    owner = np.array([row[a["image_id"]] for a in records], np.intp)
    xywh = np.array([a["bbox"] for a in records], np.float64).reshape(-1, 4)
    boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    categories = np.array([a["category_id"] for a in records], np.int64)
    areas = np.array([a.get("area", a["bbox"][2] * a["bbox"][3]) for a in records], np.float64)
    crowd = np.array([a.get("iscrowd", 0) for a in records], np.bool_)
    order = np.argsort(owner, kind="stable")
    parts = np.split(order, np.searchsorted(owner[order], np.arange(1, len(row))))
    return [Truth(boxes[part], categories[part], areas[part], crowd[part]) for part in parts]


def default_notes(document: dict[str, list[Any]]) -> tuple[str, ...]:
    """What was filled in."""
    records = document.get("annotations", [])
    missing = {key: sum(key not in a for a in records) for key in ("iscrowd", "area")}
    meaning = {"iscrowd": "0", "area": "width * height"}
    return tuple(f"{count} annotations without {key}: taken as {meaning[key]}" for key, count in missing.items() if count)
