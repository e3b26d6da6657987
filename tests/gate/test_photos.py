"""A folder of photos as people have them, compared by the embedded model and its export: every promised file, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate.running import SIDE, tree_digest
from PIL import Image

from parity.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHAPES = Path(__file__).parents[2] / "fixtures/shapes/images/val"
# as they lie in the folder, and how their pictures are called
PHOTOS = {
    "crowd.jpg": ("crowd_two_classes_0.jpg", "crowd"),
    "crowd.png": ("tower.png", "crowd.png"),
    "holiday/crowd.jpg": ("val_0028.jpg", "holiday_crowd"),
    "a b (\u732b) $x.jpeg": ("border_0.jpg", "a b (\u732b) $x"),
    "turned.jpg": ("exif_orientation_6.jpg", "turned"),
    "nothing.webp": ("empty.jpg", "nothing"),
}
OTHERS = {"result.json", "report.txt", "comparison/comparison_results.json", "comparison/comparison_plots.png"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos, and what else lies in such folders."""
    folder = tmp_path_factory.mktemp("camera") / "my photos"
    (folder / "holiday").mkdir(parents=True)
    for name, (source, _) in PHOTOS.items():
        shutil.copy(SHAPES / source, folder / name)
    Image.open(SHAPES / "empty.jpg").save(folder / "nothing.webp")
    (folder / "Thumbs.db").write_bytes(b"x")
    return folder


@pytest.fixture
def compare(reference: Path, exported: Path, photos: Path, loaded_once: None, tmp_path: Path) -> Callable[..., int]:
    """Compare the checkpoint with its export on the photos."""

    def run(*others: object, candidates: Sequence[Path] = (exported,), images: Path = photos, out: Path = tmp_path / "outputs") -> int:
        sides = ["--reference", reference, *(word for candidate in candidates for word in ("--candidate", candidate))]
        folders = ["--images", images, "--out", out]
        words = ["compare", *sides, *folders, "--imgsz", SIDE, "--threads", 1, "--no-latency", "--no-diagnosis", *others]
        return main([str(word) for word in words])

    return run


def files_in(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def read(path: Path) -> Any:
    """JSON."""
    return json.loads(path.read_bytes())


def squeezed(text: str) -> str:
    """Text without the places where it was folded."""
    return " ".join(text.split())


def test_a_healthy_export_writes_every_promised_file_and_changes_no_photo(
    compare: Callable[..., int], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree_digest(photos)
    assert compare() == 0
    reference = {f"pytorch/annotated_{stem}.jpg" for _, stem in PHOTOS.values()} | {"pytorch/detections.json"}
    candidate = {f"onnx/onnx_annotated_{stem}.jpg" for _, stem in PHOTOS.values()} | {"onnx/onnx_detections.json"}
    assert files_in(tmp_path / "outputs") == reference | candidate | OTHERS
    assert tree_digest(photos) == before
    shown = squeezed(capsys.readouterr().out)
    assert "photo side found objects confidence agree" in shown
    assert "all 6 photos pytorch" in shown
    assert "6/6" in shown
    assert f"pictures, detections and charts: {tmp_path / 'outputs'}" in shown


def test_what_is_written_agrees_with_itself_and_with_the_result(compare: Callable[..., int], tmp_path: Path) -> None:
    compare()
    out = tmp_path / "outputs"
    result, found = read(out / "result.json"), read(out / "comparison/comparison_results.json")
    reference, candidate = read(out / "pytorch/detections.json"), read(out / "onnx/onnx_detections.json")
    assert found["total"]["parity"] == result["configs"][0]["parity"]
    assert {image["file_name"] for image in found["images"]} == set(PHOTOS)
    counts = [[len(image["detections"]) for image in side["images"]] for side in (reference, candidate)]
    assert counts[0] == counts[1] == [image["reference"]["detections"] for image in found["images"]]
    assert sum(counts[0]) == result["configs"][0]["parity"]["reference_detections"] > 10
    assert min(pair["iou"] for image in found["images"] for pair in image["pairs"]) > 0.999
    stems = {image["file_name"]: image["picture"] for image in candidate["images"]}
    assert stems == {name: f"onnx_annotated_{stem}.jpg" for name, (_, stem) in PHOTOS.items()}


def test_pictures_are_upright_and_as_large_as_the_photo_says(compare: Callable[..., int], tmp_path: Path) -> None:
    compare()
    out = tmp_path / "outputs"
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in read(out / "pytorch/detections.json")["images"]}
    with Image.open(SHAPES / "exif_orientation_6.jpg") as stored, Image.open(out / "pytorch/annotated_turned.jpg") as drawn:
        assert sizes["turned.jpg"] == drawn.size == stored.size[::-1]


def test_a_second_run_on_the_same_folder_finds_the_same(compare: Callable[..., int], tmp_path: Path) -> None:
    compare("--no-cache")
    before = tree_digest(tmp_path / "outputs")
    compare("--no-cache")
    assert tree_digest(tmp_path / "outputs") == before


def test_a_candidate_that_finds_nothing_disagrees(compare: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.json").write_text("[]")
    assert compare(candidates=[tmp_path / "none.json"]) == 1
    found = read(tmp_path / "outputs/comparison/comparison_results.json")
    assert found["total"]["classes"]["both"] == []
    assert found["total"]["candidate"] == {"detections": 0, "objects": [], "confidence": None}
    assert [image["agrees"] for image in found["images"] if image["reference"]["detections"] == 0] == [True]
    assert (tmp_path / "outputs/predictions/predictions_annotated_crowd.jpg").is_file()
    assert "only the reference finds: " in capsys.readouterr().out


def test_several_sizes_have_a_folder_each(compare: Callable[..., int], exported: Path, reference: Path, tmp_path: Path) -> None:
    assert compare("--limit", 1, candidates=[exported, reference]) == 0
    ids = [config["id"] for config in read(tmp_path / "outputs/result.json")["configs"]]
    assert ids == ["yolov8n_shapes-onnx-320", "yolov8n_shapes-pytorch-320"]
    folders = {path.relative_to(tmp_path / "outputs").as_posix() for path in (tmp_path / "outputs").glob("*/*") if path.is_dir()}
    assert folders == {f"{ids[0]}/{name}" for name in ("pytorch", "onnx", "comparison")} | {
        f"{ids[1]}/{name}" for name in ("pytorch", "candidate", "comparison")
    }


def test_two_lists_of_detections_are_named_by_number(compare: Callable[..., int], photos: Path, tmp_path: Path) -> None:
    rows = [{"file_name": "turned.jpg", "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.9}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    words = ["--reference", str(tmp_path / "a.json"), "--candidate", str(tmp_path / "a.json"), "--images", str(photos)]
    main(["compare", *words, "--out", str(tmp_path / "outputs"), "--no-latency"])
    found = read(tmp_path / "outputs/reference/detections.json")
    assert [each["class_name"] for image in found["images"] for each in image["detections"]] == ["class 1"]
    assert (tmp_path / "outputs/predictions/predictions_detections.json").is_file()


@pytest.mark.parametrize("out", [".", "outputs"])
def test_outputs_never_lie_among_the_photos(
    compare: Callable[..., int], photos: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree_digest(photos)
    assert compare(out=photos / out) == 4
    assert "--out lies in the folder of images, which its pictures would join" in capsys.readouterr().err
    assert tree_digest(photos) == before
