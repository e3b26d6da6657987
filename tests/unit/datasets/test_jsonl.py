"""``dataset.jsonl``: its truth is COCO's, units are said and never guessed, and a bad line is named by its number."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from parity.datasets import Category, Dataset, open_dataset
from parity.datasets import jsonl as jsonl_module
from parity.datasets.jsonl import first_image, open_jsonl
from parity.errors import BadInput, ParityError, ResourceLimit, UntrustedInput

NAMES = ("a.png", "b.png", "sub/c.png")
DROPPED = object()


def line(image: str = "a.png", **fields: Any) -> dict[str, Any]:
    """A valid line of a picture of 40 x 20 with two boxes, some of its fields replaced or ``DROPPED``."""
    whole = {"image": image, "width": 40, "height": 20, "split": "test", "box_units": "pixels"}
    whole |= {"boxes": [[1, 2, 4.5, 6], [0, 0, 40, 20]], "labels": ["dog", "cat"]}
    return {key: value for key, value in (whole | fields).items() if value is not DROPPED}


def unlabelled(image: str = "a.png", **fields: Any) -> dict[str, Any]:
    """A line that says nothing of objects."""
    return line(image, box_units=DROPPED, boxes=DROPPED, labels=DROPPED, **fields)


def text_of(*lines: object) -> str:
    """Lines as the text of a file; a string stands for itself."""
    return "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)


def write(folder: Path, *lines: object) -> Path:
    """Three pictures and a ``dataset.jsonl`` of these lines; the folder."""
    for i, name in enumerate(NAMES):
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (40, 20), (i, i, i)).save(folder / "data" / name)
    (folder / "dataset.jsonl").write_bytes(text_of(*lines).encode())
    return folder


def refusal(folder: Path, *lines: object, kind: type[ParityError] = BadInput) -> str:
    """The message with which these lines are refused."""
    with pytest.raises(kind) as caught:
        open_dataset(write(folder, *lines))
    assert type(caught.value) is kind
    return str(caught.value)


# What is read


def test_images_come_in_file_order_with_ids_from_1_and_their_boxes(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, line("sub/c.png"), line(boxes=[[3, 4, 5, 8]], labels=["cat"])))
    assert (dataset.name, dataset.kind, dataset.root) == (tmp_path.name, "jsonl", tmp_path / "data")
    assert [(image.id, image.file_name) for image in dataset.images] == [(1, "sub/c.png"), (2, "a.png")]
    assert [image.path for image in dataset.images] == [tmp_path / "data" / "sub" / "c.png", tmp_path / "data" / "a.png"]
    assert dataset.truths[0].boxes.tolist() == [[1, 2, 4.5, 6], [0, 0, 40, 20]]
    assert dataset.truths[0].category_ids.tolist() == [2, 1]
    assert dataset.truths[0].areas.tolist() == [14, 800]
    assert dataset.truths[1].boxes.tolist() == [[3, 4, 5, 8]]
    assert not dataset.truths[0].crowd.any()
    assert dataset.notes == ("the split 'test' of dataset.jsonl",)


def test_the_folder_and_its_file_open_alike(tmp_path: Path) -> None:
    folder = write(tmp_path, line(), line("b.png"))
    by_folder, by_file = open_dataset(folder), open_dataset(folder / "dataset.jsonl")
    assert (by_folder.name, by_folder.images, by_folder.sha256) == (by_file.name, by_file.images, by_file.sha256)


def test_a_relative_path_gives_the_name_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, line()))
    assert [open_dataset(Path(path)).name for path in (".", "dataset.jsonl")] == [tmp_path.name] * 2


def test_only_the_chosen_split_is_opened(tmp_path: Path) -> None:
    folder = write(tmp_path, line(split="train"), line("b.png"), line("sub/c.png", split="val"))
    assert [image.file_name for image in open_dataset(folder).images] == ["b.png"]
    assert [image.file_name for image in open_jsonl(folder, split="val").images] == ["sub/c.png"]


def test_an_image_may_be_in_two_splits(tmp_path: Path) -> None:
    assert len(open_dataset(write(tmp_path, line(split="train"), line()))) == 1


def test_a_split_that_no_line_has_is_refused_and_the_others_are_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, line(split="train"), line("b.png", split="val\x1b"))
    assert r"dataset.jsonl: no line is of the split 'test'; found the splits 'train', 'val\x1b'" in said
    assert 'next: write "split": "test"' in said


def test_categories_are_those_of_all_splits_sorted_by_name(tmp_path: Path) -> None:
    folder = write(tmp_path, line(labels=["zebra", "dog"]), line("b.png", split="train", labels=["ant", "dog"]))
    expected = (Category(1, "ant"), Category(2, "dog"), Category(3, "zebra"))
    assert open_dataset(folder).categories == open_jsonl(folder, split="train").categories == expected
    assert open_dataset(folder).truths[0].category_ids.tolist() == [3, 2]


def test_a_leading_data_means_the_same(tmp_path: Path) -> None:
    plain = open_dataset(write(tmp_path, line(), line("sub/c.png")))
    prefixed = open_dataset(write(tmp_path, line("data/a.png"), line("./data/sub/c.png")))
    assert (prefixed.images, prefixed.sha256) == (plain.images, plain.sha256)


def test_an_empty_list_is_an_image_without_objects(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, line(boxes=[], labels=[], box_units=DROPPED), line("b.png")))
    assert [truth.boxes.shape for truth in dataset.truths] == [(0, 4), (2, 4)]


def test_unknown_keys_blank_lines_crlf_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    plain = open_dataset(write(tmp_path, line(), line("b.png")))
    text = "\ufeff" + text_of(line(iscrowd=[0, 1], comment={"by": None}), "", "  ", line("b.png"), "").replace("\n", "\r\n")
    assert open_dataset(write(tmp_path, text)).sha256 == plain.sha256


def test_a_sample_is_the_same_as_of_other_data_sets(tmp_path: Path) -> None:
    whole = open_dataset(write(tmp_path, *map(line, NAMES)))
    sample = open_dataset(tmp_path, limit=2, seed=3)
    assert (sample.images, sample.sha256) == (whole.subset(2, 3).images, whole.subset(2, 3).sha256)
    assert sample.notes[-1] == "2 of 3 images, drawn with seed 3"


# Units


def test_normalised_boxes_are_those_in_pixels(tmp_path: Path) -> None:
    pixels = open_dataset(write(tmp_path, line(boxes=[[10, 5, 20, 15], [0, 0, 40, 20]])))
    normalised = open_dataset(write(tmp_path, line(box_units="normalised", boxes=[[0.25, 0.25, 0.5, 0.75], [0, 0, 1, 1]])))
    assert normalised.truths[0].boxes.tolist() == pixels.truths[0].boxes.tolist()
    assert normalised.sha256 == pixels.sha256


@pytest.mark.parametrize(("units", "box"), [("pixels", [-0.4, -0.2, 40.4, 20.2]), ("normalised", [-0.01, -0.01, 1.01, 1.01])])
def test_a_box_may_stand_out_a_hundredth_of_the_image_and_is_kept_as_it_is(units: str, box: list[float], tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, line(box_units=units, boxes=[box], labels=["cat"])))
    np.testing.assert_allclose(dataset.truths[0].boxes, [[-0.4, -0.2, 40.4, 20.2]])


def test_a_picture_of_one_pixel_may_have_a_box_of_it(tmp_path: Path) -> None:
    folder = write(tmp_path, line(width=1, height=1, boxes=[[0, 0, 1, 1]], labels=["cat"]))
    Pillow.new("RGB", (1, 1)).save(folder / "data" / "a.png")
    assert len(open_dataset(folder)) == 1


def test_a_size_that_is_not_the_images_is_refused(tmp_path: Path) -> None:
    assert "line 1: says 20 x 40 px, the image has 40 x 20" in refusal(
        tmp_path, line(width=20, height=40, boxes=[[1, 2, 3, 4]], labels=["cat"])
    )


# Somebody else's reading


def write_coco(folder: Path, lines: list[dict[str, Any]], categories: tuple[str, ...]) -> Path:
    """The same lines as a COCO file beside ``data/``; its path."""
    images = [{"id": i, "file_name": each["image"]} for i, each in enumerate(lines, start=1)]
    owners = [(i, box, label) for i, each in enumerate(lines, start=1) for box, label in zip(each["boxes"], each["labels"], strict=True)]
    annotations = [
        {"id": n, "image_id": i, "category_id": 1 + categories.index(name), "bbox": [x, y, x2 - x, y2 - y]}
        for n, (i, (x, y, x2, y2), name) in enumerate(owners)
    ]
    records = [{"id": i, "name": name} for i, name in enumerate(categories, start=1)]
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": records}))
    return path


def rows(dataset: Dataset) -> list[tuple[str, Any]]:
    """Each image's name and truth as plain values."""
    parts = [(truth.boxes, truth.category_ids, truth.areas, truth.crowd) for truth in dataset.truths]
    names = [image.file_name for image in dataset.images]
    return [(name, [part.tolist() for part in truth]) for name, truth in zip(names, parts, strict=True)]


