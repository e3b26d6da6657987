"""Calibration images come from the training split or from what was given, and never from the images that judge."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from parity.calibration_images import divided_images
from parity.datasets import Dataset, open_dataset
from parity.errors import UsageError


def write_images(folder: Path, count: int, *, seed: int) -> None:
    """Images of noise, with empty labels."""
    generator = np.random.default_rng(seed)
    labels = folder.parent.parent / "labels" / folder.name
    for place in (folder, labels):
        place.mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"{seed}_{index}.png"), generator.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        (labels / f"{seed}_{index}.txt").write_text("0 0.5 0.5 0.5 0.5\n", encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data.yaml with 16 images to judge by and 10 to train on."""
    write_images(tmp_path / "images" / "val", 16, seed=1)
    write_images(tmp_path / "images" / "train", 10, seed=2)
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [thing]\n", encoding="utf-8")
    return tmp_path / "data.yaml"


def rewritten(data: Path, train: str) -> tuple[Dataset, Path]:
    """The data set with another training split."""
    data.write_text(f"{train}val: images/val\nnames: [thing]\n", encoding="utf-8")
    return open_dataset(data), data


def test_the_training_split_calibrates(data: Path) -> None:
    found = divided_images(open_dataset(data), data, None, most=100, seed=0)
    assert {path.parent.name for path in found.calibration} == {"train"}
    assert (found.described.images, found.described.source, len(found.judged)) == (10, "the train split", 16)


def test_a_judged_image_in_the_training_split_is_left_out_by_its_content(data: Path) -> None:
    copied = data.parent / "images" / "train" / "under_another_name.png"
    copied.write_bytes((data.parent / "images" / "val" / "1_0.png").read_bytes())
    found = divided_images(open_dataset(data), data, None, most=100, seed=0)
    assert copied.name not in {path.name for path in found.calibration}
    assert found.described.source == "the train split, without 1 images that judge"


def test_where_train_is_val_some_are_held_out_and_the_data_set_says_so(data: Path) -> None:
    full, data = rewritten(data, "train: images/val\n")
    found = divided_images(full, data, None, most=100, seed=0)
    assert (len(found.calibration), len(found.judged)) == (4, 12)
    assert {image.path for image in found.judged.images}.isdisjoint(found.calibration)
    assert found.judged.sha256 != full.sha256
    assert "4 of 16 images were held out to calibrate with, and judge nothing" in found.judged.notes


def test_without_a_training_split_the_error_says_what_to_give(data: Path) -> None:
    full, data = rewritten(data, "")
    with pytest.raises(UsageError, match=r"no calibration images: no train split, and no --calibration(.|\n)*give --calibration"):
        divided_images(full, data, None, most=100, seed=0)


def test_a_folder_that_is_given_calibrates_however_few_it_holds(data: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "other" / "few", 2, seed=3)
    found = divided_images(open_dataset(data), data, tmp_path / "other" / "few", most=100, seed=0)
    assert (len(found.calibration), found.described.source) == (2, "--calibration")


def test_given_images_that_judge_are_an_error_and_nothing_is_held_out(data: Path) -> None:
    with pytest.raises(UsageError, match="every image that is offered for calibration is one that the file would be judged by; found 16"):
        divided_images(open_dataset(data), data, data.parent / "images" / "val", most=100, seed=0)


def test_too_few_images_to_hold_some_out_are_an_error(data: Path) -> None:
    for image in sorted((data.parent / "images" / "val").iterdir())[3:]:
        image.unlink()
    full, data = rewritten(data, "train: images/val\n")
    with pytest.raises(UsageError, match="found 3 images"):
        divided_images(full, data, None, most=100, seed=0)
