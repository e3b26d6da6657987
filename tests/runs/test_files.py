"""What the commands leave in a run directory, and that it is right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from runs.conftest import Parity, copy_data

from parity.images import read_image

if TYPE_CHECKING:
    from collections.abc import Callable

Evaluated = tuple[Path, Path]
PTH, ONNX = "eval_triangles_best_model_pth", "eval_triangles_model_onnx"


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text())


def test_every_file_is_written_under_its_name(evaluated: Evaluated) -> None:
    run, _ = evaluated
    assert {path.name for path in (run / "onnx_model").iterdir()} == {
        *("model.onnx", "model.onnx.parity.json", "conversion_summary.txt", "comparison.json")
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
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert re.match(r"(red|blue)_triangle [01]\.\d+ \[", done.stdout)


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
