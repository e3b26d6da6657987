"""``parity baseline`` around a gate that answers at once, and the waivers that reach the gate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from oracles.results import result
from oracles.samples import metrics, some_environment

from parity import cli
from parity.baselines import Baseline, Identity, read_baseline, write_baseline
from parity.errors import BadInput, BaselineError, UsageError
from parity.files import kept_path
from parity.metrics import METRIC_NAMES
from parity.revisions import Revision, Revisions, revision
from parity.verdict import Verdict

if TYPE_CHECKING:
    from parity.request import GateRequest
    from parity.verdict import Result

OLD = Baseline(Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (640, 640)), metrics(0.25, APs=None), 12, some_environment())
NEW = replace(OLD, metrics=metrics(0.25, APs=None, AP50=0.5), environment=replace(some_environment(), packages={"numpy": "3.0.0"}))
RUN = ("--reference", "m.pt", "--data", "d.yaml", "--backend", "onnx")


@pytest.fixture(autouse=True)
def _reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks at it: this is neither CI nor a worker."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A stored result."""
    write_baseline(tmp_path / "baselines" / "m-d-onnx-640.json", OLD)
    return tmp_path / "baselines" / "m-d-onnx-640.json"


@pytest.fixture
def asked(stored: Path, monkeypatch: pytest.MonkeyPatch) -> list[GateRequest]:
    """The requests that reach the gate, whose fresh result differs from the stored one."""
    requests: list[GateRequest] = []

    def fresh_results(request: GateRequest, *, track: object) -> Revisions:
        del track
        requests.append(request)
        return Revisions((revision(stored, NEW),), Verdict.PASS, ("a note",))

    monkeypatch.setattr("parity.gate.fresh_results", fresh_results)
    return requests


def words(text: str) -> list[list[str]]:
    """The words of every line."""
    return [line.split() for line in text.splitlines()]


