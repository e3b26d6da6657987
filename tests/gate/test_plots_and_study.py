"""Charts of real gates, and the study of the embedded models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate.conftest import FIXTURES, QUICKLY
from gate.running import Run, assert_refused
from PIL import Image

import parity.study
import parity.workers
from parity.cli import main
from parity.timing import XDIST

if TYPE_CHECKING:
    from collections.abc import Callable

CHARTS = {"detections.png", "parity.png", "accuracy.png", "latency.png", "accuracy-latency.png"}
TIMED = {"latency.png", "accuracy-latency.png"}


def opened(folder: Path) -> set[str]:
    """The names of the charts in a folder, all of which open."""
    for path in folder.glob("*.png"):
        with Image.open(path) as chart:
            chart.load()
    return {path.name for path in folder.iterdir()}


def test_a_gate_writes_what_it_measured(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    run = judge(exported, "--plots", tmp_path / "made" / "plots")
    assert run.exit_code == 0
    assert opened(tmp_path / "made" / "plots") == CHARTS - TIMED
    assert "latency.png was not drawn: no latency was measured of two networks" in run.result["notes"]


@pytest.mark.slow
def test_processes_beside_each_other_hand_back_what_is_drawn(
    gate: Callable[..., Run], reference: Path, exported: Path, own_shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity.workers, "processors", lambda: 2)
    asked = (
        "--reference",
        reference,
        "--candidate",
        exported,
        "--candidate",
        reference,
        "--imgsz",
        160,
        "--data",
        own_shapes / "data.yaml",
    )
    gate(*asked, *QUICKLY, "--no-cache", "--workers", 2, "--plots", tmp_path / "plots")
    assert opened(tmp_path / "plots") == CHARTS - TIMED


def test_charts_do_not_go_among_the_images(gate: Callable[..., Run], reference: Path, exported: Path, own_shapes: Path) -> None:
    place = own_shapes / "images" / "val" / "plots"
    run = gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", *QUICKLY, "--plots", place)
    assert_refused(run, exit_code=4, names="--plots", says="images it would join")
    assert not place.exists()


def test_a_comparison_without_labels_draws_what_it_can(reference: Path, exported: Path, own_shapes: Path, tmp_path: Path) -> None:
    images, out = own_shapes / "images" / "val", tmp_path / "out"
    asked = ("compare", "--reference", reference, "--candidate", exported, "--images", images, "--out", out, "--plots", out / "plots")
    assert main(list(map(str, (*asked, "--threads", 1, "--no-diagnosis")))) == 0
    assert opened(out / "plots") == {"detections.png", "parity.png", "latency.png"}


# The study


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run a study of few runs into a folder, and return its JSON."""
    monkeypatch.delenv(XDIST, raising=False)  # no time is held against a limit here
    monkeypatch.setattr(parity.study, "RUNS", 2)

    def run(*arguments: object) -> Any:
        folder = tmp_path / "out"
        assert main(["bench", *map(str, arguments), "--study", str(folder), "--threads", "1"]) == 0
        return json.loads((folder / "study.json").read_text(encoding="utf-8"))

    return run


@pytest.mark.slow
def test_the_study_of_the_embedded_model_has_four_configurations(study: Callable[..., Any], shapes: Path, tmp_path: Path) -> None:
    found = study(
        FIXTURES / "models" / "yolov8n_shapes.pt", "--data", shapes / "data.yaml", "--imgsz", "320,160", "--limit", 8, "--seed", 7
    )
    assert [row["id"] for row in found["rows"]] == ["pytorch_320", "onnx_320", "pytorch_160", "onnx_160"]
    assert (found["dataset"]["images"], found["protocol"]["seed"], found["protocol"]["limit"]) == (8, 7, 8)
    onnx = found["rows"][1]
    assert (onnx["runs"], onnx["parity"]["pass_rate"], onnx["parity"]["match_rate"], onnx["verdict"]) == (16, 1.0, 1.0, "pass")
    assert onnx["metrics"] == pytest.approx(found["rows"][0]["metrics"], abs=1e-6)
    assert all(row["median_ms"] > 0 and row["fps"] > 0 and row["size_mb"] > 1 for row in found["rows"])
    assert opened(tmp_path / "out") == CHARTS | {"study.md", "study.json"}


@pytest.mark.slow
def test_a_network_that_takes_images_as_they_are_is_studied_without_a_size(study: Callable[..., Any], tmp_path: Path) -> None:
    found = study(
        FIXTURES / "models" / "fasterrcnn_triangles", "--data", FIXTURES / "triangles_dataset_small", "--imgsz", "640", "--limit", 4
    )
    assert [(row["id"], row["imgsz"]) for row in found["rows"]] == [("pytorch_native", None), ("onnx_native", None)]
    assert "the network resizes images itself, so --imgsz does not apply" in found["notes"]
    assert "study.md" in opened(tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--study", "out"), "--data"),
        (("--limit", "3"), "--study DIR"),
        (("--seed", "3"), "--study DIR"),
        (("--study", "out", "--data", "d", "--runs", "30"), "protocol of its own"),
        (("--study", "out", "--data", "d", "--batch", "2"), "protocol of its own"),
        (("--study", "out", "--data", "d", "--threads", "1,2"), "one number of threads"),
    ],
)
def test_options_that_do_not_fit_a_study_are_refused(arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(FIXTURES / "models" / "yolov8n_shapes.pt"), *arguments]) == 4
    assert says in " ".join(capsys.readouterr().err.split())
