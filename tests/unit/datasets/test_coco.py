"""COCO files: what is read equals pycocotools, and what pycocotools takes in silence is refused."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from parity.datasets import Category, open_dataset
from parity.errors import BadInput, UntrustedInput

SHAPES = Path(__file__).parents[3] / "fixtures" / "shapes"
SHAPES_COCO = SHAPES / "annotations" / "instances_val.json"
DATA = os.environ.get("PARITY_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="PARITY_DATA, the folder of COCO images with data.yaml, is not set")


def document() -> dict[str, Any]:
    """A valid file with two images, two categories and two annotations."""
    return {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 3, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog"}],
        "annotations": [
            {"id": 0, "image_id": 3, "category_id": 90, "bbox": [1, 2, 3.5, 4], "area": 9.5, "iscrowd": 0},
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 1},
        ],
    }


def write_dataset(folder: Path, content: object, place: str = ".") -> Path:
    """Write two images and a COCO file, each where it should be; the file's path."""
    (folder / "annotations").mkdir()
    images = folder / "annotations" / place
    images.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (40, 30)).save(images / "a.png")
    Pillow.new("RGB", (20, 30), "red").save(images / "b.png")
    path = folder / "annotations" / "instances_val2017.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def changed(where: str, index: int, **fields: object) -> dict[str, Any]:
    """The valid file with fields of one record replaced."""
    result = document()
    result[where][index] |= fields
    return result


def added(where: str, **fields: object) -> dict[str, Any]:
    """The valid file with the last record of a list given again, some of its fields replaced."""
    result = document()
    result[where].append(result[where][-1] | fields)
    return result


def without(where: str, *keys: str) -> dict[str, Any]:
    """The valid file without some keys in all records of a list."""
    result = document()
    result[where] = [{key: value for key, value in record.items() if key not in keys} for record in result[where]]
    return result


def test_images_and_truth_come_in_file_order_with_the_ids_as_they_came(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, document()))
    assert (dataset.name, dataset.kind, dataset.notes) == ("instances_val2017", "coco", ())
    assert dataset.categories == (Category(1, "cat"), Category(90, "dog"))
    assert [(image.id, image.file_name) for image in dataset.images] == [(7, "a.png"), (3, "b.png")]
    assert dataset.truths[1].boxes.tolist() == [[1, 2, 4.5, 6]]
    assert dataset.truths[1].category_ids.tolist() == [90]
    assert dataset.truths[1].areas.tolist() == [9.5]
    assert [truth.crowd.tolist() for truth in dataset.truths] == [[True], [False]]


def test_frames_of_a_video_are_a_group(tmp_path: Path) -> None:
    data = open_dataset(write_dataset(tmp_path, changed("images", 0, video_id=12)))
    assert [image.group for image in data.images] == ["12", None]


def test_truth_cannot_be_changed(tmp_path: Path) -> None:
    truth = open_dataset(write_dataset(tmp_path, document())).truths[0]
    with pytest.raises(ValueError, match="read-only"):
        truth.boxes[0, 0] = 1


def boxes_by_pycocotools(path: Path) -> dict[int, list[list[float]]]:
    """Every image's boxes as xyxy, by the reference implementation."""
    coco = pytest.importorskip("pycocotools.coco")
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = coco.COCO(str(path))
    records = {image: loaded.loadAnns(loaded.getAnnIds(imgIds=[image])) for image in loaded.getImgIds()}
    return {image: [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in anns)] for image, anns in records.items()}


def test_boxes_are_those_of_pycocotools() -> None:
    dataset = open_dataset(SHAPES_COCO)
    assert boxes_by_pycocotools(SHAPES_COCO) == {
        image.id: truth.boxes.tolist() for image, truth in zip(dataset.images, dataset.truths, strict=True)
    }


@needs_data
def test_real_boxes_are_those_of_pycocotools() -> None:
    path = Path(DATA or "") / "annotations" / "instances_val2017.json"
    dataset = open_dataset(path)
    assert len(dataset) == 128
    assert boxes_by_pycocotools(path) == {
        image.id: truth.boxes.tolist() for image, truth in zip(dataset.images, dataset.truths, strict=True)
    }


@pytest.mark.parametrize("place", [".", "images", "../images", "../images/val2017"])
def test_the_image_folder_is_found(place: str, tmp_path: Path) -> None:
    path = write_dataset(tmp_path, document(), place)
    assert all(image.path.samefile(path.parent / place / image.file_name) for image in open_dataset(path).images)


