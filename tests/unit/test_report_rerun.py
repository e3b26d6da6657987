"""The command that a report gives: read by the command line, it is the request again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from oracles.results import result

from parity.cli import main
from parity.commands import compare, gate
from parity.errors import UsageError
from parity.limits import Profile
from parity.report.rerun import Entry, command_of, reproduction
from parity.request import GateRequest

FULL = GateRequest(
    Path("a model.pt"),
    candidates=("m.onnx", "it's.json"),
    backends=("onnx", "openvino"),
    data=Path("data.yaml"),
    images=Path("images"),
    sizes=((320, 320), (480, 640)),
    confidence=0.3,
    iou=0.6,
    limit=12,
    seed=7,
    candidate_spec=Path("spec.json"),
    candidate_confidence=0.1,
    baselines=Path("stored"),
    waivers=Path("waivers.toml"),
    trusted=frozenset({"sha256:00", "sha256:11"}),
    threads=2,
    end_to_end=True,
    latency=False,
    diagnose=False,
    limits_file=Path("limits.json"),
    profile=Profile.INT8,
    margin=0.02,
)


def asked(command: str, module: object, monkeypatch: pytest.MonkeyPatch) -> GateRequest:
    """The request that the command line makes of a command, which is not run."""
    seen: list[GateRequest] = []

    def keep(request: GateRequest) -> None:
        seen.append(request)
        raise UsageError("not run")

    monkeypatch.setattr(module, "shown" if module is compare else "judged", keep)
    assert main(shlex.split(command)[1:]) == UsageError.exit_code
    return replace(seen[0], cache=None)


@pytest.mark.parametrize(
    "request_",
    [
        FULL,
        GateRequest(Path("m.pt"), candidates=("m.onnx",), data=Path("data"), waivers=Path("w.toml")),
        replace(FULL, latency=True, least_speedup=1.25),
    ],
)
def test_the_gate_is_asked_the_same_again(request_: GateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(command_of(request_), gate, monkeypatch) == request_


def test_what_only_wrote_files_is_left_out() -> None:
    written = replace(FULL, report=Path("r.html"), plots=Path("p"), history=Path("h.sqlite"), evidence=Path("e"))
    wrote = replace(written, certify=True, cache=Path("c"), workers=2)
    assert command_of(wrote) == command_of(FULL)


def test_the_comparison_is_asked_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = GateRequest(Path("m.pt"), candidates=("m.onnx",), data=Path("photos"), labelled=False, limit=3, profile=Profile.FP16)
    assert asked(command_of(request), compare, monkeypatch) == replace(request, photos=Path("out"))


def test_everything_that_went_in_is_named_by_digest(tmp_path: Path) -> None:
    found = reproduction(GateRequest(tmp_path), replace(result(), notes=("a", "a", "b")))
    assert found.identities[:2] == (Entry("reference m.pt", "1" * 64), Entry("data set coco128, 8 images", "2" * 64))
    assert Entry("torch", "not installed") in found.packages
    assert found.notes == ("a", "b")
