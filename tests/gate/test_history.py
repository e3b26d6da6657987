"""Two gates of the embedded model are two rows that `parity history` lists; what happens to the file changes no verdict."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from gate.running import Run, assert_passes, assert_refused

import parity.gate
from parity.cli import main
from parity.history_file import read_history

Judge = Callable[..., Run]


def test_two_gates_are_two_rows_that_are_listed_and_drawn(
    judge: Judge, reference: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "parity.sqlite"
    first, second = (judge(exported, "--history", file) for _ in range(2))
    assert_passes(first)
    assert f"added to the history {file}: `parity history` lists it" in second.result["notes"]
    assert main(["history", str(file), "--json", "-", "--plot", str(tmp_path / "chart.png")]) == 0
    told = json.loads(capsys.readouterr().out)
    row, other = told["entries"]
    result, config = first.result, first.config
    assert (row["verdict"], row["reason"], row["config"], row["imgsz"]) == ("pass", "", config["id"], "320")
    assert (row["reference"], row["dataset"], row["candidate"]) == (result["reference"], result["dataset"], config["candidate"])
    assert (row["parity"], row["environment"], row["latency"]) == (config["parity"], result["environment"], None)
    assert (row["reference_metrics"], row["candidate_metrics"]) == (config["metrics"]["reference"], config["metrics"]["candidate"])
    assert row["ap_change"]["value"] == config["metrics"]["delta"]["AP"]["value"]
    assert row["run"] != other["run"]
    assert {name: (row[name], other[name]) for name in row if row[name] != other[name]}.keys() <= {"run", "time"}
    assert [(series["runs"], series["checkpoints"], series["trends"][0]["runs"]) for series in told["series"]] == [(2, 1, 1)]
    assert (tmp_path / "chart.png").exists()


def test_a_failure_is_kept_with_what_failed(judge: Judge, tmp_path: Path, images: dict[int, Path]) -> None:
    file, nothing = tmp_path / "parity.sqlite", tmp_path / "nothing.json"
    nothing.write_text("[]")
    run = judge(nothing, "--candidate-conf", 0.001, "--history", file)
    (entry,) = read_history(file)
    assert run.exit_code == 1
    assert (entry.verdict, entry.parity.missed, entry.candidate.kind) == ("fail", run.config["parity"]["missed"], "predictions")
    assert "missed" in entry.reason


@pytest.mark.parametrize("content", [b"damaged", b"SQLite format 3\0" + bytes(84)])
def test_a_file_that_cannot_be_added_to_stops_the_gate_before_it_starts(
    judge: Judge, exported: Path, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "parity.sqlite"
    file.write_bytes(content)
    monkeypatch.setattr(parity.gate, "open_gate", None)
    assert_refused(judge(exported, "--history", file), exit_code=10, names="parity.sqlite", says="next: move it away")
    assert file.read_bytes() == content


def test_a_file_that_breaks_while_the_gate_runs_changes_no_verdict(
    judge: Judge, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, opened = tmp_path / "parity.sqlite", parity.gate.open_gate

    def damaging(*arguments: object, **others: object) -> object:
        file.write_bytes(b"damaged")
        return opened(*arguments, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(parity.gate, "open_gate", damaging)
    run = judge(exported, "--history", file)
    assert_passes(run)
    (note,) = [note for note in run.result["notes"] if "history" in note]
    assert note.startswith(f"this run was not added to the history: {file}: is no history")
    assert file.read_bytes() == b"damaged"


def test_a_history_is_no_input(judge: Judge, exported: Path, instances: Path, tmp_path: Path) -> None:
    link = tmp_path / "h.sqlite"
    link.symlink_to(instances)
    assert_refused(judge(exported, "--history", link), exit_code=4, names="h.sqlite", says="--history would overwrite an input")


def test_anybody_can_ask_the_file(judge: Judge, exported: Path, tmp_path: Path) -> None:
    judge(exported, "--history", tmp_path / "parity.db")
    with sqlite3.connect(tmp_path / "parity.db") as connection:
        query = "SELECT config, verdict, parity_images, round(candidate_metrics_AP, 2) > 0 FROM results"
        assert connection.execute(query).fetchall() == [("yolov8n_shapes-onnx-320", "pass", 11, 1)]
    connection.close()
