"""What is wrong with a request is said in the words that were agreed, with the exit code for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from runs.conftest import TRIANGLES, Parity, copy_data

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE = TRIANGLES / "data/test_0006.jpg"


def test_no_checkpoint(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    (run / "best_model.pth").unlink()
    code, _, said = parity("convert", run, "--dataset-dir", data)
    assert code == 10
    assert said.startswith("error: Checkpoint not found")
    assert "check that this is the run directory" in said


def test_no_run_directory(tmp_path: Path, data: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("convert", tmp_path / "absent", "--dataset-dir", data)
    assert code == 10
    assert said.startswith("error: Checkpoint not found: there is no run directory")


def test_another_checkpoint_that_is_not_there(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("eval", run, "--dataset-dir", data, "--checkpoint-path", run / "epoch_7.pth")
    assert code == 10
    assert said.startswith("error: Checkpoint not found")
    assert "epoch_7.pth; found best_model.pth" in said


def test_no_hydra_config(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    (run / ".hydra/config.yaml").unlink()
    code, _, said = parity("convert", run, "--dataset-dir", data)
    assert code == 10
    assert said.startswith("error: Hydra config not found")
    assert ".hydra/config.yaml" in said


def test_nothing_to_convert_with(run: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("convert", run)
    assert code == 4
    assert said.startswith("error: Either --image-input or --dataset-dir must be provided")


def test_nothing_to_evaluate_on(run: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("convert", run, "--image-input", IMAGE, "--evaluate-converted-model")
    assert code == 4
    assert said.startswith("error: --evaluate-converted-model requires --dataset-dir")
    assert "dataset.jsonl and data/" in said


def test_a_comparison_without_an_evaluation_of_onnx(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("eval", run, "--dataset-dir", data, "--compare")
    assert code == 10
    assert said.startswith("error: ONNX evaluation metrics not found")
    assert "--evaluate-converted-model" in said
    assert "eval_triangles_model_onnx" in said


def test_a_comparison_without_an_evaluation_of_pytorch(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    parity("convert", run, "--dataset-dir", data)
    parity("eval", run, "--dataset-dir", data, "--onnx", "--visualizations", 0)
    code, _, said = parity("eval", run, "--dataset-dir", data, "--compare")
    assert code == 10
    assert said.startswith("error: comparison not available")
    assert f"next: parity eval {run} --dataset-dir {data}" in said
    (missing,) = json.loads((run / "onnx_model/comparison.json").read_text())["missing"]
    assert (missing["evaluation"], missing["command"]) == ("pytorch", f"parity eval {run} --dataset-dir {data}")


def test_a_comparison_of_different_data(run: Path, data: Path, tmp_path: Path, parity: Callable[..., Parity]) -> None:
    parity("eval", run, "--dataset-dir", data, "--visualizations", 0)
    data.rename(tmp_path / "before")
    copy_data(data, every=20)
    parity("convert", run, "--dataset-dir", data)
    parity("eval", run, "--dataset-dir", data, "--onnx", "--visualizations", 0)

    code, _, said = parity("eval", run, "--dataset-dir", data, "--compare")

    assert code == 10
    assert said.startswith("error: comparison not available: the data sets differ")
    found = json.loads((run / "onnx_model/comparison.json").read_text())
    assert (found["available"], found["dataset"]["same_images"]) == (False, False)


def test_onnx_that_has_not_been_converted(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("eval", run, "--dataset-dir", data, "--onnx")
    assert code == 10
    assert "there is no converted model" in said
    assert f"next: parity convert {run}" in said


def test_onnx_of_another_checkpoint(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    parity("convert", run, "--image-input", IMAGE)
    config = run / ".hydra/config.yaml"
    config.write_text(config.read_text().replace("box_nms_thresh: 0.5", "box_nms_thresh: 0.3"))
    code, _, said = parity("eval", run, "--dataset-dir", data, "--onnx")
    assert code == 10
    assert "was not made from this checkpoint" in said


@pytest.mark.parametrize("option", ["--checkpoint-path", "--image-input", "--dataset-dir"])
def test_options_of_run_directories_do_not_go_with_targets(run: Path, option: str, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("convert", run, "--to", "onnx", option, run)
    assert (code, "does not apply here" in said) == (4, True)


def test_data_and_dataset_dir_exclude_each_other(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    assert parity("eval", run, "--dataset-dir", data, "--data", data)[0] == 4


def test_an_image_without_objects_is_said_to_show_nothing(run: Path, parity: Callable[..., Parity]) -> None:
    code, said, _ = parity("convert", run, "--image-input", TRIANGLES / "data/test_0005.jpg")
    assert code == 0
    assert "not shown: neither network detects anything on this image" in " ".join(said.split())


@pytest.mark.parametrize("device", ["cuda", "abacus"])
def test_a_device_that_is_not_there(run: Path, device: str, parity: Callable[..., Parity], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, said = parity("convert", run, "--image-input", IMAGE, "--device", device)
    assert (code, "device" in said) == (15, True)
    assert not list((run / "onnx_model").glob("*.onnx"))


def test_a_file_where_the_folder_of_onnx_should_be(run: Path, parity: Callable[..., Parity]) -> None:
    (run / "onnx_model").write_text("mine")
    code, _, said = parity("convert", run, "--image-input", IMAGE)
    assert (code, "onnx_model: cannot be written" in said) == (4, True)
    assert (run / "onnx_model").read_text() == "mine"


def test_a_file_where_the_folder_of_pictures_should_be(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    folder = run / "eval_triangles_best_model_pth"
    folder.mkdir()
    (folder / "visualizations").write_text("mine")
    code, _, said = parity("eval", run, "--dataset-dir", data)
    assert (code, "visualizations: cannot be written" in said) == (4, True)


def test_another_kind_of_data_set(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    code, _, said = parity("eval", run, "--dataset-dir", data / "data")
    assert (code, "is another kind of data set; found folder; expected --dataset-dir DIR, which holds dataset.jsonl" in said) == (4, True)


def test_data_without_labels(run: Path, data: Path, parity: Callable[..., Parity]) -> None:
    records = [json.loads(line) for line in (data / "dataset.jsonl").read_text().splitlines()]
    bare = [{key: value for key, value in record.items() if key not in ("boxes", "labels")} for record in records]
    (data / "dataset.jsonl").write_text("".join(json.dumps(record) + "\n" for record in bare))
    assert parity("eval", run, "--dataset-dir", data)[0] == 10
    assert not list(run.glob("eval_*"))