def test_the_image_folder_can_be_given(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, document(), "../elsewhere")
    assert open_dataset(path, images=tmp_path / "elsewhere").root == tmp_path / "elsewhere"


def test_missing_image_files_are_counted_and_the_tried_folders_named(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, changed("images", 1, file_name="c\x1b.png"))
    with pytest.raises(BadInput, match=r"instances_val2017\.json: 1 of 2 image files are missing in .*annotations;") as caught:
        open_dataset(path)
    assert re.search(
        r"found no c\\x1b\.png; .*annotations/images, .*/images, .*images/val2017, .*/val2017\n  next: .*--images", str(caught.value)
    )


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed("annotations", 1, bbox=[NAN, 0, 1, 1]), r"annotations\[1\] \(id 1\): bbox must be finite"),
        (changed("annotations", 1, bbox=[0, 0, INFINITY, 1]), r"annotations\[1\] \(id 1\): bbox must be finite"),
        (changed("annotations", 1, bbox=[0, 0, 10**400, 1]), r"annotations\[1\] \(id 1\): bbox must be finite"),
        (changed("annotations", 0, bbox=[0, 0, 1]), r"annotations\[0\] \(id 0\): bbox must be 4 numbers .*\[0, 0, 1\]"),
        (changed("annotations", 0, bbox=[]), r"annotations\[0\] \(id 0\): bbox must be 4 numbers"),
        (changed("annotations", 0, bbox=None), r"annotations\[0\] \(id 0\): bbox must be 4 numbers"),
        (changed("annotations", 0, bbox=["0", "0", "1", "1"]), r"annotations\[0\] \(id 0\): bbox must be finite numbers"),
        (changed("annotations", 0, bbox=[0, 0, True, 1]), r"annotations\[0\] \(id 0\): bbox must be finite numbers"),
        (changed("annotations", 0, bbox=[0, 0, 0, 5]), r"bbox must have a width and a height above 0, found \[0, 0, 0, 5\]"),
        (changed("annotations", 0, bbox=[0, 0, 5, -1]), r"bbox must have a width and a height above 0"),
        (changed("annotations", 0, area=-1), r"annotations\[0\] \(id 0\): area must be a finite number, not negative, found -1"),
        (changed("annotations", 0, area=NAN), r"area must be a finite number"),
        (changed("annotations", 0, area="9"), r"area must be a finite number, not negative, found '9'"),
        (changed("annotations", 0, iscrowd=2), r"iscrowd must be 0 or 1, found 2"),
        (changed("annotations", 0, image_id=8), r"annotations\[0\] \(id 0\): image_id 8 is no image's id"),
        (changed("annotations", 0, image_id="3"), r"annotations\[0\] \(id 0\): image_id '3' is no image's id"),
        (changed("annotations", 0, image_id=[3]), r"image_id \[3\] is no image's id"),
        (changed("annotations", 0, category_id=2), r"annotations\[0\] \(id 0\): category_id 2 is no category's id"),
        (changed("annotations", 0, category_id=True), r"category_id True is no category's id"),
        (added("annotations", image_id=3), r"annotations: id 1 is given 2 times"),
        (added("images", file_name="c.png"), r"images: id 3 is given 2 times"),
        (added("images", id=4), r"images: file_name 'b.png' is given 2 times"),
        (added("images", id=4, file_name="./b.png"), r"images: file_name 'b.png' is given 2 times"),
        (added("categories", name="cow"), r"categories: id 90 is given 2 times"),
        (added("categories", id=91), r"categories: name 'dog' is given 2 times"),
        (changed("images", 0, id="7"), r"images\[0\]: needs an integer id and a file_name"),
        (changed("images", 0, id=2**70), r"images\[0\]: needs an integer id"),
        (changed("images", 0, file_name=5), r"images\[0\]: needs an integer id and a file_name"),
        (changed("categories", 0, name=None), r"categories\[0\]: needs an integer id and a name"),
        (document() | {"annotations": [None]}, r"annotations\[0\]: is not an object, found None"),
        (document() | {"images": [None]}, r"images\[0\]: needs an integer id"),
        (document() | {"images": []}, r"0 images"),
        (document() | {"categories": []}, r"categories is empty"),
        (document() | {"annotations": {}}, r"not a COCO instances file; found annotations: dict"),
        ({"images": [], "categories": []}, r"found no annotations"),
        ([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}], r"found a list; .*\n.*list of predictions"),
        ("", r"is empty"),
        ("{", r"not valid JSON"),
        ('{"images": [], "images": []}', r"key given twice"),
        pytest.param("[" * 200_000, r"not valid JSON", id="deep"),
    ],
)
def test_a_bad_file_is_refused_with_its_record(content: object, said: str, tmp_path: Path) -> None:
    path = write_dataset(tmp_path, content)
    with pytest.raises(BadInput, match=rf"instances_val2017\.json: (.|\n)*{said}") as caught:
        open_dataset(path)
    assert caught.value.exit_code == 10


