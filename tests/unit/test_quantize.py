"""A checkpoint is quantized within a budget, judged on other images than it is calibrated on, and nothing else is released."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

if find_spec("ultralytics") is None:  # not importorskip: it would import without our environment
    pytest.skip("checkpoints are Ultralytics'", allow_module_level=True)

import numpy as np
from conformance import tiny_detector

from fixtures.calibration import write_calibration_images
from parity import cli
from parity import quantize as quantizing
from parity.backends.base import open_session
from parity.convert import onnx_int8
from parity.convert.conversion import spec_at
from parity.convert.int8_files import Ingredients
from parity.convert.manifest import Manifest, manifest_path
from parity.convert.quantisation import Step
from parity.models import load_checkpoint
from parity.verdict import Verdict
from parity.wire import from_json

FIXTURES = Path(__file__).parents[2] / "fixtures"
CHECKPOINT, DATA = FIXTURES / "models" / "yolov8n_shapes.pt", FIXTURES / "shapes" / "data.yaml"
STEP = Step(0, 0.5, 0.001, (-0.01, 0.01), 1.5, (1.4, 1.6), 3.4, "pass")


@pytest.fixture(scope="module")
def training_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few images that the embedded YOLO was trained on."""
    folder = tmp_path_factory.mktemp("calibration")
    write_calibration_images(folder, 8)
    return folder


def run(out: Path, calibration: Path, *more: str) -> tuple[int, Any]:
    """The exit code and the JSON of the command, on a few images at a small size."""
    small = ("--imgsz", "128", "--limit", "24", "--threads", "1", "--calibration", str(calibration), "--out", str(out))
    code = cli.main(["quantize", str(CHECKPOINT), "--data", str(DATA), *small, "--json", str(out / "found.json"), *more])
    return code, json.loads((out / "found.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_embedded_yolo_is_quantized_and_the_file_says_how(tmp_path: Path, training_scenes: Path) -> None:
    code, found = run(tmp_path, training_scenes, "--budget", "0.2")
    file = tmp_path / "yolov8n_shapes_128_int8.onnx"
    assert (code, found["verdict"], found["released"], found["file"]) == (0, "pass", True, str(file))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", file.name, manifest_path(file).name]
    made = from_json(Manifest, manifest_path(file).read_text(encoding="utf-8"), source=file).quantisation
    assert made is not None
    assert (made.calibration.images, made.judged_images, made.budget, made.verdict) == (8, 24, 0.2, "pass")
    assert len(made.always_float) == 6
    assert [step.verdict for step in made.steps if step.returned == len(made.returned)] == ["pass"]
    with open_session(file) as session:
        assert session.precision == "int8"
    gate = ["gate", "--reference", str(CHECKPOINT), "--candidate", str(file), "--data", str(DATA), "--limit", "24", "--margin", "0.2"]
    assert cli.main([*gate, "--no-latency"]) == 0


@pytest.mark.slow
def test_what_these_images_cannot_tell_is_not_released(
    tmp_path: Path, training_scenes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizing, "conclude", lambda _: Verdict.INCONCLUSIVE)
    code, found = run(tmp_path, training_scenes, "--budget", "0.2")
    assert (code, found["verdict"], found["released"]) == (12, "inconclusive", False)
    assert Path(found["file"]).parent == tmp_path / "unreleased"
    assert not list(tmp_path.glob("*.onnx"))
    assert "not released" in capsys.readouterr().out


@pytest.mark.slow
def test_a_budget_that_cannot_be_met_leaves_nothing(
    tmp_path: Path, training_scenes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizing, "sensitivity_order", lambda bench, _: bench.graph.layers)
    monkeypatch.setattr(quantizing, "passes", lambda *_: False)
    monkeypatch.setattr(quantizing, "acceptable", lambda *_: False)
    monkeypatch.setattr(quantizing, "most_in_float", lambda *_: 1)
    code, found = run(tmp_path, training_scenes, "--budget", "0.2")
    assert (code, found["verdict"], found["file"]) == (1, "fail", None)
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
    assert [step["returned"] for step in found["quantisation"]["steps"]] == [0, 1]
    assert "nothing was written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("drop", "checks", "keeps"),
    [
        (0.005, [], True),
        (0.0051, [], False),
        (0.001, ["fail"], False),
        (0.001, ["inconclusive"], True),
    ],
)
def test_a_try_keeps_the_budget_by_its_drop_unless_a_check_failed(drop: float, checks: list[str], keeps: bool) -> None:  # noqa: FBT001
    outcome: Any = SimpleNamespace(checks=[SimpleNamespace(status=status) for status in checks])
    assert quantizing.acceptable(0.005, quantizing.Tried(Path("a.onnx"), outcome, replace(STEP, drop=drop))) is keeps


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny detector as a float32 ONNX file; ``int8.onnx`` beside it is quantised."""
    folder = tmp_path_factory.mktemp("exported")
    tiny_detector.save(tiny_detector.build(), folder / "tiny.pt")
    assert cli.main(["convert", str(folder / "tiny.pt"), "--to", "onnx", "--imgsz", "64", "--out", str(folder)]) == 0
    file = folder / "tiny_64.onnx"
    image = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    spec = spec_at(load_checkpoint(folder / "tiny.pt").spec, (64, 64))
    onnx_int8.maker(Ingredients(file, onnx_int8.float_graph(file), [image], spec, threads=1), folder).write(folder / "int8.onnx", ())
    return file


def test_an_exported_file_is_no_checkpoint(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["quantize", str(exported), "--data", str(DATA), "--out", str(tmp_path)]) == 10
    assert "is an exported file; expected the checkpoint it was made from" in capsys.readouterr().err


def test_a_file_that_is_quantised_already_is_called_so(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["quantize", str(exported.with_name("int8.onnx")), "--data", str(DATA), "--out", str(tmp_path)]) == 10
    assert "is quantised already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (("--to", "torchscript"), "this is not quantised to; found torchscript; expected onnx, openvino", 4),
        (("--imgsz", "64,128"), "a file is quantized for one size; found 2 sizes", 4),
        (("--budget", "1.5"), "--budget is out of range", 4),
        (("--calibration", str(FIXTURES / "shapes" / "images" / "val")), "every image that is offered for calibration", 4),
    ],
)
def test_options_that_do_not_fit_are_said_before_anything_is_made(
    options: tuple[str, ...], said: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["quantize", str(CHECKPOINT), "--data", str(DATA), "--out", str(tmp_path), *options]) == code
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "yolov8n_shapes_640_int8.onnx").write_bytes(b"mine")
    assert cli.main(["quantize", str(CHECKPOINT), "--data", str(DATA), "--out", str(tmp_path)]) == 4
    assert "would overwrite a file that parity has not made" in capsys.readouterr().err


def test_a_faster_rcnn_is_not_quantized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = FIXTURES / "triangles_dataset_small"
    arguments = ["--data", str(data), "--calibration", str(FIXTURES / "shapes" / "images" / "val"), "--out", str(tmp_path)]
    assert cli.main(["quantize", str(FIXTURES / "models" / "fasterrcnn_triangles"), *arguments]) == 4
    assert "this kind of model is not quantized" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
