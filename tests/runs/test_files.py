"""What the commands leave in a run directory, and that it is right."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageOps
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.console import Console
from runs.conftest import TRIANGLES, Parity, copy_data

from parity.datasets.base import digest
from parity.images import read_image
from parity.models.run_directory import RunDirectory
from parity.report.runs import print_outcome
from parity.runs import places
from parity.runs.comparison import RunComparison, compare
from parity.runs.conversion import unfenced
from parity.runs.evaluation import Kept, read_evaluation
from parity.runs.workflow import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

Evaluated = tuple[Path, Path]
ORIENTATION = 0x0112  # the EXIF tag
PTH, ONNX = "eval_triangles_best_model_pth", "eval_triangles_model_onnx"


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text())


def test_every_file_is_written_under_its_name(evaluated: Evaluated) -> None:
    run, _ = evaluated
    assert {path.name for path in (run / "onnx_model").iterdir()} == {
        *("model.onnx", "model.onnx.manifest.json", "conversion_summary.txt", "comparison.json")
    }
    for folder, side in ((PTH, "pytorch"), (ONNX, "onnx")):
        names = {f"{side}_metrics.json", f"{side}_predictions.json", "ground_truth_coco.json", "visualizations"}
        assert {path.name for path in (run / folder).iterdir()} == names
        pictures = sorted(path.name for path in (run / folder / "visualizations").iterdir())
        assert pictures == ["0000_detected.png", "0001_detected.png", "0002_detected.png"]


def test_the_comparison_says_excellent_on_evidence(evaluated: Evaluated) -> None:
    run, _ = evaluated
    found = read(run / "onnx_model/comparison.json")
    assert (found["available"], found["acceptability"]) == (True, "excellent")
    assert (found["dataset"]["same_images"], found["dataset"]["same_ground_truth"]) == (True, True)
    assert found["largest_absolute_difference"] < 0.001
    assert all(found[side][name] > 0.5 for side in ("pytorch", "onnx") for name in ("AP", "AP50", "AP75", "AR100"))
    assert set(found["difference"]) == {"AP", "AP50", "AP75", "AR100"}


@pytest.mark.parametrize(("folder", "side"), [(PTH, "pytorch"), (ONNX, "onnx")])
def test_pycocotools_reads_the_files_and_finds_the_same_numbers(evaluated: Evaluated, folder: str, side: str) -> None:
    place = evaluated[0] / folder
    truth = COCO(str(place / "ground_truth_coco.json"))
    theirs = COCOeval(truth, truth.loadRes(str(place / f"{side}_predictions.json")), "bbox")
    theirs.evaluate()
    theirs.accumulate()
    theirs.summarize()
    ours = read(place / f"{side}_metrics.json")["metrics"]
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
    assert [ours[name] if ours[name] is not None else -1 for name in names] == pytest.approx(list(theirs.stats), abs=1e-9)
    assert ours["AP"] > 0.5


def test_the_ground_truth_names_files_and_sizes(evaluated: Evaluated) -> None:
    run, data = evaluated
    for entry in read(run / ONNX / "ground_truth_coco.json")["images"]:
        assert read_image(data / "data" / entry["file_name"]).shape == (entry["height"], entry["width"], 3)


def test_the_usage_example_in_the_summary_runs_as_it_stands(evaluated: Evaluated, tmp_path: Path) -> None:
    text = (evaluated[0] / "onnx_model/conversion_summary.txt").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert re.match(r"(red|blue)_triangle [01]\.\d+ \[", printed_by(example, tmp_path))


def test_the_usage_example_turns_an_image_as_its_exif_says(evaluated: Evaluated, tmp_path: Path) -> None:
    text = (evaluated[0] / "onnx_model/conversion_summary.txt").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (image,) = re.findall(r"Image.open\('(.*?)'\)", example)
    upright = Image.open(image).convert("RGB")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert ImageOps.exif_transpose(Image.open(tmp_path / "turned.png")).tobytes() == upright.tobytes()

    turned = printed_by(example.replace(image, str(tmp_path / "turned.png")), tmp_path)

    assert turned == printed_by(example, tmp_path)
    assert turned


def printed_by(example: str, folder: Path) -> str:
    """What a Python program prints."""
    command = [sys.executable, "-c", example]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120).stdout


def test_the_quick_start_of_the_readme_works_verbatim(evaluated: Evaluated) -> None:
    run, data = evaluated
    path = next(iter(sorted((data / "data").glob("test_*.jpg"))))

    img_tensor = np.array(Image.open(path).convert("RGB")).astype(np.float32) / 255.0
    session = onnxruntime.InferenceSession(str(run / "onnx_model/model.onnx"))
    locations, scores, categories = session.run(None, {"input": img_tensor.transpose(2, 0, 1)[np.newaxis, ...]})

    assert locations.shape == (1, scores.shape[1], 4)
    assert set(categories.ravel().tolist()) <= {1, 2}
    assert ((locations >= 0) & (locations <= 1)).all()


def test_the_summary_says_what_was_checked(evaluated: Evaluated) -> None:
    text = (evaluated[0] / "onnx_model/conversion_summary.txt").read_text()
    assert "Architecture: fasterrcnn_light_fpn, 3 classes with the background" in text
    assert re.search(r"Agreement: \d+ detections, at most", text)


def test_the_summary_tells_the_file_from_weights_and_configuration(evaluated: Evaluated) -> None:
    run, _ = evaluated
    text = (run / "onnx_model/conversion_summary.txt").read_text()
    assert f"Checkpoint file sha256: {hashlib.sha256((run / 'best_model.pth').read_bytes()).hexdigest()}\n" in text
    identity = read(run / PTH / "pytorch_metrics.json")["checkpoint_sha256"]
    assert f"Checkpoint identity (weights and configuration): {identity}\n" in text


def test_hostile_class_names_stay_within_their_place_in_the_summary(run: Path, tmp_path: Path, parity: Callable[..., Parity]) -> None:
    config = run / ".hydra/config.yaml"
    config.write_text(config.read_text().replace("red_triangle", '"```\\n\\e[31m\\\\`red"'))
    assert parity("convert", run, "--image-input", TRIANGLES / "data/test_0006.jpg")[0] == 0

    text = (run / "onnx_model/conversion_summary.txt").read_text()

    assert "\x1b" not in text
    assert text.count("```") == 2
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (names,) = re.findall(r"^names = (.*)$", example, re.MULTILINE)
    assert "```\n\x1b[31m\\`red" in ast.literal_eval(names)


@pytest.mark.parametrize("value", ["```", "\\```", "'`\"", "plain"])
def test_an_unfenced_literal_has_the_same_value(value: str) -> None:
    assert ast.literal_eval(unfenced(repr(value))) == value
    assert "`" not in unfenced(repr(value))


def test_boxes_are_drawn_on_the_pictures(evaluated: Evaluated) -> None:
    run, data = evaluated
    drawn = read_image(run / ONNX / "visualizations/0002_detected.png").astype(int)
    plain = read_image(max((data / "data").glob("test_*.jpg"))).astype(int)
    assert drawn.shape == plain.shape
    assert 10 < (np.abs(drawn - plain).max(axis=2) > 30).sum() < drawn.shape[0] * drawn.shape[1]


def test_an_evaluation_that_is_there_is_not_made_again(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    assert parity("eval", run, "--dataset-dir", data, "--visualizations", 0)[0] == 0
    before = (run / PTH / "pytorch_metrics.json").stat().st_mtime_ns

    assert parity("convert", run, "--dataset-dir", data, "--evaluate-converted-model", "--visualizations", 0)[0] == 0

    assert (run / PTH / "pytorch_metrics.json").stat().st_mtime_ns == before
    assert read(run / "onnx_model/comparison.json")["acceptability"] == "excellent"


def test_other_data_of_the_same_name_get_a_folder_of_their_own(
    run: Path, data: Path, tmp_path: Path, parity: Callable[..., Parity]
) -> None:
    other = copy_data(tmp_path / "elsewhere/triangles", every=20)
    for folder in (data, other):
        assert parity("eval", run, "--dataset-dir", folder, "--visualizations", 0)[0] == 0
    found = {path.name: read(path / "pytorch_metrics.json")["dataset"]["images"] for path in run.glob("eval_*")}
    assert sorted(found.values()) == [3, 12]
    assert found[PTH] == 12


def test_another_checkpoint_has_files_of_its_own(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    other = run / "epoch_3.pth"
    other.write_bytes((run / "best_model.pth").read_bytes())

    words = ("--dataset-dir", data, "--checkpoint-path", other, "--evaluate-converted-model", "--visualizations", 0)
    assert parity("convert", run, *words)[0] == 0

    assert (run / "onnx_model/epoch_3.onnx").is_file()
    assert {path.name for path in run.glob("eval_*")} == {"eval_triangles_epoch_3_pth", "eval_triangles_epoch_3_onnx"}


def test_a_checkpoint_called_model_does_not_take_the_place_of_the_best(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    (run / "model.pth").write_bytes((run / "best_model.pth").read_bytes())
    for words in ((), ("--checkpoint-path", run / "model.pth")):
        assert parity("convert", run, "--dataset-dir", data, *words)[0] == 0
    assert len(list((run / "onnx_model").glob("model*.onnx"))) == 2


def test_the_run_and_the_data_are_left_as_they_were(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    def content() -> dict[Path, bytes]:
        paths = [*data.rglob("*"), run / "best_model.pth", run / ".hydra/config.yaml"]
        return {path: path.read_bytes() for path in paths if path.is_file()}

    before = content()
    assert parity("convert", run, "--dataset-dir", data, "--evaluate-converted-model", "--visualizations", 1)[0] == 0
    assert content() == before


def kept_sides(run: Path) -> list[Kept]:
    """Both evaluations of a run."""
    sides = ((run / PTH, places.PYTORCH), (run / ONNX, places.ONNX))
    return [Kept(folder, found) for folder, side in sides if (found := read_evaluation(folder, side)) is not None]


@pytest.mark.parametrize(("counts", "word"), [((0, 0), "warning"), ((5, 0), "warning"), ((0, 5), "warning"), ((5, 5), "excellent")])
def test_a_side_that_detects_nothing_is_a_warning(evaluated: Evaluated, counts: tuple[int, int], word: str) -> None:
    kept = [replace(one, found=replace(one.found, detections=count)) for one, count in zip(kept_sides(evaluated[0]), counts, strict=True)]
    assert (
        compare(
            RunComparison(available=False, dataset_name="triangles", checkpoint="best_model.pth", checkpoint_sha256=""), *kept
        ).acceptability
        == word
    )


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (lambda text: text.replace('"AP": 0.', '"AP": 0.1', 1), "onnx_metrics.json"),
        (lambda text: text.replace('"schema": 2', '"schema": 3', 1), "onnx_metrics.json"),
        (lambda _: None, "onnx_predictions.json"),
        (lambda _: None, "ground_truth_coco.json"),
    ],
)
def test_an_evaluation_that_is_not_whole_is_none(done: Evaluated, change: Callable[[str], str | None], file: str) -> None:
    path = done[0] / ONNX / file
    changed = change(path.read_text())
    assert changed != path.read_text()
    path.unlink() if changed is None else path.write_text(changed)
    assert [kept.found.side for kept in kept_sides(done[0])] == ["pytorch"]


def test_an_evaluation_of_the_other_side_is_none(done: Evaluated) -> None:
    folder = done[0] / PTH
    for name in ("metrics", "predictions"):
        (folder / f"onnx_{name}.json").write_bytes((folder / f"pytorch_{name}.json").read_bytes())
    assert read_evaluation(folder, places.ONNX) is None


def test_an_evaluation_of_another_onnx_file_is_not_compared(done: Evaluated, parity: Callable[..., Parity]) -> None:
    run, data = done
    model = run / "onnx_model/model.onnx"
    assert parity("eval", run, "--dataset-dir", data, "--compare")[0] == 0
    model.write_bytes(model.read_bytes() + b"\0")
    code, _, said = parity("eval", run, "--dataset-dir", data, "--compare")
    assert (code, "not of the ONNX file that is there" in said) == (10, True)


def test_a_folder_that_is_not_ours_is_left_alone(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    words = ("eval", run, "--dataset-dir", data, "--visualizations", 1)
    theirs = run / PTH / "visualizations"
    theirs.mkdir(parents=True)
    (theirs / "holiday.png").write_text("mine")
    assert parity(*words)[0] == 0
    assert [path.name for path in theirs.parent.rglob("*")] == ["visualizations", "holiday.png"]

    (own,) = run.glob(f"{PTH}_*")
    (own / "notes.txt").write_text("mine")
    (own / "pytorch_metrics.json").unlink()
    code, _, said = parity(*words)
    assert (code, "holds files that are not of an evaluation" in said) == (4, True)
    assert (own / "visualizations/0000_detected.png").is_file()


def test_only_pictures_of_ours_are_replaced(done: Evaluated, parity: Callable[..., Parity]) -> None:
    run, data = done
    (run / PTH / "visualizations/holiday.png").write_text("mine")
    assert parity("eval", run, "--dataset-dir", data, "--visualizations", 1)[0] == 0
    assert {path.name for path in (run / PTH / "visualizations").iterdir()} == {"0000_detected.png", "holiday.png"}


def test_a_comparison_is_not_replaced_by_none_of_other_data(done: Evaluated, parity: Callable[..., Parity]) -> None:
    run, data = done
    file, other = run / "onnx_model/comparison.json", copy_data(data.parent / "tri-angles", every=20)
    lines = (other / "dataset.jsonl").read_text().splitlines(keepends=True)
    lines[0] = re.sub(r'"(red|blue)_triangle"', '"green_triangle"', lines[0])
    (other / "dataset.jsonl").write_text("".join(lines))
    before = file.read_bytes()
    assert (read(file)["dataset_name"], read(file)["checkpoint"]) == ("triangles", "best_model.pth")

    code, said, _ = parity("eval", run, "--dataset-dir", other, "--visualizations", 0)

    assert (code, file.read_bytes()) == (0, before)
    assert "note: the model lacks these classes, whose objects lower AP: green_triangle" in " ".join(said.split())
    assert read(run / "eval_tri-angles_best_model_pth/pytorch_metrics.json")["only_dataset"] == ["green_triangle"]
    assert parity("eval", run, "--dataset-dir", other, "--compare")[0] == 10
    assert (read(file)["available"], read(file)["dataset_name"]) == (False, "tri-angles")


def test_what_is_missing_is_named_where_it_would_lie(done: Evaluated, tmp_path: Path, parity: Callable[..., Parity]) -> None:
    run, _ = done
    other = copy_data(tmp_path / "elsewhere/triangles", every=20)
    code, _, said = parity("eval", run, "--dataset-dir", other, "--compare")
    (named,) = re.findall(r"ONNX evaluation metrics not found: (.*?);", said)
    assert (code, Path(named).exists(), f"{ONNX}_" in named) == (10, False, True)


@pytest.mark.parametrize(
    ("name", "part"),
    [("tri-angles", "tri-angles"), ("a+b=c.d", "a+b=c.d"), (".hidden", "hidden-"), ("a b", "a_b-"), ("n" * 200, "n" * 60)],
)
def test_a_folder_is_named_as_the_data_are(name: str, part: str) -> None:
    folder = places.evaluation_path(RunDirectory(Path("run"), Path("run/best_model.pth")), places.PYTORCH, name, "")
    assert folder.name.startswith(f"eval_{part}")
    assert folder.name.endswith("_best_model_pth")


def test_classes_of_one_side_and_what_is_reused_are_printed(evaluated: Evaluated) -> None:
    pytorch, onnx = kept_sides(evaluated[0])
    found = replace(pytorch.found, only_dataset=("green\x1b[31m",), only_model=("black",))
    console = Console(file=io.StringIO(), width=1000)
    print_outcome(RunOutcome(evaluations=(Kept(pytorch.folder, found, before=True), onnx)), console)
    said = console.file.getvalue()
    assert "note: the model lacks these classes, whose objects lower AP: green\\x1b[31m\n" in said
    assert "note: only the model has these classes, which are not measured: black\n" in said
    assert f"{PTH} (kept from before)\n" in said
    assert f"{ONNX}\n" in said


def test_the_images_are_hashed_once(done: Evaluated, parity: Callable[..., Parity], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr("parity.runs.evaluation.digest", lambda *parts: calls.append(parts) or digest(*parts))
    assert parity("eval", done[0], "--dataset-dir", done[1], "--compare")[0] == 0
    assert len(calls) == 2
