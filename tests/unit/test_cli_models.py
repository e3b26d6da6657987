"""Every command once on a real, tiny checkpoint and a handful of images."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("ultralytics") is None:  # not importorskip: it would import without our environment
    pytest.skip("checkpoints are Ultralytics'", allow_module_level=True)

import cv2
import numpy as np
from conformance import tiny_detector

from parity import cli
from parity.metrics import METRIC_NAMES
from parity.timing import XDIST

SIDE = str(tiny_detector.SIDE)
SOME_CONFIDENCE = "0.005"  # the tiny detector has learned nothing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint, its ONNX file, and two labelled images."""
    place = tmp_path_factory.mktemp("models")
    tiny_detector.save(tiny_detector.build(), place / "tiny.pt")
    assert cli.main(["convert", str(place / "tiny.pt"), "--to", "onnx", "--imgsz", SIDE, "--out", str(place)]) == 0
    noise = np.random.default_rng(0)
    for name in ("a", "b"):
        for part in ("images", "labels"):
            (place / part).mkdir(exist_ok=True)
        cv2.imwrite(str(place / "images" / f"{name}.png"), noise.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        (place / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4\n", encoding="utf-8")
    names = ", ".join(f"{index}: {name}" for index, name in enumerate(tiny_detector.NAMES))
    (place / "data.yaml").write_text(f"train: images\nval: images\nnames: {{{names}}}\n", encoding="utf-8")
    return place


def measured(folder: Path, *arguments: str) -> Any:
    """The JSON that a command writes."""
    target = folder / "measured.json"
    assert cli.main([*arguments, "--json", str(target)]) in {0, 12}
    return json.loads(target.read_text(encoding="utf-8"))


def test_convert_says_what_it_wrote_and_how_it_was_checked(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", str(folder / "tiny.pt"), "--to", "onnx", "--imgsz", SIDE, "--out", str(tmp_path / "new")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "tiny_64.onnx" in "".join(shown.split())
    assert "checked against the checkpoint: same raw outputs on one image, within 0.05 px and 0.001 of score" in shown
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"tiny_64.onnx", "tiny_64.onnx.manifest.json"}


def test_print_spec_prints_json_and_converts_nothing(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--out", str(tmp_path / "none")]
    assert cli.main(["convert", str(folder / "tiny.pt"), "--to", "onnx", "--imgsz", "64x96", "--print-spec", *place]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert (spec["names"], spec["preprocess"]["size"]) == ([*tiny_detector.NAMES], [64, 96])
    assert not (tmp_path / "none").exists()


def test_the_gate_passes_a_faithful_export_and_tells_its_size(folder: Path) -> None:
    arguments = ("--reference", str(folder / "tiny.pt"), "--candidate", str(folder / "tiny_64.onnx"), "--data", str(folder / "data.yaml"))
    found = measured(folder, "gate", *arguments, "--conf", SOME_CONFIDENCE, "--no-latency")
    assert [(config["id"], config["imgsz"], config["conf"]) for config in found["configs"]] == [("tiny-onnx-64", [64, 64], 0.005)]
    assert found["dataset"]["images"] == found["configs"][0]["parity"]["images"] == 2


def test_compare_without_labels_says_that_ap_was_not_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ("--reference", str(folder / "tiny.pt"), "--candidate", str(folder / "tiny_64.onnx"))
    images, out = str(folder / "images"), folder / "compared"
    cli.main(["compare", *both, "--images", images, "--out", str(out), "--conf", SOME_CONFIDENCE, "--no-latency"])
    assert "the images have no labels, so AP was not checked" in capsys.readouterr().out
    found = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert found["configs"][0]["metrics"] is None
    assert "NOT CHECKED  ap_reference" in (out / "report.txt").read_text(encoding="utf-8")


def test_eval_gives_a_checkpoint_and_its_export_the_same_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data", str(folder / "data.yaml"), "--imgsz", SIDE, "--conf", SOME_CONFIDENCE)
    trained = measured(folder, "eval", str(folder / "tiny.pt"), *data)
    exported = measured(folder, "eval", str(folder / "tiny_64.onnx"), *data)
    (first,), (second,) = trained["sizes"], exported["sizes"]
    assert set(first["metrics"]) == set(METRIC_NAMES)
    assert [row["name"] for row in first["classes"]] == [*tiny_detector.NAMES]
    assert [row["objects"] for row in first["classes"]] == [2, 0, 0]
    assert first["metrics"]["AP"] == pytest.approx(second["metrics"]["AP"], abs=1e-3)
    assert "COCO numbers" in capsys.readouterr().out


def test_eval_refuses_a_size_that_a_static_file_does_not_have(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(folder / "tiny_64.onnx"), "--data", str(folder / "data.yaml"), "--imgsz", "64,96"]) == 4
    assert "the file has a fixed size; found --imgsz 96x96; expected 64x64" in capsys.readouterr().err


def test_eval_without_labels_is_bad_input_before_anything_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(folder / "tiny.pt"), "--data", str(folder / "images")]) == 10
    assert "has no labels" in capsys.readouterr().err


@pytest.fixture
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timing is refused in a worker, and these tests may run in one."""
    monkeypatch.delenv(XDIST, raising=False)


@pytest.mark.usefixtures("_no_worker")
def test_bench_times_pytorch_twice_and_every_target_and_file_at_every_setting(folder: Path) -> None:
    files = ("--to", "pytorch,onnx", "--candidate", str(folder / "tiny_64.onnx"))
    found = measured(folder, "bench", str(folder / "tiny.pt"), *files, "--imgsz", SIDE, "--batch", "1,2", "--threads", "1", "--runs", "20")
    single, double = found["settings"]
    pytorch = [("pytorch", None), ("pytorch channels_last", None)]
    assert [(row["name"], row["shape"]) for row in single["rows"]] == [*pytorch, ("onnx", "static"), ("tiny_64.onnx", "static")]
    assert [(row["name"], row["shape"]) for row in double["rows"]] == [*pytorch, ("onnx", "dynamic")]
    assert {(row["backend"], row["precision"]) for row in single["rows"]} == {("pytorch", "fp32"), ("onnx", "fp32")}
    assert (single["imgsz"], single["batch"], single["threads"], single["runs"], double["batch"]) == ([64, 64], 1, 1, 20, 2)
    assert all(row["median_ms"] > 0 and row["p95_ms"] > 0 and row["p99_ms"] is None for row in single["rows"])
    assert "tiny_64.onnx takes 1x3x64x64, and is left out where that was not asked for" in found["notes"]


@pytest.mark.usefixtures("_no_worker")
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--batch", "0"], 4, "--batch takes whole numbers; found 0; expected 1 to 1024, such as 1,8"),
        (["--threads", "many"], 4, "--threads takes whole numbers; found many; expected 1 to 1024, such as 1,8"),
        (["--imgsz", "100"], 4, "--imgsz is no size that networks take; found 100"),
        (["--runs", "19"], 4, "greater than or equal to 20"),
        (["--to", "nothing"], 4, "unknown conversion target; found nothing; expected onnx, torchscript"),
        (["--batch", "2", "--candidate", "{folder}/tiny_64.onnx"], 4, "tiny_64.onnx: takes no input that was asked for; found 1x3x64x64"),
        (["--candidate", "missing.onnx"], 10, "missing.onnx: cannot be read; found No such file or directory"),
        (["--candidate", "{folder}/data.yaml"], 10, "data.yaml: no backend opens this file; found .yaml"),
        (["--candidate", "other.pt"], 4, "more than one checkpoint"),
    ],
)
def test_bench_refuses_what_it_cannot_time_before_it_times_anything(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, said: str
) -> None:
    monkeypatch.setattr("parity.bench.Process", lambda *_, **__: pytest.fail("something was started"))
    assert cli.main(["bench", str(folder / "tiny.pt"), *(option.format(folder=folder) for option in options)]) == code
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("_no_worker")
def test_bench_without_a_runtime_that_was_asked_for_says_what_to_install(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parity.bench.Process", lambda *_, **__: pytest.fail("something was started"))
    monkeypatch.setattr("parity.convert.conversion.find_spec", lambda name: None if name == "openvino" else object())
    assert cli.main(["bench", str(folder / "tiny.pt"), "--to", "onnx,openvino", "--imgsz", SIDE]) == 15
    assert "openvino is not installed" in capsys.readouterr().err


@pytest.mark.usefixtures("_no_worker")
def test_bench_without_the_exporter_names_it(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.convert.conversion.find_spec", lambda _: None)
    assert cli.main(["bench", str(folder / "tiny.pt"), "--imgsz", SIDE]) == 15
    assert "ultralytics is not installed" in capsys.readouterr().err
