"""Ultralytics data sets: labels agree with COCO's, a bad row is named by file and line, and nothing is run or written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from parity.datasets import Category, Dataset, open_dataset
from parity.errors import BadInput

SHAPES = Path(__file__).parents[3] / "fixtures" / "shapes"
DATA = os.environ.get("PARITY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="PARITY_DATA, the folder of COCO images with data.yaml, is not set")
CONFIG = "val: images/val\nnames: [cat, dog]\n"
ROW = "1 0.5 0.5 0.2 0.4\n"


def write_dataset(folder: Path, config: str = CONFIG, labels: str | None = ROW, images: str = "images/val") -> Path:
    """Two images of 40 x 30 (the second without a label file), the first's labels, and a data.yaml; its path."""
    (folder / images).mkdir(parents=True)
    (folder / images.replace("images", "labels")).mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (40, 30)).save(folder / images / "a.png")
    Pillow.new("RGB", (40, 30), "red").save(folder / images / "b.png")
    label = folder / images.replace("images", "labels") / "a.txt"
    label.write_text(labels or "")
    label.unlink() if labels is None else None
    (folder / "data.yaml").write_text(config)
    return folder / "data.yaml"


def test_rows_become_boxes_in_pixels(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path))
    assert (dataset.name, dataset.kind) == (tmp_path.name, "yolo")
    assert dataset.categories == (Category(0, "cat"), Category(1, "dog"))
    assert [(image.id, image.file_name) for image in dataset.images] == [(1, "a.png"), (2, "b.png")]
    np.testing.assert_allclose(dataset.truths[0].boxes, [[16, 9, 24, 21]])
    np.testing.assert_allclose(dataset.truths[0].areas, [96])
    assert dataset.truths[0].category_ids.tolist() == [1]
    assert dataset.truths[0].crowd.tolist() == [False]


def rows_by_name(dataset: Dataset) -> dict[str, np.ndarray]:
    """Each image's class name index and box, without crowds, sorted."""
    index = {category.id: i for i, category in enumerate(dataset.categories)}
    rows = {}
    for image, truth in zip(dataset.images, dataset.truths, strict=True):
        classes = np.array([index[i] for i in truth.category_ids.tolist()], float)
        table = np.column_stack([classes, truth.boxes])[~truth.crowd]
        rows[image.file_name] = table[np.lexsort(np.round(table.T[::-1], 1))]
    return rows


def assert_same_truth(yolo: Path, coco: Path, total: int) -> None:
    """The two forms of a data set agree to 0.01 px."""
    ours, theirs = rows_by_name(open_dataset(yolo)), rows_by_name(open_dataset(coco))
    assert ours.keys() == theirs.keys()
    assert sum(map(len, ours.values())) == total
    distances = [np.abs(ours[name][:, None] - theirs[name][None]).max(-1).min(1, initial=9) for name in ours]
    assert {name: len(rows) for name, rows in ours.items()} == {name: len(rows) for name, rows in theirs.items()}
    assert np.concatenate(distances).max() <= 0.01


def test_labels_agree_with_coco() -> None:
    """Including those of an image with an EXIF orientation."""
    assert_same_truth(SHAPES / "data.yaml", SHAPES / "annotations" / "instances_val.json", 1624)


@needs_data
def test_real_labels_agree_with_coco() -> None:
    root = Path(DATA or "")
    assert_same_truth(root / "data.yaml", root / "annotations" / "instances_val2017.json", 898)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0 nan 0.5 0.1 0.1", "not finite"),
        ("0 inf 0.5 0.1 0.1", "not finite"),
        ("0 -0.5 0.5 0.1 0.1", "not normalised"),
        ("0 0.5 0.5 -0.005 0.1", "no width or no height"),
        ("0 0.5 0.5 0 0.1", "no width or no height"),
        ("0 0.5 0.5 1e-300 0.1", "no width or no height"),
        ("0 320 240 100 50", "not normalised .*pixels"),
        ("0 1.02 0.5 0.1 0.1", "not normalised"),
        ("2 0.5 0.5 0.1 0.1", "class 2 is not one of 0 to 1"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 is not one of"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5 is not one of"),
        ("cat 0.5 0.5 0.1 0.1", "not numbers"),
        ("0,0.5,0.5,0.1,0.1", "1 columns"),
        ("0 0.5 0.5 0.1", "4 columns"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 columns"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.1", "8 columns"),
        ("0 0.1 0.1 0.5 0.1 0.5 nan", "not finite"),
        ("0 0.1 0.1 1.02 0.1 0.5 0.5", "not normalised"),
        ("2 0.1 0.1 0.5 0.1 0.5 0.5", "class 2 is not one of 0 to 1"),
        ("0 0.1 0.1 0.5 0.1 0.3 0.1", "no width or no height"),
        ("0 0.1 0.1 0.5 0.1 0.5 x", "not numbers"),
        ("0 0.5 0.5 0.1 \x1b[31m", r"not numbers: .*\\x1b"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(row: str, said: str, tmp_path: Path) -> None:
    path = write_dataset(tmp_path, labels=f"{ROW}\n{row}\n")
    with pytest.raises(BadInput, match=rf"a\.txt: 1 problem:\n  line 3: {said}(.|\n)*next: ") as caught:
        open_dataset(path)
    assert caught.value.exit_code == 10


@pytest.mark.parametrize("row", ["0.0 1.005 0.5 0.1 0.1", "0 -0.005 0.5 0.1 0.1", "\ufeff0 0.5 0.5 0.1 0.1\r"])
def test_a_row_that_ultralytics_takes_is_taken(row: str, tmp_path: Path) -> None:
    assert len(open_dataset(write_dataset(tmp_path, labels=row)).truths[0]) == 1


def test_duplicate_rows_are_left_out_with_a_note(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, labels=f"{ROW}0 0.5 0.5 0.2 0.4\n{ROW}"))
    assert dataset.truths[0].category_ids.tolist() == [1, 0]
    assert "1 duplicate label rows left out" in dataset.notes


