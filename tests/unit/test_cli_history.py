"""`parity history` as its users meet it, and `--history` on its way to the gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from oracles.histories import on, runs

import parity.commands.gate
from parity import cli
from parity.drift import History
from parity.errors import BadInput, UsageError
from parity.history_file import append
from parity.report.schema import HISTORY_JSON
from parity.request import GateRequest
from parity.wire import from_json

GATE = ("gate", "--reference", "m.pt", "--data", "d.yaml", "--backend", "onnx")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A history of twelve runs at two sizes, the last two on other data; AP falls slowly."""
    path = tmp_path / "parity.sqlite"
    first = runs(12, loss=0.03, ids=("m-onnx-640", "m-onnx-320"))
    append(path, (*first[:20], *on(first[20:], data="harder")))
    return path


def told(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> History:
    """What the command says as JSON."""
    assert cli.main(["history", str(file), "--json", "-", *more]) == 0
    return from_json(History, capsys.readouterr().out, source="stdout")


def test_a_slow_drift_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["history", str(file)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("DRIFT  AP falls") == 2
    assert "12 runs" in shown


@pytest.mark.parametrize(("more", "code"), [(("--fail-on-drift",), 1), (("--fail-on-drift", "--data", "harder"), 0)])
def test_a_drift_fails_only_if_asked(file: Path, more: tuple[str, ...], code: int) -> None:
    assert cli.main(["history", str(file), *more]) == code


def test_json_holds_the_rows_and_the_trends(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(file, capsys)
    assert (found.file, len(found.entries)) == (str(file), 24)
    assert [(series.line.config, series.dataset, series.runs) for series in found.series] == [
        ("m-onnx-640", "coco128", 10),
        ("m-onnx-320", "coco128", 10),
        ("m-onnx-640", "harder", 2),
        ("m-onnx-320", "harder", 2),
    ]


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        (("--config", "m-onnx-320"), 12),
        (("--config", "onnx-320"), 12),
        (("--data", "harder"), 4),
        (("--data", "2" * 64), 20),
        (("--last", "3"), 6),
        (("--last", "3", "--data", "coco128", "--config", "onnx-640"), 3),
        (("--last", "1000"), 24),
    ],
)
def test_rows_are_chosen(file: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], rows: int) -> None:
    assert len(told(file, capsys, *more).entries) == rows


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--config", "m-onnx-32"), "no run of this --config; found m-onnx-32; expected m-onnx-640, m-onnx-320"),
        (("--data", "\x1b[31m"), "no run of this --data; found \\x1b[31m; expected coco128, harder"),
        (("--last", "0"), "--last"),
        (("--plot", "chart.jpg"), "--plot needs a file of its own"),
        (("--json", "chart.png"), "--json needs a file of its own"),
    ],
)
def test_wrong_options_say_what_is_there(file: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], says: str) -> None:
    assert cli.main(["history", str(file), *more]) == UsageError.exit_code
    assert says in capsys.readouterr().err


def test_a_chart_is_written(file: Path, tmp_path: Path) -> None:
    assert cli.main(["history", str(file), "--plot", str(tmp_path / "chart.png")]) == 0
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_chart_never_replaces_the_history(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "link.png").symlink_to(file)
    before = file.read_bytes()
    assert cli.main(["history", str(file), "--plot", str(tmp_path / "link.png")]) == UsageError.exit_code
    assert "would overwrite an input" in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"no database", b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_history_is_bad_input(content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "h.sqlite"
    _ = content is None or path.write_bytes(content)
    assert cli.main(["history", str(path)]) == BadInput.exit_code
    assert capsys.readouterr().err.startswith(f"error: {path}: ")


# The gate


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[GateRequest]:
    """The requests that the command makes, of which none is run."""
    seen: list[GateRequest] = []

    def keep(request: GateRequest) -> Any:
        seen.append(request)
        raise UsageError("not run")

    monkeypatch.setattr(parity.commands.gate, "judged", keep)
    return seen


def test_the_option_reaches_the_gate(asked: list[GateRequest]) -> None:
    cli.main([*GATE, "--history", "h.sqlite"])
    cli.main([*GATE])
    assert [request.history for request in asked] == [Path("h.sqlite"), None]


def test_diagnose_gives_no_verdict_to_keep(asked: list[GateRequest], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diagnose", *GATE[1:], "--history", "h.sqlite"]) == UsageError.exit_code
    assert "--history is for a verdict; expected gate --history" in capsys.readouterr().err
    assert asked == []


def test_a_file_that_cannot_be_added_to_is_said_before_anything_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "h.sqlite").write_bytes(b"damaged")
    assert cli.main([*GATE, "--history", str(tmp_path / "h.sqlite")]) == BadInput.exit_code
    assert "h.sqlite: is no history" in capsys.readouterr().err  # and not that m.pt is missing
    assert (tmp_path / "h.sqlite").read_bytes() == b"damaged"


# The contract


def test_the_shipped_schema_is_that_of_the_classes() -> None:
    assert HISTORY_JSON.file.read_text(encoding="utf-8") == HISTORY_JSON.text(), (
        "run `python -m parity.report.schema` and review the change"
    )


def test_the_schema_requires_every_key_and_allows_no_other() -> None:
    schema = json.loads(HISTORY_JSON.text())
    assert set(schema["required"]) == {"file", "entries", "series", "notes", "as_one", "schema"}
    parts = [part for part in schema["$defs"].values() if "properties" in part]
    assert [part["additionalProperties"] for part in (schema, *parts)] == [False] * (1 + len(parts))
    assert all(set(part["required"]) == set(part["properties"]) for part in parts)
