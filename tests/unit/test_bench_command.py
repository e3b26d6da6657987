"""What the command line makes of a study: its request, and the exit code of its verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from oracles.studies import judged, studied

import parity.report.study
import parity.study
from parity.cli import main
from parity.commands.bench import study_of
from parity.errors import UsageError
from parity.verdict import Verdict

if TYPE_CHECKING:
    from parity.request import GateRequest

OUT, DATA = Path("out"), Path("data.yaml")


@pytest.mark.parametrize(
    ("named", "targets", "candidates", "backends"),
    [
        (("m.pt",), (), (), ("onnx",)),
        (("m.pt",), ("pytorch", "torchscript"), (), ("torchscript",)),
        (("m.pt", "m.onnx"), (), ("m.onnx",), ()),
        (("m.onnx", "m.pt"), ("openvino",), ("m.onnx",), ("openvino",)),
    ],
)
def test_candidates_are_files_that_were_named_and_what_is_exported(
    named: tuple[str, ...], targets: tuple[str, ...], candidates: tuple[str, ...], backends: tuple[str, ...]
) -> None:
    request = study_of(OUT, tuple(map(Path, named)), DATA, targets=targets, threads=(1,))
    assert (request.reference, request.candidates, request.backends) == (Path("m.pt"), candidates, backends)
    assert (request.plots, request.data, request.threads) == (OUT, DATA, 1)


@pytest.mark.parametrize("named", [("m.onnx",), ("m.pt", "n.pt")])
def test_a_study_is_of_one_checkpoint(named: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="one checkpoint"):
        study_of(OUT, tuple(map(Path, named)), DATA, targets=(), threads=())


@pytest.mark.parametrize("verdict", Verdict)
def test_the_exit_code_is_that_of_the_gate(verdict: Verdict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[GateRequest] = []

    def run(request: GateRequest, **_: object) -> object:
        seen.append(request)
        made = studied(judged())
        return replace(made, study=replace(made.study, verdict=verdict))

    monkeypatch.setattr(parity.study, "run_study", run)
    monkeypatch.setattr(parity.report.study, "write_study", lambda *_: ("study written",))
    asked = ("bench", "m.pt", "--study", str(tmp_path), "--data", "d.yaml", "--limit", "500", "--imgsz", "96,64")
    assert main(asked) == verdict.exit_code
    assert (seen[0].limit, seen[0].seed, seen[0].sizes, seen[0].plots) == (500, 42, ((96, 96), (64, 64)), tmp_path)