def test_truth_is_that_of_the_same_data_written_as_coco(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 36, (len(NAMES), 9, 2)) * [1, 0.5]
    boxes = np.concatenate([corners, corners + rng.integers(1, 9, corners.shape) / [2, 4]], axis=2).tolist()
    labels = rng.choice(["ant", "cat", "dog"], (len(NAMES), 9)).tolist()
    lines = [line(name, boxes=b, labels=c) for name, b, c in zip(NAMES, boxes, labels, strict=True)]
    lines[1] |= {"boxes": [], "labels": []}
    ours = open_dataset(write(tmp_path, *lines))
    theirs = open_dataset(write_coco(tmp_path, lines, ("ant", "cat", "dog")), images=tmp_path / "data")
    assert rows(ours) == rows(theirs)
    assert (ours.categories, ours.sha256) == (theirs.categories, theirs.sha256)


# Lines that are refused

BOX = [1, 2, 3, 4]
BAD_LINES = [
    ("{", r"is not valid JSON"),
    ("[1, 2", r"is not valid JSON"),
    (json.dumps(line()).replace("4.5", "NaN"), r"is not valid JSON; found NaN is not a JSON number"),
    (json.dumps(line()).replace("4.5", "-Infinity"), r"found -Infinity is not a JSON number"),
    (json.dumps(line()).replace("4.5", "1e999"), r"boxes[0] must be finite numbers, found [1, 2, inf, 6]"),
    (json.dumps(line()).replace("4.5", "9" * 400), r"boxes[0] must be finite numbers"),
    (json.dumps(line()).replace("4.5", "9" * 5000), r"is not valid JSON"),
    ('{"image": "a.png", "image": "b.png"}', r"key given twice: 'image'"),
    (json.dumps(line()) + json.dumps(line("b.png")), r"is not valid JSON; found Extra data"),
    ("[" * 100_000, r"is not valid JSON"),
    (line(boxes=json.loads("[" * 900 + "]" * 900), labels=["dog"]), r"boxes[0] must be 4 numbers"),
    ("[]", r"is not an object, found []"),
    ('"a.png"', r"is not an object, found 'a.png'"),
    (line(DROPPED), r"image must be text, found none"),
    (line(" "), r"image must be text, found ' '"),
    (line(5), r"image must be text, found 5"),
    (line(split=DROPPED), r"split must be text, found none"),
    (line(split=""), r"split must be text, found ''"),
    (line(split=["test"]), r"split must be text, found ['test']"),
    (line(width=DROPPED), r"width must be a whole number of pixels above 0, found none"),
    (line(width=0), r"width must be a whole number of pixels above 0, found 0"),
    (line(height=-20), r"height must be a whole number of pixels above 0, found -20"),
    (line(height=20.0), r"height must be a whole number of pixels above 0, found 20.0"),
    (line(width=True), r"width must be a whole number of pixels above 0, found True"),
    (line(width=2**63), r"width must be a whole number of pixels above 0"),
    (line(box_units=DROPPED), r"box_units must be 'pixels' or 'normalised', found none"),
    (line(box_units="normalized"), r"box_units must be 'pixels' or 'normalised', found 'normalized'"),
    (line(box_units=["pixels"]), r"box_units must be 'pixels' or 'normalised', found ['pixels']"),
    (line(boxes=[], labels=[], box_units="px"), r"box_units must be 'pixels' or 'normalised', found 'px'"),
    (line(boxes=None), r"boxes and labels must be lists, found None and ['dog', 'cat']"),
    (line(labels={"dog": 1}), r"boxes and labels must be lists"),
    (line(labels=["dog"]), r"2 boxes but 1 labels"),
    (line(labels=DROPPED), r"2 boxes but 0 labels"),
    (line(boxes=DROPPED), r"0 boxes but 2 labels"),
    (line(labels=["dog", 2]), r"labels[1] must be the name of a class (not its number), found 2"),
    (line(labels=["dog", ""]), r"labels[1] must be the name of a class (not its number), found ''"),
    (line(boxes=[BOX, BOX[:3]]), r"boxes[1] must be 4 numbers x1, y1, x2, y2, found [1, 2, 3]"),
    (line(boxes=[BOX, dict(zip("abcd", BOX, strict=True))]), r"boxes[1] must be 4 numbers"),
    (line(boxes=[BOX, list("1234")]), r"boxes[1] must be finite numbers, found ['1', '2', '3', '4']"),
    (line(boxes=[BOX, [0, 0, True, 4]]), r"boxes[1] must be finite numbers"),
    (line(boxes=[BOX, [1, 2, 1, 4]]), r"boxes[1] must have x1 below x2 and y1 below y2 (x, y, width, height?), found [1, 2, 1, 4]"),
    (line(boxes=[BOX, [30, 10, 5, 5]]), r"boxes[1] must have x1 below x2"),
    (line(boxes=[BOX, [1, 2, 40.5, 4]]), r"boxes[1] leaves the image of 40 x 20 pixels, found [1, 2, 40.5, 4]"),
    (line(boxes=[BOX, [1, -0.3, 4, 4]]), r"boxes[1] leaves the image of 40 x 20 pixels"),
    (line(boxes=[BOX, [0.1, 0.2, 0.9, 1]]), r"boxes[1] lies within one pixel (normalised?), found [0.1, 0.2, 0.9, 1]"),
    (line(box_units="normalised", boxes=[BOX], labels=["dog"]), r"boxes[0] is not normalised to 0 … 1 (pixels?), found [1, 2, 3, 4]"),
    (line(box_units="normalised", boxes=[[0, 0, 1, 1], [0, 0, 1.02, 1]]), r"boxes[1] is not normalised to 0 … 1"),
    (line(box_units="normalised", boxes=[[0, 0, 1, 1], [0.5, 0, 0.5, 1]]), r"boxes[1] must have x1 below x2"),
    (line("a.png"), r"image 'a.png' is given twice in the split 'test', first on line 1"),
    (line("./data//a.png"), r"image 'a.png' is given twice in the split 'test', first on line 1"),
    (unlabelled("b.png"), r"no boxes, where other lines of its split have some: write [] for an image without objects"),
    (line("c.png"), r"no file data/c.png"),
    (line("sub"), r"no file data/sub"),
    (line("data"), r"no file data/data"),
    (line("x" * 300), r"no file data/xxx"),
    (line("\ud800.png"), r"no file data/\ud800.png"),
]


