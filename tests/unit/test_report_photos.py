"""The files of a compared folder of photos: their names, what is in them, and what they never replace."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from oracles.exhibits import agreeing, compared, different, exhibit
from oracles.hostile import HOSTILE
from oracles.photos import written
from PIL import Image

from parity.datasets import open_dataset
from parity.detections import Detections
from parity.errors import UsageError
from parity.photos import PhotosComparison, SideDetections
from parity.report.photos import PhotoFiles, SideFiles, check_photo_folders, photo_files, picture_stems
from parity.request import GateRequest
from parity.spec import ExifPolicy
from parity.wire import from_json

if TYPE_CHECKING:
    from parity.exhibits import Exhibit

HERE = SideFiles(Path("here"), "onnx_")
LONG = "x" * 300
PLAIN = {
    *("pytorch/annotated_0.jpg", "pytorch/annotated_1.jpg", "pytorch/detections.json"),
    *("onnx/onnx_annotated_0.jpg", "onnx/onnx_annotated_1.jpg", "onnx/onnx_detections.json"),
    *("comparison/comparison_results.json", "comparison/comparison_plots.png"),
}


def files_in(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with what it holds."""
    return {name: (folder / name).read_bytes() for name in files_in(folder)}


def places(out: Path, *, alone: bool = True) -> PhotoFiles:
    """The places of one configuration."""
    return photo_files(out, family="ultralytics", config="m-onnx-640", backend="onnx", alone=alone)


# Names


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["dog.jpg", "my cat.png", "\u732b.webp", "a.b.jpeg"], ["dog", "my cat", "\u732b", "a.b"]),
        (["dog.png", "dog.jpg", "dog.JPEG"], ["dog.png", "dog", "dog.JPEG"]),
        (["a/dog.jpg", "b/dog.jpg", "b/dog.png", "dog.png"], ["a_dog", "b_dog", "b_dog.png", "dog"]),
        (["dog.jpg", "Dog.jpg"], ["dog.jpg", "Dog"]),
        (["e\u0301.jpg", "\u00e9.jpg"], ["e\u0301", "\u00e9.jpg"]),
        (["sub/only.jpg"], ["only"]),
        (["Screenshot 1.00\u202fPM.png"], ["Screenshot 1.00\u202fPM"]),
        (["a\nb.jpg", "\u202egnp.jpg", "\x1b[31m.jpg", os.fsdecode(b"m\xff.jpg")], ["a_b", "_gnp", "_[31m", "m_"]),
    ],
)
def test_a_picture_is_called_after_its_photo(names: list[str], stems: list[str]) -> None:
    assert list(picture_stems(names)) == stems


def test_no_two_pictures_have_one_name_even_where_case_does_not_count() -> None:
    names = [
        f"{folder}{stem}{suffix}" for folder in ("", "a/", "a_", "A/") for stem in ("dog", "Dog") for suffix in (".jpg", ".png", ".JPG")
    ]
    stems = picture_stems([*names, *names])
    assert len({stem.casefold() for stem in stems}) == 2 * len(names)


@pytest.mark.parametrize("name", [*HOSTILE, LONG, "\U0001f600" * 100])
def test_every_name_can_be_written_beside_nothing_else(name: str, tmp_path: Path) -> None:
    (stem,) = picture_stems([f"{name}.jpg"])
    target = replace(HERE, folder=tmp_path).picture(stem)
    target.write_bytes(b"")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert len(set(picture_stems([f"{LONG}1.jpg", f"{LONG}2.jpg"]))) == 2


# Places


@pytest.mark.parametrize(
    ("family", "backend", "folders"),
    [
        ("ultralytics", "onnx", ("pytorch", "onnx", "onnx_")),
        ("torchvision", "torchscript", ("pytorch", "torchscript", "torchscript_")),
        ("ultralytics", "predictions", ("pytorch", "predictions", "predictions_")),
        ("ultralytics", "pytorch", ("pytorch", "candidate", "candidate_")),
        ("predictions", "predictions", ("reference", "predictions", "predictions_")),
        ("predictions", "pytorch", ("reference", "pytorch", "pytorch_")),
    ],
)
def test_folders_are_named_after_what_runs_there(family: str, backend: str, folders: tuple[str, str, str]) -> None:
    found = photo_files(Path("out"), family=family, config="c", backend=backend, alone=True)
    assert (found.reference.folder.name, found.candidate.folder.name, found.candidate.prefix) == folders
    assert found.reference.prefix == ""


def test_several_configurations_have_a_folder_each() -> None:
    assert places(Path("out"), alone=False).candidate.detections == Path("out/m-onnx-640/onnx/onnx_detections.json")


