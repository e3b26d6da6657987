"""FasterRCNN through the gate: its own files pass, faults do not, and other people's exports are read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
import torch
from runs.conftest import Parity, copy_data

from parity.backends.quiet import quiet_torch
from parity.convert import convert
from parity.models import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

Gate = tuple[int, dict[str, Any], str]


@pytest.fixture
def gate(parity: Callable[..., Parity], tmp_path: Path) -> Callable[..., Gate]:
    """Run the gate; gives exit code, result and stderr."""

    def call(*words: object) -> Gate:
        target = tmp_path / "result.json"
        code, _, said = parity("gate", *words, "--no-latency", "--no-diagnosis", "--threads", 1, "--json", target)
        return code, json.loads(target.read_text()) if target.exists() else {}, said

    return call


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six test images, the first of which a plain export resizes one pixel off."""
    return copy_data(tmp_path_factory.mktemp("few") / "triangles", every=10)


def failed(result: dict[str, Any]) -> set[str]:
    """The checks that failed."""
    return {check["name"] for check in result["checks"] if check["status"] == "fail"}


def plain_export(run: Path, file: Path) -> Path:
    """What `torch.onnx.export` makes of a torchvision detector as tutorials show it: one image, no fix, boxes in pixels."""
    detector: Any = load_checkpoint(run).network.detector
    example, stream = torch.zeros(3, 240, 320), io.BytesIO()
    axes = {"image": {1: "height", 2: "width"}}
    with quiet_torch(), torch.no_grad():
        detector([example])
        names: dict[str, Any] = {"input_names": ["image"], "output_names": ["boxes", "labels", "scores"], "dynamic_axes": axes}
        torch.onnx.export(detector, ([example],), stream, dynamo=False, opset_version=17, **names)
    model = onnx.load_from_string(stream.getvalue())
    onnx.save(model, file)
    return file


def test_converted_files_pass_on_evidence(run: Path, few: Path, gate: Callable[..., Gate]) -> None:
    code, result, _ = gate("--reference", run, "--backend", "onnx,torchscript", "--data", few)
    assert (code, result["verdict"], result["reference"]["family"]) == (0, "pass", "torchvision")
    assert [config["imgsz"] for config in result["configs"]] == [None, None]
    for config in result["configs"]:
        counts = config["parity"]
        assert counts["matched"] == counts["reference_detections"] > 10
        assert config["metrics"]["reference"]["AP"] == pytest.approx(config["metrics"]["candidate"]["AP"], abs=1e-3)


def test_ap_is_said_to_be_of_what_the_graph_lets_through(run: Path, few: Path, gate: Callable[..., Gate]) -> None:
    _, result, _ = gate("--reference", run, "--backend", "onnx", "--data", few)
    (check,) = (check for check in result["checks"] if check["name"] == "ap_reference")
    assert "above 0.05, one class a box, 100 an image" in check["detail"]


def test_a_size_does_not_apply_and_that_is_said(run: Path, few: Path, gate: Callable[..., Gate]) -> None:
    code, result, _ = gate("--reference", run, "--backend", "onnx", "--imgsz", "320,640", "--data", few)
    assert (code, len(result["configs"])) == (0, 1)
    assert any("--imgsz does not apply" in note for note in result["notes"])


@pytest.mark.parametrize(
    ("stage", "change", "failing"),
    [
        ("preprocess", {"channel_order": "bgr"}, "class_flips"),
        ("preprocess", {"divisor": 1.0}, "missed"),
        ("head", {"class_offset": 0}, "class_flips"),
        ("head", {"box_units": "pixels"}, "missed"),
        ("restore", {"integer": True}, "shifted"),
        ("suppress", {"max_detections": 2}, "missed"),
    ],
    ids=["channels", "range", "label offset", "units", "integers", "few detections"],
)
def test_a_planted_fault_fails(
    run: Path, few: Path, tmp_path: Path, gate: Callable[..., Gate], parity: Callable[..., Parity], stage: str, change: Any, failing: str
) -> None:
    file = convert(load_checkpoint(run), "onnx", out=tmp_path / "onnx")
    spec = json.loads(parity("convert", run, "--print-spec")[1])
    spec[stage] |= change
    (tmp_path / "spec.json").write_text(json.dumps(spec))

    code, result, _ = gate("--reference", run, "--candidate", file, "--candidate-spec", tmp_path / "spec.json", "--data", few)

    assert code == 1
    assert failing in failed(result)


def test_the_plain_export_of_torchvision_is_read_and_its_resize_found(
    run: Path, few: Path, tmp_path: Path, gate: Callable[..., Gate]
) -> None:
    file = plain_export(run, tmp_path / "plain.onnx")
    code, result, _ = gate("--reference", run, "--candidate", file, "--data", few)
    counts = result["configs"][0]["parity"]
    assert code == 1
    assert failed(result) >= {"shifted"}
    assert 0 < counts["images"] - counts["images_agreeing"] < counts["images"]  # 154 x 154 px is one of them
    assert any("no stamp" in note for note in result["notes"])


def test_onnx_of_changed_weights_is_found_stale(run: Path, few: Path, tmp_path: Path, gate: Callable[..., Gate]) -> None:
    file = convert(load_checkpoint(run), "onnx", out=tmp_path / "onnx")
    weights = torch.load(run / "best_model.pth", weights_only=True)
    weights["roi_heads.box_predictor.cls_score.bias"][1] += 1
    torch.save(weights, run / "best_model.pth")
    code, result, _ = gate("--reference", run, "--candidate", file, "--data", few)
    assert code == 1
    assert failed(result) >= {"checkpoint", "rescored"}


def test_a_threshold_below_that_of_the_graph_is_refused(run: Path, few: Path, gate: Callable[..., Gate]) -> None:
    code, _, said = gate("--reference", run, "--backend", "onnx", "--data", few, "--conf", 0.01)
    assert (code, "the graph lets nothing below its own threshold out" in said) == (4, True)


def test_a_run_directory_may_be_the_candidate(run: Path, few: Path, gate: Callable[..., Gate]) -> None:
    code, result, _ = gate("--reference", run, "--candidate", run, "--data", few)
    assert (code, result["configs"][0]["backend"]) == (0, "pytorch")


def test_a_baseline_of_a_network_without_size_is_written_and_held(
    run: Path, few: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):  # where no baseline is updated
        monkeypatch.delenv(name, raising=False)
    words = ("--pyargs", "parity.suite", "-m", "parity", "-k", "baseline", f"--parity-checkpoint={run}", f"--parity-data={few}")
    words += ("--parity-backend=onnx", f"--parity-baselines={pytester.path / 'stored'}", "--import-mode=importlib")
    pytester.runpytest_subprocess(*words).assert_outcomes(failed=1, deselected=4)
    pytester.runpytest_subprocess(*words, "--parity-update-baselines").assert_outcomes(failed=1, deselected=4)
    assert [path.name for path in (pytester.path / "stored").iterdir()] == ["15_15_47-6f06cf-triangles-onnx-native.json"]
    pytester.runpytest_subprocess(*words).assert_outcomes(passed=1, deselected=4)