@pytest.mark.parametrize(("bad", "said"), BAD_LINES, ids=[f"{i}: {said:.40}" for i, (_, said) in enumerate(BAD_LINES)])
def test_a_bad_line_is_refused_with_its_number(bad: object, said: str, tmp_path: Path) -> None:
    message = refusal(tmp_path, line(), "", bad, line("sub/c.png"))
    assert "dataset.jsonl: 1 problem:\n  line 3: " in message
    assert said in message
    assert "\n  next: " in message


def test_all_problems_of_all_lines_are_listed(tmp_path: Path) -> None:
    said = refusal(tmp_path, line(width=0, split=""), line("b.png", labels=[1, "cat"]), "{")
    assert "4 problems:\n  line 1: split must be text" in said
    assert all(part in said for part in ("  line 1: width must", "  line 2: labels[0] must", "  line 3: is not valid JSON"))


def test_lines_of_other_splits_are_checked_too(tmp_path: Path) -> None:
    assert "line 2: labels[0] must" in refusal(tmp_path, line(), line("b.png", split="train", labels=[1, "cat"]))


def test_images_of_other_splits_need_not_be_there(tmp_path: Path) -> None:
    assert len(open_dataset(write(tmp_path, line(), line("elsewhere.png", split="train")))) == 1


def test_reading_stops_after_a_thousand_problems(tmp_path: Path) -> None:
    assert "1000 problems:" in refusal(tmp_path, *["x"] * 1500)


