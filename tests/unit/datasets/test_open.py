"""The door to all data sets: kinds, samples, digests, folders; and that nothing of the user's is changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from parity.datasets import Dataset, DatasetImage, Truth, open_dataset
from parity.errors import BadInput, UsageError

SHAPES = Path(__file__).parents[3] / "fixtures" / "shapes"
FORMS = ("data.yaml", "annotations/instances_val.json", "images/val")


def write_images(folder: Path, *names: str) -> Path:
    """Small pictures, each of another grey."""
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (12, 10), (i, i, i)).save(folder / name, "PNG")
    return folder


def tree_digest(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A copy of the shapes data set."""
    return shutil.copytree(SHAPES, tmp_path / "shapes")


@pytest.mark.parametrize("form", FORMS)
def test_opening_a_data_set_changes_nothing(form: str, shapes: Path) -> None:
    before = tree_digest(shapes)
    open_dataset(shapes / form).subset(3)
    assert tree_digest(shapes) == before


@pytest.mark.parametrize("form", FORMS)
def test_a_sample_is_reproducible_and_keeps_order(form: str) -> None:
    whole, sample = open_dataset(SHAPES / form), open_dataset(SHAPES / form, limit=20, seed=7)
    ids = [image.id for image in sample.images]
    assert ids == [image.id for image in whole.subset(20, 7).images]
    assert ids == [i for i in (image.id for image in whole.images) if i in ids]
    assert len(set(ids)) == 20
    assert sample.notes[-1] == "20 of 112 images, drawn with seed 7"


def test_another_seed_draws_other_images() -> None:
    whole = open_dataset(SHAPES / "images/val")
    assert whole.subset(20, 1).images != whole.subset(20, 2).images


def test_a_larger_sample_contains_a_smaller_one() -> None:
    whole = open_dataset(SHAPES / "images/val")
    assert set(whole.subset(5).images) < set(whole.subset(50).images)


def test_truth_stays_with_its_image() -> None:
    whole = open_dataset(SHAPES / "data.yaml")
    sample = whole.subset(10)
    expected = [whole.truths[whole.images.index(image)].boxes.tolist() for image in sample.images]
    assert [truth.boxes.tolist() for truth in sample.truths] == expected


@pytest.mark.parametrize("limit", [None, 112, 1000])
def test_a_limit_that_takes_all_changes_nothing(limit: int | None) -> None:
    whole, all_of_it = open_dataset(SHAPES / "data.yaml"), open_dataset(SHAPES / "data.yaml", limit=limit)
    assert (all_of_it.images, all_of_it.sha256, all_of_it.notes) == (whole.images, whole.sha256, whole.notes)


@pytest.mark.parametrize("limit", [0, -1])
def test_an_empty_sample_is_refused(limit: int) -> None:
    with pytest.raises(UsageError, match="at least 1; found"):
        open_dataset(SHAPES / "data.yaml", limit=limit)


def test_the_digest_does_not_depend_on_where_the_data_set_lies(shapes: Path) -> None:
    assert open_dataset(shapes / "data.yaml").sha256 == open_dataset(SHAPES / "data.yaml").sha256


def test_the_digest_of_a_sample_is_its_own() -> None:
    whole = open_dataset(SHAPES / "data.yaml")
    assert whole.subset(10).sha256 == open_dataset(SHAPES / "data.yaml", limit=10).sha256 != whole.sha256


def test_the_digest_ignores_the_order_of_labels(shapes: Path) -> None:
    label = shapes / "labels" / "val" / "val_0000.txt"
    label.write_text("\n".join(reversed(label.read_text().splitlines())))
    assert open_dataset(shapes / "data.yaml").sha256 == open_dataset(SHAPES / "data.yaml").sha256


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("data.yaml", b"gray_ring", b"grey_ring"),
        ("labels/val/val_0000.txt", b"0.", b"0.0"),
        ("images/val/square.jpg", b"\xff\xd9", b"\xff\xd9 "),
    ],
)
def test_the_digest_follows_names_labels_and_image_bytes(file: str, old: bytes, new: bytes, shapes: Path) -> None:
    path = shapes / file
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    assert open_dataset(shapes / "data.yaml").sha256 != open_dataset(SHAPES / "data.yaml").sha256


def test_a_folder_gives_its_images_sorted_and_no_truth(tmp_path: Path) -> None:
    write_images(tmp_path, "b.PNG", "a.jpg", "sub/c.png", "sub (1)/\x1b[31m\n d.png")
    (tmp_path / "notes.txt").write_text("hello")
    dataset = open_dataset(tmp_path)
    assert [image.file_name for image in dataset.images] == ["a.jpg", "b.PNG", "sub (1)/\x1b[31m\n d.png", "sub/c.png"]
    assert [image.id for image in dataset.images] == [1, 2, 3, 4]
    assert (dataset.kind, dataset.truths, dataset.categories) == ("folder", None, ())
    assert dataset.notes == (f"1 files in {tmp_path.name} are not images",)


def test_a_file_name_of_bytes_that_are_no_text_is_read(tmp_path: Path) -> None:
    write_images(tmp_path, os.fsdecode(b"\xff\xfe.png"))
    assert len(open_dataset(tmp_path)) == 1


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(BadInput, match=r"0 images; found 0 other files; expected files that end in .*\.jpg") as caught:
        open_dataset(tmp_path)
    assert caught.value.exit_code == 10


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    write_images(tmp_path, "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 1
    assert dataset.notes == (f"1 linked folders in {tmp_path.name} were not entered",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_among_images_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(BadInput, match=r"b\.png: is not a regular file"):
        open_dataset(tmp_path)


def test_a_link_to_itself_among_images_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to("b.png")
    with pytest.raises(BadInput, match=r"b\.png: is not a regular file"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("missing.json", "does not exist"), ("a.csv", "found a file that ends in '.csv'")])
@pytest.mark.parametrize("options", [{}, {"limit": 3}])
def test_what_is_no_data_set_is_named(name: str, said: str, options: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(BadInput, match=rf"{name}: .*{said}"):
        open_dataset(tmp_path / name, **options)


@pytest.mark.parametrize("form", ["data.yaml", "images/val"])
def test_an_image_folder_for_what_names_its_images_is_refused(form: str) -> None:
    with pytest.raises(UsageError, match="--images belongs to a COCO file"):
        open_dataset(SHAPES / form, images=SHAPES)


BOX = np.array([[0.0, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    ("boxes", "areas", "said"),
    [
        (BOX, np.ones(2), "shapes do not fit"),
        (BOX[:, :3], np.ones(1), "shapes do not fit"),
        (BOX * np.nan, np.ones(1), "finite"),
        (BOX, -np.ones(1), "not negative"),
        (BOX * 0, np.ones(1), "width"),
    ],
)
def test_truth_that_cannot_be_is_refused(boxes: np.ndarray, areas: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Truth(boxes, np.zeros(1, np.int64), areas, np.zeros(1, np.bool_))


@pytest.mark.parametrize(("images", "said"), [((), "at least one"), ((DatasetImage(1, "a", Path("a")),), "1 images but 0 truths")])
def test_a_data_set_without_images_or_with_too_few_truths_is_refused(images: tuple[DatasetImage, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Dataset("x", "coco", (), images, (), "", (), Path())
