"""The command line without the runtimes: how options are read, and which exit code each end has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from oracles.results import result

from parity import cli
from parity.errors import (
    BackendUnavailable,
    BadInput,
    BaselineError,
    ConversionError,
    ParityError,
    ResourceLimit,
    UntrustedInput,
    UsageError,
)
from parity.gate import Shown
from parity.limits import Profile
from parity.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from parity.request import GateRequest
    from parity.verdict import Result

COMMANDS = ("convert", "gate", "diagnose", "compare", "eval", "bench", "verify", "doctor")
GATE = ("gate", "--reference", "m.pt", "--data", "d.yaml", "--backend", "onnx")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[GateRequest]:
    """The requests that reach the gate, which answers each with a pass."""
    requests: list[GateRequest] = []

    def run_gate(request: GateRequest, *, track: object) -> Result:
        del track
        requests.append(request)
        return result()

    monkeypatch.setattr("parity.gate.run_gate", run_gate)
    monkeypatch.setattr("parity.gate.run_with_exhibits", lambda request, *, track: Shown(run_gate(request, track=track), ()))
    return requests


@pytest.fixture
def gate_ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Make the gate return a result or raise."""

    def end(with_what: Any) -> None:
        def run_gate(request: GateRequest, *, track: object) -> Any:
            del request, track
            if isinstance(with_what, BaseException):
                raise with_what
            return with_what

        monkeypatch.setattr("parity.gate.run_gate", run_gate)

    return end


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.INCONCLUSIVE, 12)])
def test_the_verdict_is_the_exit_code(gate_ends: Callable[[Any], None], verdict: Verdict, code: int) -> None:
    gate_ends(replace(result(), verdict=verdict))
    assert cli.main([*GATE]) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((UsageError, 4), (BadInput, 10), (UntrustedInput, 11), (ResourceLimit, 13), (BaselineError, 14)),
        *((ConversionError, 15), (BackendUnavailable, 15), (ParityError, 3)),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    gate_ends: Callable[[Any], None], capsys: pytest.CaptureFixture[str], error: type[ParityError], code: int
) -> None:
    gate_ends(error("what went wrong", next_step="what helps"))
    assert cli.main([*GATE]) == code
    assert capsys.readouterr() == ("", "error: what went wrong\n  next: what helps\n")