def test_one_line_has_at_most_ten_problems(tmp_path: Path) -> None:
    assert "10 problems:" in refusal(tmp_path, line(boxes=[0] * 5000, labels=["cat"] * 5000))


@pytest.mark.parametrize("field", ["image", "split", "width", "box_units", "labels", "boxes"])
def test_hostile_text_is_escaped(field: str, tmp_path: Path) -> None:
    hostile = {"image": "\x1b[31m\n.png", "labels": ["dog", {"\x1b[31m\n": 1}]}.get(field, "\x1b[31m\n")
    said = refusal(tmp_path, line(**{field: hostile}))
    assert r"\x1b[31m\n" in said
    assert "\x1b" not in said


def test_bytes_that_are_no_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    path = write(tmp_path) / "dataset.jsonl"
    path.write_bytes(text_of(line()).encode() + b'\n{"image": "\xff.png"}\n')
    with pytest.raises(BadInput, match=r"line 2: is not valid JSON; found 'utf-8' codec can't decode byte 0xff"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("text", ["", "\n \r\n\n"])
def test_a_file_without_lines_is_refused(text: str, tmp_path: Path) -> None:
    assert "dataset.jsonl: 0 images; expected a line for each image: image, width" in refusal(tmp_path, text)


# Places outside the folder

OUTSIDE = ["/etc/hostname", "../a.png", "data/../../a.png", "sub/../a.png", "sub\\c.png", "..\\a.png", "C:\\a.png", "C:a.png"]
OUTSIDE += ["\\\\host\\share\\a.png", "a\x00.png", "~/a.png", "http://host/a.png", "file:///a.png"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("split", ["test", "train"])
def test_an_image_that_reaches_outside_is_refused_in_every_split(name: str, split: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, line(), line(name, split=split), kind=UntrustedInput)
    assert "dataset.jsonl: line 2: image reaches outside the image folder; found " in said
    assert "below data/, with forward slashes" in said


def test_a_place_outside_is_another_exit_code_than_a_bad_line() -> None:
    assert (UntrustedInput.exit_code, BadInput.exit_code, ResourceLimit.exit_code) == (11, 10, 13)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", line("b.png"), line("link.png"))
    (folder / "data" / "a.png").rename(tmp_path / "secret.png")
    (folder / "data" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(
        UntrustedInput, match=r"line 2: image is a link out of the image folder; found 'link\.png', which leads to .*secret"
    ):
        open_dataset(folder)


def test_a_folder_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", line("linked/c.png"))
    (folder / "data" / "sub").rename(tmp_path / "elsewhere")
    (folder / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrustedInput, match="line 1: image is a link out"):
        open_dataset(folder)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path, line("link.png"))
    (folder / "data" / "link.png").symlink_to("sub/c.png")
    assert len(open_dataset(folder)) == 1


@pytest.mark.parametrize("target", ["link.png", "nowhere.png"])
def test_a_link_to_itself_or_to_nothing_is_a_missing_file(target: str, tmp_path: Path) -> None:
    folder = write(tmp_path, line("link.png"))
    (folder / "data" / "link.png").symlink_to(target)
    with pytest.raises(BadInput, match=r"line 1: no file data/link\.png"):
        open_dataset(folder)


# Files that are none


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "dataset.jsonl")
    with pytest.raises(BadInput, match=r"dataset\.jsonl: is not a regular file; found prw"):
        open_dataset(tmp_path)


def test_a_broken_link_is_not_taken_for_a_folder_of_images(tmp_path: Path) -> None:
    path = write(tmp_path) / "dataset.jsonl"
    path.unlink()
    path.symlink_to("nowhere.jsonl")
    with pytest.raises(BadInput, match=r"dataset\.jsonl: cannot be read; found No such file"):
        open_dataset(tmp_path)


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.jsonl").mkdir()
    with pytest.raises(BadInput, match=r"dataset\.jsonl: is not a regular file; found drwx"):
        open_dataset(tmp_path)


def test_another_jsonl_file_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text(text_of(line()))
    with pytest.raises(BadInput, match=r"found a file that ends in '\.jsonl'; expected a folder with dataset\.jsonl"):
        open_dataset(tmp_path / "other.jsonl")


# Limits


def test_a_line_that_is_too_long_is_refused_with_its_number(tmp_path: Path) -> None:
    said = refusal(tmp_path, line(), " " * (jsonl_module.LARGEST_LINE + 1), kind=ResourceLimit)
    assert f"dataset.jsonl: line 2 is too long; expected at most {jsonl_module.LARGEST_LINE} bytes" in said


def test_a_line_of_the_greatest_length_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_module, "LARGEST_LINE", len(text_of(line())) + 1)
    assert len(open_dataset(write(tmp_path, line(), line("b.png")))) == 2


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, line()) / "dataset.jsonl"
    os.truncate(path, 1_000_000_001)
    with pytest.raises(ResourceLimit, match="is too large; found 1000000001 bytes; expected at most 1000000000 bytes"):
        open_dataset(tmp_path)