# What is written


def test_one_configuration_writes_exactly_the_promised_files(tmp_path: Path) -> None:
    written(tmp_path / "out", exhibit(tmp_path, [different(), agreeing()]))
    assert files_in(tmp_path / "out") == PLAIN


def test_several_configurations_write_them_one_level_deeper(tmp_path: Path) -> None:
    one = exhibit(tmp_path, [different(), agreeing()])
    written(tmp_path / "out", one, replace(one, config="m-onnx-320"))
    assert files_in(tmp_path / "out") == {f"{config}/{name}" for config in ("m-onnx-640", "m-onnx-320") for name in PLAIN}


def test_detections_name_their_photo_picture_and_size(tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [different()], files=("sub/a b.png",)))
    found = from_json(SideDetections, files.candidate.detections.read_bytes(), source="detections")
    (image,) = found.images
    assert (image.file_name, image.picture, image.width, image.height) == ("sub/a b.png", "onnx_annotated_a b.jpg", 160, 120)
    assert [each.score for each in image.detections] == [0.9, 0.7, 0.6, 0.45, 0.4]
    assert image.detections[1].box_xyxy == (5.0, 60.0, 40.0, 95.0)
    assert (found.side.role, found.side.backend, found.settings.config) == ("candidate", "onnx", "m-onnx-640")


def test_the_comparison_is_that_of_the_exhibit(tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [different(), agreeing()]))
    found = from_json(PhotosComparison, files.results.read_bytes(), source="comparison")
    assert [image.agrees for image in found.images] == [False, True]
    assert (found.total.parity.images_agreeing, found.total.parity.matched) == (1, 5)


@pytest.mark.parametrize(("policy", "size"), [(ExifPolicy.APPLY, (120, 160)), (ExifPolicy.IGNORE, (160, 120))])
def test_a_turned_photo_is_drawn_as_the_reference_reads_it(policy: ExifPolicy, size: tuple[int, int], tmp_path: Path) -> None:
    turned = exhibit(tmp_path, [agreeing()])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((120, 160, 3), np.uint8)).save(tmp_path / "0.jpg", exif=exif)
    photo = replace(turned.images[0], path=tmp_path / "0.jpg")
    (files,) = written(tmp_path / "out", replace(turned, images=(photo,), exif=policy))
    (image,) = from_json(SideDetections, files.reference.detections.read_bytes(), source="detections").images
    with Image.open(files.reference.picture("0")) as drawn:
        assert (image.width, image.height) == size
        assert drawn.size == tuple(2 * side for side in size)  # enlarged, since it is so small
        assert not drawn.getexif()


def test_a_photo_without_detections_has_a_picture(tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [compared(Detections.none(), Detections.none())]))
    assert files.reference.picture("0").is_file()
    assert files.chart.is_file()


def test_outputs_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    broken = Detections.best_first([(np.nan, 0, 1, 1)], [0.5], [0])
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [compared(Detections.none(), broken)]))
    (image,) = from_json(SideDetections, files.candidate.detections.read_bytes(), source="detections").images
    assert (image.detections, image.non_finite) == ((), 1)


def hostile(folder: Path) -> Exhibit:
    """Photos and classes with all hostile names."""
    both = Detections.best_first([(5, 5, 45, 45)] * len(HOSTILE), np.linspace(0.9, 0.5, len(HOSTILE)), np.arange(len(HOSTILE)))
    return exhibit(folder, [compared(both, both)] * len(HOSTILE), names=HOSTILE, files=HOSTILE)


