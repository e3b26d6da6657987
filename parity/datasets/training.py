"""The images that a model was trained on, or others that are offered for calibration: files, without their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parity.datasets.open import open_dataset
from parity.datasets.yolo import list_split, split_places
from parity.plain_text import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

TRAIN = "train"


def training_images(path: Path) -> tuple[Path, ...]:
    """The images of the training split of an Ultralytics data.yaml; none where it has none, or is another kind of data set."""
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return ()
    config = read_yaml(path, kind="a data.yaml", expected="keys path, train, val, names")
    return list_split(split_places(config, TRAIN, source=path)).paths if config.get(TRAIN) else ()


def offered_images(path: Path) -> tuple[Path, ...]:
    """The images of what was given for calibration: the training split of a data.yaml, or all of a folder or other data set."""
    return training_images(path) or tuple(image.path for image in open_dataset(path, allow_missing_labels=True).images)