# Missing labels


def test_lines_without_boxes_are_no_truth_when_labels_may_be_missing(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, unlabelled(), line("b.png", split="train")), allow_missing_labels=True)
    assert (len(dataset), dataset.truths) == (1, None)
    assert [category.name for category in dataset.categories] == ["cat", "dog"]


def test_lines_without_boxes_are_refused_when_labels_may_not_be_missing(tmp_path: Path) -> None:
    said = refusal(tmp_path, unlabelled(), line("b.png", split="train"))
    assert "dataset.jsonl: no line of the split 'test' has boxes" in said
    assert "allow missing labels to compare without AP" in said


def test_a_file_without_a_class_name_is_no_evidence(tmp_path: Path) -> None:
    nothing = {"boxes": [], "labels": []}
    assert "dataset.jsonl: no line has a class name" in refusal(tmp_path, line(**nothing))
    assert open_dataset(tmp_path, allow_missing_labels=True).truths is None


# The first image


@pytest.mark.parametrize("form", [".", "dataset.jsonl"])
def test_the_first_image_is_that_of_the_first_line_whatever_its_split(form: str, tmp_path: Path) -> None:
    folder = write(tmp_path, "", line("data/sub/c.png", split="train"), line())
    assert first_image(folder / form) == tmp_path / "data" / "sub" / "c.png"


def test_the_first_image_needs_no_other_line(tmp_path: Path) -> None:
    assert first_image(write(tmp_path, unlabelled("b.png"), "{")) == tmp_path / "data" / "b.png"


@pytest.mark.parametrize(
    ("lines", "kind", "said"),
    [
        ([line("../a.png")], UntrustedInput, "line 1: image reaches outside"),
        ([line("link.png")], UntrustedInput, "line 1: image is a link out"),
        ([line("c.png")], BadInput, "line 1: no file data/c.png"),
        ([line(width="40")], BadInput, "line 1: width must"),
        (["{"], BadInput, "line 1: is not valid JSON"),
        ([], BadInput, "0 images"),
    ],
)
def test_the_first_image_is_checked_as_all_are(lines: list[object], kind: type[ParityError], said: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "set", *lines)
    (tmp_path / "secret.png").touch()
    (folder / "data" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(kind) as caught:
        first_image(folder)
    assert said in str(caught.value)


def test_the_first_image_of_a_folder_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"dataset\.jsonl: cannot be read; found No such file.*; expected a folder that holds"):
        first_image(tmp_path)
