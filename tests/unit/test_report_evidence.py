"""The commands of an evidence folder: what runs both models again, from wherever they lay."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from oracles.results import config, result

from parity.comparison import Rounding
from parity.diagnose.minimal import Proof
from parity.limits import FLOAT32
from parity.report.evidence import Failed, live_command, readable, script
from parity.request import GateRequest
from parity.spec import Suppress
from parity.verdict import CandidateId, ReferenceId


def failed(request: GateRequest, *, family: str = "ultralytics", **others: Any) -> Failed:
    """A configuration that failed on this request."""
    whole = result(reference=ReferenceId("m.pt", "1" * 64, family))
    return Failed(request, whole, config(**others), (), Proof((), Suppress(), Rounding(), FLOAT32))


def words(request: GateRequest, **others: Any) -> list[str]:
    """The command as a shell would split it."""
    command = live_command(failed(request, **others))
    assert command is not None
    return shlex.split(command)


def test_a_candidate_that_was_given_is_given_again_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = GateRequest(Path("it's; m.pt"), candidates=("a b.onnx",), candidate_spec=Path("$spec.json"))
    sides = ["--reference", str(tmp_path / "it's; m.pt"), "--candidate", str(tmp_path / "a b.onnx"), "--data", "images"]
    others = ["--imgsz", "640", "--candidate-spec", str(tmp_path / "$spec.json"), "--no-latency"]
    assert words(request, candidate=CandidateId("model", "a b.onnx", "0" * 64)) == ["parity", "gate", *sides, *others]


def test_a_candidate_that_was_converted_is_converted_again(tmp_path: Path) -> None:
    request = GateRequest(tmp_path / "m.pt", backends=("onnx",))
    assert words(request)[2:6] == ["--reference", str(tmp_path / "m.pt"), "--backend", "onnx"]


def test_options_that_decide_are_repeated(tmp_path: Path) -> None:
    request = GateRequest(tmp_path / "m.pt", confidence=0.5, iou=0.6, threads=2, trusted=frozenset({"sha256:00"}), end_to_end=True)
    others = ["--conf", "0.5", "--iou", "0.6", "--threads", "2", "--trust-checkpoint", "sha256:00", "--end-to-end", "--no-latency"]
    assert words(request, imgsz=(480, 640))[8:] == ["--imgsz", "480x640", *others]
    assert "--imgsz" not in words(request, imgsz=None)


@pytest.mark.parametrize(("family", "kind"), [("predictions", "model"), ("ultralytics", "predictions"), ("ultralytics", "callable")])
def test_what_was_recorded_cannot_be_run_again(family: str, kind: str) -> None:
    assert live_command(failed(GateRequest(Path("m.pt")), family=family, candidate=CandidateId(kind, "c", None))) is None


def test_a_path_that_is_no_unicode_keeps_its_bytes_in_the_script_and_is_readable_in_the_record() -> None:
    assert script("parity \udcff", "Says.") == b'#!/bin/sh\n# Says.\ncd "$(dirname "$0")" || exit\nparity \xff\n'
    assert readable('{"source": "\udcff.png"}') == '{"source": "\\\\udcff.png"}'