def test_polygons_are_taken_by_their_bounding_boxes_with_one_note(tmp_path: Path) -> None:
    """The least and greatest x and y, as Ultralytics' segments2boxes; a file may mix polygons and boxes."""
    polygons = "0 0.5 0.2 0.75 0.6 0.25 0.4\n1 0 0 1 0.1 0.9 1 0.5 0.3\n"
    dataset = open_dataset(write_dataset(tmp_path, labels=f"{polygons}{ROW}"))
    np.testing.assert_allclose(dataset.truths[0].boxes, [[10, 6, 30, 18], [0, 0, 40, 30], [16, 9, 24, 21]], atol=1e-9)
    np.testing.assert_allclose(dataset.truths[0].areas, [240, 1200, 96])
    assert dataset.truths[0].category_ids.tolist() == [0, 1, 1]
    assert dataset.notes[1:] == ("2 polygon labels were taken by their bounding boxes",)


def test_distinct_polygons_with_one_box_are_no_duplicates(tmp_path: Path) -> None:
    rows = ["0 0.1 0.1 0.5 0.1 0.5 0.5\n", "0 0.1 0.1 0.5 0.5 0.1 0.5\n"]
    dataset = open_dataset(write_dataset(tmp_path, labels="".join([*rows, rows[0]])))
    np.testing.assert_allclose(dataset.truths[0].boxes, [[4, 3, 20, 15]] * 2)
    assert "1 duplicate label rows left out" in dataset.notes


def test_hidden_files_and_folders_are_skipped_unless_a_list_names_them(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    images = tmp_path / "images" / "val"
    (images / "._a.png").write_bytes(b"\x00\x05\x16\x07")
    (images / ".ipynb_checkpoints").mkdir()
    Pillow.new("RGB", (40, 30)).save(images / ".ipynb_checkpoints" / "a.png")
    for place in (path, images):
        dataset = open_dataset(place)
        assert [image.file_name for image in dataset.images] == ["a.png", "b.png"]
        assert not any("not images" in note for note in dataset.notes)
    Pillow.new("RGB", (40, 30)).save(images / ".c.png")
    (tmp_path / "list.txt").write_text("images/val/a.png\nimages/val/.c.png\n")
    path.write_text("val: list.txt\nnames: [cat, dog]\n")
    assert [image.path.name for image in open_dataset(path).images] == [".c.png", "a.png"]


def test_a_missing_label_file_is_background_with_a_note(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path))
    assert len(dataset.truths[1]) == 0
    assert dataset.notes == ("1 images without a label file: taken as background",)


def test_an_empty_label_file_is_background(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, labels="\n"))
    assert [len(truth) for truth in dataset.truths] == [0, 0]


