"""OpenVINO files, of ours and of others: what is right passes, what is wrong fails and is named, what is damaged is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from gate.exports import ultralytics_export
from gate.running import SIDE, assert_fails, assert_passes, assert_refused
from kinds import WITHOUT_OPENVINO

from parity.backends.openvino_file import weights_path
from parity.certificate import certificate_path
from parity.cli import main
from parity.convert import convert
from parity.convert.manifest import manifest_path, read_stamp
from parity.spec import Fit
from parity.verification import read_certificate
from parity.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.running import Run

pytestmark = WITHOUT_OPENVINO


@pytest.fixture(scope="session")
def made(reference: Path, load_once: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded checkpoint as an OpenVINO file."""
    return convert(load_once(reference), "openvino", size=(SIDE, SIDE), out=tmp_path_factory.mktemp("openvino"))


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change, without its manifest."""
    shutil.copy(weights_path(made), tmp_path)
    return Path(shutil.copy(made, tmp_path))


def saved_by_openvino(source: Path, file: Path, *, half: bool) -> Path:
    """An ONNX file as OpenVINO's own tool leaves it."""
    from parity.backends.openvino_import import require_openvino  # noqa: PLC0415 - not without the extra

    openvino = require_openvino()
    openvino.save_model(openvino.Core().read_model(source), file, compress_to_fp16=half)
    return file


# Right


def test_our_own_file_passes_and_says_that_it_is_of_this_checkpoint(judge: Callable[..., Run], made: Path) -> None:
    run = judge(made)
    assert_passes(run)
    assert (run.statuses["checkpoint"], run.config["backend"]) == ("pass", "openvino")


def test_its_manifest_covers_the_weights(made: Path) -> None:
    manifest = json.loads(manifest_path(made).read_text())
    assert manifest["external"].keys() == {weights_path(made).name}
    assert manifest["versions"]["openvino"]


def test_an_open_file_passes_at_every_size(
    gate: Callable[..., Run], reference: Path, own_shapes: Path, load_once: Callable[..., Any], tmp_path: Path
) -> None:
    file = convert(load_once(reference), "openvino", size=(SIDE, SIDE), out=tmp_path / "open", dynamic=True)
    run = gate("--reference", reference, "--candidate", file, "--data", own_shapes / "data.yaml", "--imgsz", "320,256", "--no-latency")
    assert run.exit_code == 0, run.stderr
    assert [config["id"].rpartition("-")[2] for config in run.result["configs"]] == ["320", "256"]


@pytest.mark.slow
def test_the_folder_of_ultralytics_own_export_passes(judge: Callable[..., Run], reference: Path, tmp_path: Path) -> None:
    from parity.backends.openvino_import import require_openvino  # noqa: PLC0415 - not without the extra

    require_openvino()  # so that its exporter finds it imported without telemetry
    folder = ultralytics_export(reference, tmp_path, format="openvino")
    run = judge(folder)
    assert_passes(run)
    assert run.statuses["names"] == "pass"
    assert run.config["candidate"]["path"].endswith("_openvino_model/yolov8n_shapes.xml")


def test_a_file_that_openvino_made_of_ours_keeps_our_stamp(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    file = saved_by_openvino(exported, tmp_path / "theirs.xml", half=False)
    assert read_stamp(file) == read_stamp(exported)
    assert_passes(judge(file))


def test_a_file_whose_weights_openvino_has_rounded_is_judged_by_statistics(
    judge: Callable[..., Run], exported: Path, tmp_path: Path
) -> None:
    run = judge(saved_by_openvino(exported, tmp_path / "theirs.xml", half=True))
    assert (run.config["profile"], run.statuses["missed"], run.statuses["shifted"]) == ("fp16", "pass", "pass")
    assert run.config["id"] == f"yolov8n_shapes-openvino-fp16-{SIDE}"


def test_our_half_precision_file_is_judged_by_statistics(
    judge: Callable[..., Run], reference: Path, load_once: Callable[..., Any], tmp_path: Path
) -> None:
    run = judge(convert(load_once(reference), "onnx-fp16", size=(SIDE, SIDE), out=tmp_path))
    assert (run.config["profile"], run.statuses["checkpoint"]) == ("fp16", "pass")
    assert {run.statuses[name] for name in ("missed", "ghosts", "class_flips", "shifted", "rescored")} == {"pass"}


# Wrong


def test_a_stretched_image_is_named(gate: Callable[..., Run], reference: Path, made: Path, instances: Path, tmp_path: Path) -> None:
    stamp = read_stamp(made)
    assert stamp is not None
    stretched = replace(stamp.spec, preprocess=replace(stamp.spec.preprocess, fit=Fit.STRETCH))
    (tmp_path / "spec.json").write_text(to_json(stretched), encoding="utf-8")
    asked = ("--reference", reference, "--candidate", made, "--data", instances, "--candidate-spec", tmp_path / "spec.json")
    run = gate(*asked, "--no-latency", "--threads", 1)
    assert_fails(run, failing={"shifted"}, passing={"names", "finite"})
    (cause,) = run.result["diagnosis"]
    assert (cause["fault"], cause["status"]) == ("stretch_instead_of_letterbox", "confirmed")


def test_another_network_fails_and_its_diagnosis_does_not_take_it_for_onnx_or_torch(
    gate: Callable[..., Run], reference: Path, exported: Path, instances: Path, tmp_path: Path
) -> None:
    model = onnx.load(exported)
    bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("cv3.0.2.bias"))
    changed = onnx.numpy_helper.to_array(bias) - 1
    bias.CopyFrom(onnx.numpy_helper.from_array(changed, bias.name))
    onnx.save(model, tmp_path / "other.onnx")
    file = saved_by_openvino(tmp_path / "other.onnx", tmp_path / "other.xml", half=False)
    run = gate("--reference", reference, "--candidate", file, "--data", instances, "--no-latency", "--threads", 1)
    assert_fails(run, failing={"rescored"}, passing={"names", "checkpoint"})
    assert not [note for note in run.result["notes"] if "were not found" in note]


# Damaged


def test_weights_of_another_file_are_refused(judge: Callable[..., Run], copied: Path) -> None:
    weights = weights_path(copied)
    weights.write_bytes(bytes(weights.stat().st_size))
    assert_refused(judge(copied), exit_code=10, names=weights.name, says="belongs to another .xml")


def test_a_truncated_network_is_refused(judge: Callable[..., Run], copied: Path) -> None:
    copied.write_bytes(copied.read_bytes()[:1000])
    assert_refused(judge(copied), exit_code=10, names=copied.name, says="truncated or damaged")


def test_a_certificate_covers_the_weights(
    gate: Callable[..., Run], reference: Path, copied: Path, own_shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quickly = ("--no-latency", "--no-diagnosis", "--threads", 1, "--certify")
    assert gate("--reference", reference, "--candidate", copied, "--data", own_shapes / "data.yaml", *quickly).exit_code == 0
    assert read_certificate(copied).external.keys() == {weights_path(copied).name}
    assert certificate_path(copied).is_file()
    weights_path(copied).write_bytes(b"others")
    assert main(["verify", str(copied)]) == 14
    assert "its weights in" in " ".join(capsys.readouterr().out.split())