def test_interruption_has_its_own_exit_code_and_says_so(gate_ends: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    gate_ends(KeyboardInterrupt())
    assert cli.main([*GATE]) == cli.INTERRUPTED
    assert capsys.readouterr() == ("", "interrupted: there is no verdict\n")


def test_a_reader_that_has_gone_is_neither_pass_nor_fail(gate_ends: Callable[[Any], None]) -> None:
    gate_ends(SystemExit(1))
    assert cli.main([*GATE]) == cli.INTERRUPTED


def test_an_unexpected_error_is_one_line(gate_ends: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    gate_ends(ZeroDivisionError("a\x1b[31m\nb"))
    assert cli.main([*GATE]) == cli.INTERNAL_ERROR
    assert capsys.readouterr().err == ("internal error: ZeroDivisionError: a\\x1b[31m\\nb; please report it; --debug shows the traceback\n")


@pytest.mark.parametrize("arguments", [("--debug", *GATE), (*GATE, "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(
    gate_ends: Callable[[Any], None], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    gate_ends(BadInput("what went wrong"))
    assert cli.main([*arguments]) == BadInput.exit_code
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing command"),
        (("judge",), "No such command 'judge'"),
        (("gate", "--nope"), "--nope"),
        (("gate", "--data", "d.yaml"), "--reference"),
        (("gate", "--reference", "m.pt"), "--data"),
        ((*GATE, "--limit", "0"), "--limit"),
        ((*GATE, "--threads", "none"), "--threads"),
        ((*GATE, "--conf", "1.5"), "--conf is out of range; found 1.5; expected a number from 0 to 1"),
        ((*GATE, "--conf", "nan"), "--conf is out of range"),
        ((*GATE, "--iou", "-0.1"), "--iou is out of range"),
        ((*GATE, "--candidate-conf", "inf"), "--candidate-conf is out of range"),
        ((*GATE, "--latency-fail", "speedup>1.5"), 'found speedup>1.5; expected speedup<NUMBER: "speedup<1.5" fails a candidate'),
        ((*GATE, "--imgsz", "600"), "found 600; expected multiples of 32"),
        ((*GATE, "--imgsz", "640,"), "an empty value in a list"),
        ((*GATE, "--json", "report.txt"), "expected a name that ends in .json"),
        (("diagnose", *GATE[1:], "--no-diagnosis"), "--no-diagnosis leaves nothing of diagnose"),
        (("diagnose", *GATE[1:], "--certify"), "--certify is for what passes"),
        (("verify", "m.onnx", "--data", "d.yaml"), "are for a repeated gate; expected --rerun with them"),
        (("convert", "m.pt"), "expected --to onnx,torchscript,openvino,onnx-fp16 or --print-spec"),
        (("convert", "m.pt", "--to", "onnx", "--dynamic", "--imgsz", "640,320"), "--dynamic goes with one size"),
        (("convert", "m.pt", "--print-spec", "--imgsz", "640,320"), "--print-spec goes with one size"),
        (("convert", "m.pt", "--to", "paper"), "unknown conversion target; found paper"),
        (("eval",), "MODEL"),
    ],
)
def test_wrong_options_are_usage_errors_that_say_which(
    asked: list[GateRequest], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert cli.main([*arguments]) == UsageError.exit_code
    assert says in capsys.readouterr().err
    assert asked == []


def test_missing_files_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "no\nsuch.yaml"
    assert cli.main(["gate", "--reference", "m.pt", "--data", str(missing), "--backend", "onnx"]) == BadInput.exit_code
    assert "no\\nsuch.yaml: does not exist" in capsys.readouterr().err


def test_options_reach_the_gate(asked: list[GateRequest]) -> None:
    more = ("--images", "i", "--imgsz", "480x640", "--conf", "0.5", "--iou", "0.6", "--limit", "8", "--seed", "7")
    others = ("--candidate-spec", "s.json", "--candidate-conf", "0.3", "--baselines", "b", "--trust-checkpoint", "sha256:00")
    cli.main([*GATE, *more, *others, "--threads", "2", "--no-latency"])
    (request,) = asked
    assert (request.reference, request.data, request.images, request.backends) == (Path("m.pt"), Path("d.yaml"), Path("i"), ("onnx",))
    assert (request.sizes, request.confidence, request.iou, request.limit, request.seed) == (((480, 640),), 0.5, 0.6, 8, 7)
    assert (request.candidate_spec, request.candidate_confidence, request.baselines) == (Path("s.json"), 0.3, Path("b"))
    assert (request.trusted, request.threads, request.latency, request.labelled) == (frozenset({"sha256:00"}), 2, False, True)


def test_a_latency_limit_reaches_gate_and_compare(asked: list[GateRequest], tmp_path: Path) -> None:
    limit = ("--latency-fail", "speedup<1.5")
    cli.main([*GATE, *limit])
    cli.main(["compare", "--reference", "m.pt", "--candidate", "m.onnx", "--images", "i", "--out", str(tmp_path), *limit])
    assert [(request.least_speedup, request.latency) for request in asked] == [(1.5, True), (1.5, True)]


def test_certify_reaches_the_gate(asked: list[GateRequest]) -> None:
    cli.main([*GATE, "--certify"])
    cli.main([*GATE])
    assert [request.certify for request in asked] == [True, False]


def test_diagnose_takes_what_gate_takes_always_searches_and_never_measures_latency(asked: list[GateRequest]) -> None:
    more = ("--imgsz", "320", "--conf", "0.5", "--candidate-conf", "0.3", "--evidence", "e")
    assert [cli.main([command, *GATE[1:], *more]) for command in ("gate", "diagnose")] == [0, 0]
    assert asked[1] == replace(asked[0], latency=False, profile=Profile.FP32)  # what was rounded is explained too
    assert (asked[1].evidence, asked[1].diagnose) == (Path("e"), True)


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.INCONCLUSIVE, 12)])
def test_diagnose_ends_and_writes_json_as_gate_does(
    gate_ends: Callable[[Any], None], capsys: pytest.CaptureFixture[str], verdict: Verdict, code: int
) -> None:
    gate_ends(replace(result(), verdict=verdict))
    assert cli.main(["diagnose", *GATE[1:], "--json", "-"]) == code
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict


def test_profile_and_margin_say_how_a_candidate_is_judged(asked: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*GATE, "--profile", "int8", "--margin", "0.02"]) == 0
    assert (asked[0].profile, asked[0].margin) == (Profile.INT8, 0.02)
    assert [cli.main([*GATE, *wrong]) for wrong in (("--profile", "int4"), ("--margin", "2"))] == [4, 4]
    assert "out of range" in capsys.readouterr().err


def test_diagnose_answers_before_it_counts(asked: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["diagnose", *GATE[1:]])
    shown = capsys.readouterr().out
    assert shown.index("there is nothing to explain") < shown.index("matched")
    assert len(asked) == 1


def test_compare_takes_evidence_and_the_terms_of_one(asked: list[GateRequest], tmp_path: Path) -> None:
    sides = ("--reference", "reference.json", "--candidate", "candidate.json", "--images", "images")
    cli.main(["compare", *sides, "--out", str(tmp_path / "out"), "--terms", "evidence.json", "--evidence", "e"])
    assert (asked[0].terms, asked[0].evidence) == (Path("evidence.json"), Path("e"))


def test_comma_lists_and_repeated_options_are_the_same(asked: list[GateRequest]) -> None:
    cli.main([*GATE[:-2], "--backend", "onnx,torchscript", "--imgsz", "640,320x640"])
    cli.main([*GATE[:-2], "--backend", "onnx", "--backend", "torchscript", "--imgsz", "640", "--imgsz", "320x640"])
    assert asked[0] == asked[1]
    assert asked[0].backends == ("onnx", "torchscript")
    assert asked[0].sizes == ((640, 640), (320, 640))


