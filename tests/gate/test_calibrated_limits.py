"""Limits that stand on the model's own noise let its exports pass and catch every fault, of the pipeline and of the predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from gate.conftest import QUICKLY
from gate.running import SIDE, assert_fails, assert_passes, assert_refused, write_rows
from gate.test_planted_faults import DAMAGES, FAULTS, Damage, Fault

from parity.calibrated import SEALED_AS, Calibration, read_calibration
from parity.calibration import calibrate
from parity.cli import main
from parity.limits import CEILINGS, FLOAT32
from parity.request import GateRequest
from parity.sealed import write_sealed
from parity.wire import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from gate.running import Run

    Rows = list[dict[str, Any]]

MOST_NOISE_FLOORS = 10


@pytest.fixture(scope="session")
def calibration(reference: Path, shapes: Path) -> Calibration:
    """The embedded model's noise on a few of the chosen images."""
    return calibrate(GateRequest(reference, data=shapes / "data.yaml", sizes=((SIDE, SIDE),), limit=3))


@pytest.fixture(scope="session")
def limits(calibration: Calibration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the calibration is written to."""
    file = tmp_path_factory.mktemp("calibrated") / "limits.json"
    write_sealed(file, SEALED_AS, calibration)
    return file


def test_the_noise_of_every_way_is_measured_and_the_limits_are_ten_times_the_largest(calibration: Calibration) -> None:
    (at,) = calibration.sizes
    assert len({noise.variant for noise in at.noise}) == len(at.noise) >= 6
    assert {noise.detections.detections for noise in at.noise} == {at.noise[0].detections.detections}
    assert at.limits.box.value == pytest.approx(10 * max(noise.head.box_px for noise in at.noise), rel=1)
    assert (at.limits.box.floor, at.limits.score.floor) == (at.floor.box_network_px, at.floor.score)
    assert at.limits.edge_rate.value == FLOAT32.edge_rate.value  # so few images have too few detections
    assert from_json(Calibration, to_json(calibration), source="c") == calibration


@pytest.mark.slow
def test_healthy_exports_pass_within_ten_noise_floors_of_other_images(
    gate: Callable[..., Run], reference: Path, shapes: Path, limits: Path, loaded_once: None
) -> None:
    asked = ("--backend", "onnx,torchscript", "--data", shapes / "data.yaml", "--imgsz", SIDE, "--limits", limits)
    run = gate("--reference", reference, *asked, *QUICKLY)
    assert run.exit_code == 0, run.result.get("checks")
    measured = [check["measured"] / check["floor"] for check in run.result["checks"] if check["floor"]]
    assert len(measured) == 4
    assert max(measured) <= MOST_NOISE_FLOORS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolov8n", "yolo11n"])
@pytest.mark.parametrize("side", [640, 320])
def test_healthy_exports_of_real_models_pass_within_ten_noise_floors(
    gate: Callable[..., Run], real_models: Path, real_data: Path, tmp_path: Path, name: str, side: int
) -> None:
    reference, data = real_models / f"{name}.pt", real_data / "data.yaml"
    limits = tmp_path / "limits.json"
    write_sealed(limits, SEALED_AS, calibrate(GateRequest(reference, data=data, sizes=((side, side),), limit=8)))
    asked = ("--backend", "onnx,torchscript", "--data", data, "--imgsz", side, "--limits", limits, "--limit", 16, "--seed", 7)
    run = gate("--reference", reference, *asked, *QUICKLY)
    assert run.exit_code == 0, run.result.get("checks")
    assert max(check["measured"] / check["floor"] for check in run.result["checks"] if check["floor"]) <= MOST_NOISE_FLOORS


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_pipeline_fails_at_calibrated_limits(
    fault: Fault, judge: Callable[..., Run], predict: Callable[..., Rows], limits: Path, tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", predict(**fault.settings)), "--limits", limits)
    assert_fails(run, failing=fault.failing)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_predictions_fail_at_calibrated_limits(
    damage: Damage, judge: Callable[..., Run], predict: Callable[..., Rows], limits: Path, tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", damage.change(predict())), "--limits", limits)
    assert_fails(run, failing=damage.failing)


def test_healthy_predictions_pass_at_calibrated_limits(
    judge: Callable[..., Run], predict: Callable[..., Rows], limits: Path, tmp_path: Path
) -> None:
    assert_passes(judge(write_rows(tmp_path / "predictions.json", predict()), "--limits", limits))


def test_limits_of_another_checkpoint_are_refused_with_both_digests(
    judge: Callable[..., Run], exported: Path, calibration: Calibration, tmp_path: Path
) -> None:
    other, own = "0" * 64, calibration.checkpoint.sha256
    file = tmp_path / "other.json"
    write_sealed(file, SEALED_AS, replace(calibration, checkpoint=replace(calibration.checkpoint, sha256=other)))
    run = judge(exported, "--limits", file)
    assert_refused(run, exit_code=14, names="other.json", says="calibrated for another checkpoint")
    assert other in run.stderr
    assert own in run.stderr


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 99}'])
def test_a_damaged_file_of_limits_is_refused(judge: Callable[..., Run], exported: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "damaged.json"
    file.write_text(text, encoding="utf-8")
    assert_refused(judge(exported, "--limits", file), exit_code=14, names="damaged.json", says="parity calibrate")


def test_limits_of_another_threshold_are_refused(judge: Callable[..., Run], exported: Path, limits: Path) -> None:
    says = "calibrated at other thresholds"
    assert_refused(judge(exported, "--limits", limits, "--conf", 0.5), exit_code=14, names="limits.json", says=says)


def test_a_size_that_was_not_calibrated_is_refused(gate: Callable[..., Run], reference: Path, shapes: Path, limits: Path) -> None:
    asked = ("--backend", "onnx", "--data", shapes / "data.yaml", "--imgsz", 192, "--limits", limits)
    assert_refused(gate("--reference", reference, *asked), exit_code=14, names="limits.json", says="calibrated at other sizes; found 192")


def test_limits_without_a_checkpoint_are_refused(
    gate: Callable[..., Run], predict: Callable[..., Rows], instances: Path, limits: Path, tmp_path: Path
) -> None:
    rows = write_rows(tmp_path / "rows.json", predict())
    run = gate("--reference", rows, "--candidate", rows, "--data", instances, "--limits", limits)
    assert_refused(run, exit_code=4, names="--limits", says="expected a checkpoint as --reference")


def test_images_without_detections_have_no_noise_to_measure(reference: Path, only_empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(reference), "--data", str(only_empty / "data.yaml"), "--imgsz", str(SIDE)]) == 10
    assert "detects nothing" in capsys.readouterr().err


def test_a_model_that_is_too_noisy_to_be_held_is_refused(
    reference: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CEILINGS, "box", replace(CEILINGS["box"], value=1e-9))
    assert main(["calibrate", str(reference), "--data", str(shapes / "data.yaml"), "--imgsz", str(SIDE), "--limit", "1"]) == 4
    assert "the limit of box says that the model is too noisy" in capsys.readouterr().err


def test_the_command_prints_the_noise_and_the_limits_and_writes_both_files(
    reference: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")  # the processes of pytest-xdist have 80, which folds a row
    asked = ["--data", str(shapes / "data.yaml"), "--imgsz", str(SIDE), "--limit", "1", "--out", str(tmp_path / "limits.json")]
    assert main(["calibrate", str(reference), *asked, "--json", str(tmp_path / "all.json")]) == 0
    written = from_json(Calibration, (tmp_path / "all.json").read_bytes(), source="all.json")
    assert read_calibration(tmp_path / "limits.json") == written
    told = capsys.readouterr().out
    assert "pytorch float64" in told
    assert "onnxruntime not optimised" in told
    assert "noise" in told
