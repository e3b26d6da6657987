"""One door to all data sets: what the path is decides how it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parity.datasets.base import Dataset, Sample
from parity.datasets.coco import open_coco
from parity.datasets.folder import open_folder
from parity.datasets.yolo import open_yolo
from parity.errors import BadInput, UsageError

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = "a folder of images, a COCO .json or an Ultralytics .yaml"


def open_dataset(
    path: Path, *, images: Path | None = None, limit: int | None = None, seed: int = 42, allow_missing_labels: bool = False
) -> Dataset:
    """Open a folder of images, a COCO ``.json`` or an Ultralytics ``.yaml``; with ``limit``, that many images drawn by ``seed``.

    ``images`` is the image folder of a COCO file. ``allow_missing_labels`` opens a data set that has no labels at all.
    """
    sample, suffix = Sample(limit, seed), path.suffix.lower()
    if not path.exists():
        raise BadInput("does not exist", file=path, expected=EXPECTED, next_step="check the path")
    if suffix == ".json" and path.is_file():
        return open_coco(path, images=images, sample=sample, allow_missing_labels=allow_missing_labels)
    if images is not None:
        raise UsageError("--images belongs to a COCO file", file=path, next_step="leave it out: other data sets name their images")
    if path.is_dir():
        return open_folder(path, sample=sample)
    if suffix in {".yaml", ".yml"} and path.is_file():
        return open_yolo(path, sample=sample, allow_missing_labels=allow_missing_labels)
    raise BadInput("is not a data set", file=path, found=f"a file that ends in {suffix!r}", expected=EXPECTED, next_step="check the path")