def test_a_broken_link_is_not_taken_for_background(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    (tmp_path / "labels" / "val" / "b.txt").symlink_to("nowhere.txt")
    with pytest.raises(BadInput, match=r"b\.txt: is not a readable text file"):
        open_dataset(path)


def test_labels_for_no_image_are_refused(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, labels=None)
    with pytest.raises(BadInput, match=r"data\.yaml: none of 2 images has a label file; found no .*labels/val/a\.txt"):
        open_dataset(path)


def test_labels_for_no_image_are_no_truth_when_they_may_be_missing(tmp_path: Path) -> None:
    assert open_dataset(write_dataset(tmp_path, labels=None), allow_missing_labels=True).truths is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("val: images/val\n", "has no class names"),
        ("val: images/val\nnames:\n", "has no class names"),
        ("val: images/val\nnames: []\n", "has no class names"),
        ("val: images/val\nnames: cat\n", "has no class names"),
        ("val: images/val\nnames: {0: cat, 2: dog}\n", "indices have gaps"),
        ("val: images/val\nnames: {1: cat, 2: dog}\n", "indices have gaps"),
        ("val: images/val\nnames: {'0': cat, '1': dog}\n", "indices have gaps"),
        ("val: images/val\nnames: {0: cat, 0: dog}\n", "key is given twice near line 2"),
        ("val: images/val\nnames: {0: yes, 1: no}\n", "found True, a bool(.|\n)*quote class names"),
        ("val: images/val\nnames: [cat, 012]\n", "found 10, a int(.|\n)*quote class names"),
        ("val: images/val\nnames: [cat, 12:30:45]\n", "found 45045, a int"),
        ("val: images/val\nnames: [cat, ~]\n", "found None, a NoneType"),
        ("val: images/val\nnames: [cat, cat]\n", "given twice; found 'cat'"),
        (f"{CONFIG}nc: 3\n", "nc does not fit names; found nc 3 and 2 names"),
        ("names: [cat, dog]\n", "has no val split"),
        ("names: [cat, dog]\nval: 5\n", "must be text; found 5"),
        ("names: [cat, dog]\nval: [images/val, 5]\n", "must be text; found 5"),
        ("path: [a]\nnames: [cat, dog]\nval: images/val\n", "must be text"),
        ("names: [cat, dog]\nval: nowhere\n", "its images are not there; found no folder or .txt list .*nowhere"),
        ("names: [cat, dog]\nval: https://host/a.zip\n", "its images are not there"),
        ("names: [cat, dog]\nval: labels/val\n", "0 images"),
        ("names: [cat, dog]\nval: [images/val, images]\n", "is listed twice"),
        ("a: &x [cat]\nnames: *x\nval: images/val\n", "aliases"),
        ("names: !!python/object/apply:os.system ['exit 1']\nval: images/val\n", "not plain YAML"),
        ("- cat\n", "is not a data.yaml; found a list"),
        ("", "is not a data.yaml"),
        ("names: [", "not plain YAML"),
        pytest.param("[" * 5000, "not plain YAML", id="deep"),
        ("names: \x00", "not plain YAML"),
    ],
)
def test_a_bad_data_yaml_is_refused(config: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        open_dataset(write_dataset(tmp_path, config))
    assert caught.value.exit_code == 10
    assert str(tmp_path) in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    path.write_bytes(b"names: [\xff\xfe]")
    with pytest.raises(BadInput, match=r"data\.yaml: is not readable text"):
        open_dataset(path)


def test_a_download_script_is_noted_and_never_run(tmp_path: Path) -> None:
    script = f"download: |\n  open({str(tmp_path / 'ran')!r}, 'w')\n"
    assert "download: ignored, nothing is downloaded or run" in open_dataset(write_dataset(tmp_path, CONFIG + script)).notes
    assert not (tmp_path / "ran").exists()


def test_a_download_script_is_not_run_for_missing_images_either(tmp_path: Path) -> None:
    script = f"download: |\n  open({str(tmp_path / 'ran')!r}, 'w')\n"
    with pytest.raises(BadInput, match="nothing is downloaded"):
        open_dataset(write_dataset(tmp_path, f"names: [cat, dog]\nval: nowhere\n{script}"))
    assert not (tmp_path / "ran").exists()


def test_a_planted_cache_is_neither_read_nor_written(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    cache = tmp_path / "labels" / "val.cache"
    cache.write_bytes(b"\x80\x04cos\nsystem\n")
    assert len(open_dataset(path)) == 2
    assert cache.read_bytes() == b"\x80\x04cos\nsystem\n"


@pytest.mark.parametrize(
    "config",
    [
        "path: .\nval: images/val\n",
        "path: sub/..\nval: images\n",
        "val: [images/val]\n",
        "val: ../images/val\n",
        "test: images/val\n",
        "validation: images/val\n",
        "val: list.txt\n",
        "path: images\nval: ../list.txt\n",
    ],
)
def test_all_ways_to_name_a_split_find_the_same_images(config: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "list.txt").write_text(f"./images/val/b.png\n{tmp_path}/images/val/a.png\n")
    path = write_dataset(tmp_path, f"{config}names: [cat, dog]\n")
    dataset = open_dataset(path)
    assert [image.path.name for image in dataset.images] == ["a.png", "b.png"]
    assert [len(truth) for truth in dataset.truths] == [1, 0]


def test_the_last_folder_named_images_becomes_labels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    assert len(open_dataset(write_dataset(tmp_path / "images")).truths[0]) == 1


def test_images_with_one_stem_share_their_labels(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    Pillow.new("RGB", (40, 30)).save(tmp_path / "images" / "val" / "a.jpg")
    assert [len(truth) for truth in open_dataset(path).truths] == [1, 1, 0]


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    path = write_dataset(tmp_path)
    (tmp_path / "images" / "val" / "a.png").write_bytes(b"")
    with pytest.raises(BadInput, match=r"a\.png: is empty"):
        open_dataset(path)