def test_hostile_names_leave_strict_json_and_a_picture_each(tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", hostile(tmp_path))
    found = json.loads(files.reference.detections.read_text(encoding="utf-8"))
    assert len({image["picture"] for image in found["images"]}) == len(HOSTILE)
    assert all((files.reference.folder / image["picture"]).is_file() for image in found["images"])
    assert files_in(tmp_path / "out") == {f"{path.parent.name}/{path.name}" for path in (tmp_path / "out").glob("*/*")}  # none escaped
    unicode = {name for name in HOSTILE if name == name.encode(errors="ignore").decode()}
    assert {each["class_name"] for each in found["images"][0]["detections"]} >= unicode


# What is replaced, and what is not


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    shown = exhibit(tmp_path, [different(), agreeing()])
    written(tmp_path / "out", shown)
    before = content(tmp_path / "out")
    written(tmp_path / "out", shown)
    assert content(tmp_path / "out") == before


def test_pictures_of_an_earlier_run_go_and_nothing_else(tmp_path: Path) -> None:
    two = exhibit(tmp_path, [different(), agreeing()])
    written(tmp_path / "out", two)
    own = {"pytorch/annotated_mine.jpg", "onnx/notes.txt", "comparison/mine.png", "mine.txt"}
    [(tmp_path / "out" / name).write_text("mine") for name in own]
    written(tmp_path / "out", replace(two, images=two.images[:1], comparisons=two.comparisons[:1]))
    assert files_in(tmp_path / "out") == {name for name in PLAIN if "annotated_1" not in name} | own


@pytest.mark.parametrize("picture", ["../../precious.jpg", "/precious.jpg", "notes.txt", "annotated_../../precious.jpg", "annotated_x.png"])
def test_a_list_of_pictures_that_names_another_file_removes_nothing(picture: str, tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [agreeing()]))
    listed = json.loads(files.reference.detections.read_text(encoding="utf-8"))
    listed["images"][0]["picture"] = picture
    files.reference.detections.write_text(json.dumps(listed), encoding="utf-8")
    others = [tmp_path / "precious.jpg", files.reference.folder / "notes.txt", files.reference.folder / "annotated_x.png"]
    [path.write_text("mine") for path in others]
    written(tmp_path / "out", exhibit(tmp_path, [agreeing()]))
    assert [path.read_text() for path in others] == ["mine"] * 3


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 2}'])
def test_a_damaged_list_of_an_earlier_run_is_replaced(damage: str, tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [agreeing()]))
    files.reference.detections.write_text(damage)
    written(tmp_path / "out", exhibit(tmp_path, [agreeing()]))
    assert json.loads(files.reference.detections.read_bytes())["schema"] == 1


# What is refused before anything runs


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of one photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "a.jpg")
    return folder


def check(photos: Path, out: Path) -> None:
    """Ask whether pictures of these photos may go there."""
    dataset = open_dataset(photos, allow_missing_labels=True)
    check_photo_folders(GateRequest(Path("m.pt"), data=photos, photos=out), dataset, dataset, [places(out)])


def test_a_folder_of_its_own_will_do(photos: Path, tmp_path: Path) -> None:
    check(photos, tmp_path / "new" / "out")
    check(photos, tmp_path)  # which the photos lie in, but not where anything is written


@pytest.mark.parametrize("out", ["photos", "photos/out", "photos/../photos/a/b"])
def test_pictures_never_join_the_photos(out: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in the folder of images"):
        check(photos, tmp_path / out)


def test_nor_through_a_link(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/onnx").symlink_to(photos)
    with pytest.raises(UsageError, match="lies in the folder of images"):
        check(photos, tmp_path / "out")


def test_pictures_of_an_earlier_run_may_not_be_compared_into_their_own_folder(photos: Path, tmp_path: Path) -> None:
    photos.rename(tmp_path / "onnx")
    with pytest.raises(UsageError, match="lies in the folder of images"):
        check(tmp_path / "onnx", tmp_path)


def test_a_photo_is_never_replaced_through_a_link(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out/pytorch").mkdir(parents=True)
    (tmp_path / "out/pytorch/annotated_a.jpg").symlink_to(photos / "a.jpg")
    with pytest.raises(UsageError, match="holds an input"):
        check(photos, tmp_path / "out")


def test_a_folder_in_the_place_of_a_file_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out/pytorch/detections.json").mkdir(parents=True)
    with pytest.raises(UsageError, match="or a folder, where a file is written"):
        check(photos, tmp_path / "out")


@pytest.mark.parametrize("name", ["pytorch/detections.json", "onnx/onnx_detections.json", "comparison/comparison_results.json"])
def test_a_file_of_somebody_else_is_not_replaced(photos: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "out" / name
    target.parent.mkdir(parents=True)
    target.write_text('{"mine": true}')
    with pytest.raises(UsageError, match="none of an earlier run"):
        check(photos, tmp_path / "out")


def test_what_an_earlier_run_has_written_is_replaced(photos: Path, tmp_path: Path) -> None:
    written(tmp_path / "out", exhibit(tmp_path, [agreeing()]))
    check(photos, tmp_path / "out")


def test_a_file_in_the_place_of_a_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/onnx").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written"):
        check(photos, tmp_path / "out")


def test_pictures_are_read_as_jpeg(tmp_path: Path) -> None:
    (files,) = written(tmp_path / "out", exhibit(tmp_path, [different()]))
    with Image.open(BytesIO(files.candidate.picture("0").read_bytes())) as drawn:
        assert drawn.format == "JPEG"