def test_all_problems_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    content = document()
    content["annotations"] = [content["annotations"][0] | {"id": i, "bbox": [0, 0, 0, 0]} for i in range(25)]
    with pytest.raises(BadInput, match=r"25 problems:\n  annotations\[0\](.|\n)*annotations\[9\].*\n  and 15 more\n") as caught:
        open_dataset(write_dataset(tmp_path, content))
    assert "annotations[10]" not in str(caught.value)


def test_hostile_text_in_a_record_is_escaped(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, changed("annotations", 0, image_id="\x1b[31m\n"))
    with pytest.raises(BadInput, match=r"id 0") as caught:
        open_dataset(path)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["/etc/hostname", "../a.png", "x/../../a.png", "..\\a.png", "C:\\a.png", "C:a.png", "\\\\host\\share\\a.png", "a\x00.png", "~/a.png"],
)
def test_a_file_name_that_reaches_outside_is_refused(name: str, tmp_path: Path) -> None:
    path = write_dataset(tmp_path, changed("images", 1, file_name=name))
    with pytest.raises(UntrustedInput, match=r"instances_val2017\.json: images\[1\]: file_name reaches outside") as caught:
        open_dataset(path)
    assert caught.value.exit_code == 11


def test_a_link_out_of_the_image_folder_is_refused(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, document())
    (path.parent / "b.png").rename(tmp_path / "secret.png")
    (path.parent / "b.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UntrustedInput, match=r"link out of the image folder; found 'b\.png', which leads to .*secret\.png"):
        open_dataset(path)


def test_a_link_within_the_image_folder_is_followed(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, document())
    (path.parent / "b.png").rename(path.parent / "c.png")
    (path.parent / "b.png").symlink_to("c.png")
    assert len(open_dataset(path)) == 2


@pytest.mark.parametrize("name", ["http://host/a.png", "file:///a.png", "s3://bucket/a.png"])
def test_a_url_is_no_file_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(UntrustedInput, match="reaches outside"):
        open_dataset(write_dataset(tmp_path, changed("images", 0, file_name=name)))


def test_missing_iscrowd_and_area_get_defaults_and_a_note(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, without("annotations", "iscrowd", "area")))
    assert dataset.notes == ("2 annotations without iscrowd: taken as 0", "2 annotations without area: taken as width * height")
    assert dataset.truths[1].areas.tolist() == [14.0]
    assert not dataset.truths[0].crowd.any()


def test_annotation_ids_are_not_needed(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, without("annotations", "id")))
    assert [len(truth) for truth in dataset.truths] == [1, 1]


def test_an_image_without_annotations_is_background(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path, document() | {"annotations": []}))
    assert [truth.boxes.shape for truth in dataset.truths] == [(0, 4), (0, 4)]


def test_a_file_without_annotations_opens_only_when_labels_may_be_missing(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, {key: value for key, value in document().items() if key != "annotations"})
    assert open_dataset(path, allow_missing_labels=True).truths is None


def test_odd_file_names_are_read() -> None:
    names = [image.file_name for image in open_dataset(SHAPES_COCO).images]
    assert {"portrait (odd pad).jpg", "landscape odd pad.jpg"} <= set(names)


def test_thirty_six_thousand_annotations_are_kept_in_order(tmp_path: Path) -> None:
    content = document()
    content["annotations"] = [
        {"id": i, "image_id": (7, 3)[i % 2], "category_id": 1, "bbox": [i, 0, 1, 1], "area": 1, "iscrowd": 0} for i in range(36_000)
    ]
    first, second = open_dataset(write_dataset(tmp_path, content)).truths
    np.testing.assert_array_equal(first.boxes[:, 0], np.arange(0, 36_000, 2))
    np.testing.assert_array_equal(second.boxes[:, 0], np.arange(1, 36_000, 2))