def test_show_lists_a_folder(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_baseline(stored.with_name("other.json"), replace(OLD, precision="int8"))
    assert cli.main(["baseline", "show", str(stored.parent)]) == 0
    shown = words(capsys.readouterr().out)
    assert ["m-d-onnx-640", "onnx", "640", "fp32", "0.2500", "0.2500", "12"] in shown
    assert ["other", "onnx", "640", "int8", "0.2500", "0.2500", "12"] in shown


def test_show_tells_all_of_one_result(stored: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")  # the processes of pytest-xdist have 80, which folds a digest
    assert cli.main(["baseline", "show", str(stored)]) == 0
    shown = words(capsys.readouterr().out)
    assert [name for name in METRIC_NAMES if [name, "none" if name == "APs" else "0.2500"] not in shown] == []
    assert ["checkpoint_sha256", "a" * 64] in shown
    assert ["instruction_sets", "avx2"] in shown


def test_show_writes_json(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["baseline", "show", str(stored), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)[str(stored)]["metrics"]["AP"] == 0.25


@pytest.mark.parametrize("command", ["show", "diff"])
def test_a_damaged_result_is_neither_shown_nor_compared(command: str, stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored.write_text(stored.read_text().replace("12", "13"))
    assert cli.main(["baseline", command, *[str(stored)] * (1 + (command == "diff"))]) == BaselineError.exit_code
    assert "was edited or damaged" in capsys.readouterr().err


def test_an_empty_folder_has_no_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["baseline", "show", str(tmp_path)]) == 0
    assert "No stored results" in capsys.readouterr().out


def test_diff_of_two_results_shows_every_metric_and_what_else_changed(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_baseline(tmp_path / "new.json", replace(NEW, identity=replace(NEW.identity, backend="torchscript")))
    assert cli.main(["baseline", "diff", str(stored), str(tmp_path / "new.json")]) == 1
    out = capsys.readouterr().out
    assert {name for name, *_ in filter(None, words(out))} >= set(METRIC_NAMES)
    assert ["AP50", "0.2500", "0.5000", "+0.2500"] in words(out)
    assert ["APs", "none", "none"] in words(out)
    assert "identity backend: onnx → torchscript (changed)" in out
    assert "environment numpy: 2.0.0 → 3.0.0 (for information)" in out


def test_diff_of_a_folder_and_itself_is_nothing(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["baseline", "diff", str(stored.parent), str(stored.parent)]) == 0
    assert "1 same" in capsys.readouterr().out


def test_diff_against_a_fresh_run_writes_nothing(asked: list[GateRequest], stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = stored.read_bytes()
    others = ("--no-latency", "--profile", "int8", "--waivers", "w.toml", "--limits", "l.json")
    assert cli.main(["baseline", "diff", *RUN, "--baselines", str(stored.parent), *others]) == 1
    assert (asked[0].profile, asked[0].waivers, asked[0].limits_file) == ("int8", Path("w.toml"), Path("l.json"))
    assert (asked[0].baselines, asked[0].backends, asked[0].diagnose, asked[0].latency) == (stored.parent, ("onnx",), False, False)
    assert "1 changed; by all other checks the fresh results PASS" in capsys.readouterr().out
    assert stored.read_bytes() == before


def test_update_prints_the_table_and_stores_the_fresh_result(
    asked: list[GateRequest], stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["baseline", "update", *RUN, "--baselines", str(stored.parent)]) == 0
    assert len(asked) == 1
    assert ["AP50", "0.2500", "0.5000", "+0.2500"] in words(capsys.readouterr().out)
    assert read_baseline(stored) == NEW
    assert read_baseline(kept_path(stored)) == OLD


def test_update_replaces_a_damaged_result_and_says_so(asked: list[GateRequest], stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored.write_text("{")
    assert cli.main(["baseline", "update", *RUN]) == 0
    assert "the stored one cannot be read: " in capsys.readouterr().out
    assert (read_baseline(stored), kept_path(stored).exists(), len(asked)) == (NEW, False, 1)


@pytest.mark.parametrize(("fresh", "written"), [(replace(OLD, latency_ms=9.5), False), (replace(OLD, environment=NEW.environment), True)])
def test_update_writes_what_says_something_new(fresh: Baseline, written: bool, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr("parity.gate.fresh_results", lambda *_, **__: Revisions((revision(stored, fresh),), Verdict.PASS))
    assert cli.main(["baseline", "update", *RUN]) == 0
    assert kept_path(stored).exists() == written


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.FAIL, 1), (Verdict.INCONCLUSIVE, 12)])
def test_update_ends_as_the_other_checks_do(verdict: Verdict, code: int, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.gate.fresh_results", lambda *_, **__: Revisions((revision(stored, NEW),), verdict))
    assert cli.main(["baseline", "update", *RUN]) == code


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("CI", "1"), ("PYTEST_XDIST_WORKER_COUNT", "2")])
def test_update_is_refused_where_nobody_reviews_it(
    asked: list[GateRequest], stored: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    before = stored.read_bytes()
    assert cli.main(["baseline", "update", *RUN]) == UsageError.exit_code
    assert (asked, stored.read_bytes(), len(list(stored.parent.iterdir()))) == ([], before, 1)


def test_diff_is_allowed_in_ci(asked: list[GateRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert cli.main(["baseline", "diff", *RUN]) == 1
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("update",), "nothing to run; expected --reference and --data"),
        (("diff",), "expected --reference and --data, or OLD and NEW"),
        (("update", "a.json", "b.json"), "update stores what it has run itself"),
        (("diff", "a.json"), "two are compared; found 1 paths"),
        (("diff", "a.json", "b.json", "c.json"), "two are compared; found 3 paths"),
        (("diff", "a.json", "b.json", "--imgsz", "320"), "--imgsz does not apply here"),
        (("diff", "a.json", "b.json"), "a.json: no such baseline"),
        (("show", "nowhere"), "nowhere: no such baseline"),
        (("forget",), "No such command 'forget'"),
    ],
)
def test_wrong_options_are_usage_errors(
    asked: list[GateRequest], arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["baseline", *arguments]) == UsageError.exit_code
    assert says in " ".join(capsys.readouterr().err.split())
    assert asked == []


@pytest.mark.parametrize("command", [("show",), ("diff", *RUN), ("update", *RUN)])
def test_json_never_replaces_a_stored_result(
    asked: list[GateRequest], stored: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(stored.parents[1])
    assert cli.main(["baseline", *command, "--json", str(stored)]) == UsageError.exit_code
    assert "would overwrite an input" in capsys.readouterr().err
    assert asked == []


def test_a_folder_that_cannot_be_written_is_a_usage_error(asked: list[GateRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("parity.baselines.update_sealed", fail)
    assert cli.main(["baseline", "update", *RUN]) == UsageError.exit_code
    assert len(asked) == 1


def test_what_is_added_and_removed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("old", "new"):
        write_baseline(tmp_path / name / f"{name}.json", OLD)
    assert cli.main(["baseline", "diff", str(tmp_path / "old"), str(tmp_path / "new")]) == 1
    assert "1 added, 1 removed" in capsys.readouterr().out


def test_a_hostile_file_name_is_shown_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    from parity.report.baselines import print_revisions  # noqa: PLC0415 - loads rich
    from parity.report.terminal import stdout_console  # noqa: PLC0415

    print_revisions(Revisions((Revision("a\x1b[31m.json", OLD, NEW, damage="\x1b]0;x"),)), stdout_console())
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("command", "says"), [("show", "damaged"), ("diff", "OLD NEW"), ("update", "Refused in CI")])
def test_help_says_what_a_command_does(command: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["baseline", command, "--help"]) == 0
    assert says in " ".join(capsys.readouterr().out.split())


# Waivers


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[GateRequest]:
    """The requests that reach the gate."""
    requests: list[GateRequest] = []

    def run_gate(request: GateRequest, *, track: object) -> Result:
        del track
        requests.append(request)
        return result()

    monkeypatch.setattr("parity.gate.run_gate", run_gate)
    return requests


def test_waivers_are_found_in_the_project_or_named_and_do_not_apply_to_a_diagnosis(
    judged: list[GateRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.parity]\nwaivers = []\n")
    monkeypatch.chdir(tmp_path)
    assert [cli.main(["gate", *RUN]), cli.main(["gate", *RUN, "--waivers", "w.toml"]), cli.main(["diagnose", *RUN])] == [0, 0, 0]
    assert [request.waivers for request in judged] == [tmp_path / "pyproject.toml", Path("w.toml"), None]


def test_a_diagnosis_takes_no_waivers(judged: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diagnose", *RUN, "--waivers", "w.toml"]) == UsageError.exit_code
    assert "--waivers does not apply to diagnose" in capsys.readouterr().err
    assert judged == []


def test_a_broken_project_file_is_not_passed_over(judged: list[GateRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["gate", *RUN]) == UsageError.exit_code
    assert judged == []


def test_waivers_are_read_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gate", *RUN, "--waivers", "none.toml", "--no-latency"]) == UsageError.exit_code
    assert "none.toml: the waivers cannot be read" in capsys.readouterr().err
    assert cli.main(["gate", *RUN, "--no-latency"]) == BadInput.exit_code