def test_candidates_are_repeated_since_paths_may_hold_commas(asked: list[GateRequest]) -> None:
    cli.main([*GATE[:-2], "--candidate", "a,b.onnx", "--candidate", "c.onnx"])
    assert asked[0].candidates == ("a,b.onnx", "c.onnx")


def test_json_on_stdout_stands_alone(asked: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*GATE, "--json", "-"])
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"
    assert len(asked) == 1


def test_json_in_a_file_leaves_the_tables_on_stdout(asked: list[GateRequest], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cli.main([*GATE, "--json", str(tmp_path / "r.json")])
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["schema"] == 1
    assert capsys.readouterr().out.startswith("PASS")
    assert len(asked) == 1


def test_json_never_replaces_an_input(asked: list[GateRequest], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    truth, link = tmp_path / "instances.json", tmp_path / "link.json"
    truth.write_text("{}", encoding="utf-8")
    link.symlink_to(truth)
    assert cli.main(["gate", "--reference", "m.pt", "--data", str(truth), "--backend", "onnx", "--json", str(link)]) == UsageError.exit_code
    assert "would overwrite an input" in capsys.readouterr().err
    assert asked == []


def test_compare_needs_no_labels_and_writes_both_files(asked: list[GateRequest], tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    assert cli.main(["compare", "--reference", "m.pt", "--candidate", "m.onnx", "--images", "i", "--out", str(out)]) == 0
    assert (asked[0].data, asked[0].labelled) == (Path("i"), False)
    assert json.loads((out / "result.json").read_text(encoding="utf-8"))["verdict"] == "pass"
    assert (out / "report.txt").read_text(encoding="utf-8").startswith("PASS")


def test_output_on_a_pipe_has_no_colours_and_no_progress(asked: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*GATE])
    out, err = capsys.readouterr()
    assert "\x1b" not in out
    assert err == ""
    assert len(asked) == 1


def test_version_names_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("parity-gate ")


def test_gate_and_compare_take_a_place_for_a_page(asked: list[GateRequest], tmp_path: Path) -> None:
    compare = ("compare", "--reference", "m.pt", "--candidate", "m.onnx", "--images", "i", "--out", str(tmp_path / "out"))
    assert cli.main([*GATE, "--report", str(tmp_path / "r.html")]) == 0
    assert cli.main([*compare, "--report", str(tmp_path / "out/r.html")]) == 0
    assert [request.report for request in asked] == [tmp_path / "r.html", tmp_path / "out/r.html"]


def test_a_page_that_cannot_be_written_is_refused_before_any_work(asked: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*GATE, "--report", "r.json"]) == 4
    assert asked == []
    assert "--report needs a file of its own; found r.json" in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [command for command in COMMANDS if f"\n  {command} " not in shown] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_explains_every_option(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert cli.main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    (typed,) = (each for each in cli.app.registered_commands if (each.name or each.callback.__name__) == command)
    options = [name for name in typed.callback.__annotations__ if name not in {"return", "model", "models", "checkpoint"}]
    assert [name for name in options if name != "ctx" and f"--{name.replace('_', '-')}" not in shown] == []


def test_importing_the_command_line_loads_no_runtime() -> None:
    heavy = ("torch", "ultralytics", "onnxruntime", "onnx", "cv2", "numpy", "scipy", "rich.console", "pydantic")
    code = f"import sys, parity.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parents[1])
    assert done.stdout == "[]\n"


BUFFERED = os.environ | {"PYTHONUNBUFFERED": ""}


def ended(statement: str) -> subprocess.CompletedProcess[str]:
    """A process that prints, registers what is to be done at exit, and ends as the installed program does."""
    program = f"import atexit, sys; from parity import cli; atexit.register(print, 'left'); print('said'); {statement}"
    return subprocess.run([sys.executable, "-c", program], env=BUFFERED, capture_output=True, text=True, check=False)


def test_the_program_ends_with_its_code_once_all_is_written_and_tidied() -> None:
    done = ended("cli.end(12)")
    assert (done.returncode, done.stdout, done.stderr) == (12, "said\nleft\n", "")


def test_the_program_takes_nothing_apart_at_its_end() -> None:
    watched = "class Watched:\n    def __del__(self, write=os.write): write(1, b'taken apart')\n"
    kept = f"import os; exec({watched!r}); kept = Watched(); "
    assert ended(kept + "cli.end(0)").stdout == "said\nleft\n"
    assert "taken apart" in ended(kept + "sys.exit(0)").stdout


def test_a_reader_that_has_gone_by_the_end_is_left_to_python() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = "from parity import cli; print('said'); cli.end(3)"
    with os.fdopen(writer, "wb") as output:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, env=BUFFERED, text=True, check=False)
    assert "BrokenPipeError" in done.stderr
    assert done.returncode == 120  # Python's own, for output that was lost
