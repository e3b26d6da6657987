"""The numbers of a study: rates, changes against PyTorch, and what cannot be studied."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import parity.study
from parity.candidates import RecordedDetector
from parity.errors import UsageError
from parity.latency import WARM_UP
from parity.study import RUNS, require_networks, study_request, time_image
from parity.timing import XDIST

if TYPE_CHECKING:
    from pathlib import Path


def test_the_protocol_is_the_fixed_one(tmp_path: Path) -> None:
    request = study_request(tmp_path / "m.pt", tmp_path / "data.yaml", tmp_path / "out")
    assert (request.confidence, request.iou, request.sizes) == (0.25, 0.7, ((640, 640), (320, 320)))
    assert (request.backends, request.seed, request.latency) == (("onnx",), 42, True)
    assert (WARM_UP, RUNS) == (3, 10)


def test_recorded_detections_are_no_candidate_of_a_study() -> None:
    contest = SimpleNamespace(candidate=object.__new__(RecordedDetector), reference=None, source=SimpleNamespace(given="rows.json"))
    with pytest.raises(UsageError, match=r"rows\.json"):
        require_networks([contest])


def test_all_networks_of_a_size_run_in_turn_on_each_image(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(parity.study, "ModelDetector", str)
    monkeypatch.setattr(parity.study, "read_image", lambda path: path)
    monkeypatch.setattr(parity.study, "network_call", lambda side, _picture: lambda: ran.append(side))
    group = [SimpleNamespace(reference="reference", candidate="onnx"), SimpleNamespace(reference="reference", candidate="openvino")]
    times = time_image(group, SimpleNamespace(path="a.jpg"))
    assert times.shape == (RUNS, 3)
    assert np.isfinite(times).all()
    settled = [side for side in ("reference", "onnx", "openvino") for _ in range(2)]
    assert ran[3 * WARM_UP :] == (settled + settled[::-1]) * (RUNS // 2)


def test_a_process_of_xdist_times_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(XDIST, "gw0")
    with pytest.raises(UsageError, match="no latency can be told"):
        parity.study.run_study(study_request(tmp_path / "m.pt", tmp_path / "data.yaml", tmp_path / "out"))
