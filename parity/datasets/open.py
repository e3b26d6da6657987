"""One door to all data sets: what the path is decides how it is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from parity.datasets.base import Dataset, Sample
from parity.datasets.coco import open_coco
from parity.datasets.folder import open_folder
from parity.datasets.jsonl import JSONL_NAME, open_jsonl
from parity.datasets.yolo import open_yolo
from parity.errors import BadInput, UsageError

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = f"a folder with {JSONL_NAME}, a folder of images, a COCO .json or an Ultralytics .yaml"


def open_dataset(
    path: Path, *, images: Path | None = None, limit: int | None = None, seed: int = 42, allow_missing_labels: bool = False
) -> Dataset:
    """Open a folder with ``dataset.jsonl`` (its split ``test``) or of images, a COCO ``.json`` or an Ultralytics ``.yaml``.

    With ``limit``, that many images drawn by ``seed``. ``images`` is the image folder of a COCO file. ``allow_missing_labels``
    opens a data set that has no labels at all.
    """
    sample, suffix = Sample(limit, seed), path.suffix.lower()
    if not path.exists():
        raise BadInput("does not exist", file=path, expected=EXPECTED, next_step="check the path")
    if suffix == ".json" and path.is_file():
        return open_coco(path, images=images, sample=sample, allow_missing_labels=allow_missing_labels)
    if images is not None:
        raise UsageError("--images belongs to a COCO file", file=path, next_step="leave it out: other data sets name their images")
    if (path.name == JSONL_NAME and path.is_file()) or os.path.lexists(path / JSONL_NAME):  # a broken link is no folder of images
        return open_jsonl(path, sample=sample, allow_missing_labels=allow_missing_labels)
    if path.is_dir():
        return open_folder(path, sample=sample)
    if suffix in {".yaml", ".yml"} and path.is_file():
        return open_yolo(path, sample=sample, allow_missing_labels=allow_missing_labels)
    raise BadInput("is not a data set", file=path, found=f"a file that ends in {suffix!r}", expected=EXPECTED, next_step="check the path")
