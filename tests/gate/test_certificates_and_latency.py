"""Certificates and latency limits through the whole gate, with the embedded model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx
import pytest
from gate.conftest import QUICKLY

from parity.certificate import certificate_path
from parity.cli import main
from parity.convert.manifest import ONNX_KEY, manifest_path, manifest_text, read_stamp
from parity.timing import XDIST
from parity.wire import to_json

ONE_IMAGE = ("--threads", 1, "--limit", 1)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.running import Run


@pytest.fixture
def shipped(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported file, alone in a folder."""
    (tmp_path / "ship").mkdir()
    return shutil.copy(exported, tmp_path / "ship" / "m.onnx")


def test_a_file_that_passes_is_certified_and_verified_and_passes_again(
    gate: Callable[..., Run], reference: Path, shipped: Path, own_shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--reference", reference, "--candidate", shipped, "--data", own_shapes / "data.yaml", *QUICKLY)
    run = gate(*asked, "--certify")
    assert run.exit_code == 0
    assert f"certificate written: {certificate_path(shipped)}" in run.result["notes"]
    sealed = json.loads(certificate_path(shipped).read_bytes())["certificate"]
    assert sealed["checks"] == run.result["checks"]
    assert sealed["artefact_sha256"] == run.config["candidate"]["sha256"]
    assert [config["spec_sha256"] for config in sealed["configs"]] == [run.config["spec_sha256"]]
    assert main(["verify", str(shipped)]) == 0
    assert main(["verify", str(shipped), "--rerun"]) == 0
    assert "CERTIFIED" in capsys.readouterr().out


def differs_in_its_pipeline(shipped: Path, capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether `verify` says that the file would run as another pipeline."""
    capsys.readouterr()
    code = main(["verify", str(shipped)])
    said = "it runs as another pipeline: sha256 " in capsys.readouterr().out
    assert code == (14 if said else 0)
    return said


def test_a_changed_manifest_of_a_file_without_a_stamp_is_noticed_without_a_gate(
    gate: Callable[..., Run], reference: Path, shipped: Path, own_shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = read_stamp(shipped)
    assert stamp is not None
    model = onnx.load(shipped)
    kept = [entry for entry in model.metadata_props if entry.key != ONNX_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    onnx.save(model, shipped)
    manifest = manifest_path(shipped)
    manifest.write_text(manifest_text(stamp, shipped))
    asked = ("--reference", reference, "--candidate", shipped, "--data", own_shapes / "data.yaml", *QUICKLY)
    assert gate(*asked, "--certify").exit_code == 0
    assert not differs_in_its_pipeline(shipped, capsys)
    other = replace(stamp, spec=replace(stamp.spec, suppress=replace(stamp.spec.suppress, max_detections=1)))
    manifest.write_text(manifest_text(other, shipped))
    assert differs_in_its_pipeline(shipped, capsys)
    manifest.write_text("{}")
    assert main(["verify", str(shipped)]) == 14
    assert "differs: its pipeline cannot be read: " in capsys.readouterr().out


def test_a_changed_spec_that_was_given_is_noticed_without_a_gate(
    gate: Callable[..., Run], reference: Path, shipped: Path, own_shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp, given = read_stamp(shipped), shipped.with_name("spec.json")
    assert stamp is not None
    given.write_text(to_json(stamp.spec))
    asked = ("--reference", reference, "--candidate", shipped, "--data", own_shapes / "data.yaml", "--candidate-spec", given, *QUICKLY)
    assert gate(*asked, "--certify").exit_code == 0
    assert not differs_in_its_pipeline(shipped, capsys)
    given.write_text(to_json(replace(stamp.spec, suppress=replace(stamp.spec.suppress, max_detections=1))))
    assert differs_in_its_pipeline(shipped, capsys)


def test_a_repeated_gate_on_other_data_is_not_the_certified_one(
    gate: Callable[..., Run], reference: Path, shipped: Path, own_shapes: Path, only_empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate("--reference", reference, "--candidate", shipped, "--data", own_shapes / "data.yaml", *QUICKLY, "--certify")
    capsys.readouterr()
    assert main(["verify", str(shipped), "--rerun", "--data", str(only_empty / "data.yaml")]) == 12
    assert "differs: the data: sha256 " in capsys.readouterr().out


def test_a_file_that_fails_is_not_certified_and_its_old_certificate_is_said_to_be_of_another_result(
    gate: Callable[..., Run], reference: Path, shipped: Path, own_shapes: Path
) -> None:
    asked = ("--reference", reference, "--candidate", shipped, "--data", own_shapes / "data.yaml", *QUICKLY)
    assert gate(*asked, "--certify", "--candidate-conf", 0.999).exit_code == 12
    assert not certificate_path(shipped).exists()
    assert gate(*asked, "--certify").exit_code == 0
    before = certificate_path(shipped).read_bytes()
    run = gate(*asked, "--candidate-conf", 0.999)
    assert f"{shipped} did not pass: the certificate beside it is not of this result" in run.result["notes"]
    assert certificate_path(shipped).read_bytes() == before


@pytest.mark.parametrize(("limit", "code", "status"), [("speedup<0.001", 0, "pass"), ("speedup<1000", 1, "fail")])
def test_a_latency_limit_is_held(
    gate: Callable[..., Run],
    reference: Path,
    exported: Path,
    own_shapes: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    code: int,
    status: str,
) -> None:
    monkeypatch.delenv(XDIST, raising=False)
    run = gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", "--latency-fail", limit, *ONE_IMAGE)
    assert run.exit_code == code
    (check,) = [check for check in run.result["checks"] if check["name"] == "latency"]
    assert (check["status"], check["origin"]) == (status, f'--latency-fail "{limit}"')
    assert run.config["latency_ms"]["smallest_enforceable"] > 0
    assert run.config["latency_ms"]["candidate"]["fps"] > 0


def test_a_latency_limit_is_refused_in_a_process_of_xdist(
    gate: Callable[..., Run], reference: Path, exported: Path, own_shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(XDIST, "gw1")
    run = gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", "--latency-fail", "speedup<0.9")
    assert run.exit_code == 4
    assert "expected pytest without -n" in run.stderr
