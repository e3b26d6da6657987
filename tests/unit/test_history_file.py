"""Runs are appended whole or not at all, by several processes at once; what is damaged, newer or of others is refused and left alone."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oracles.histories import REQUEST, run, runs
from oracles.hostile import HOSTILE
from oracles.results import result

import parity.history_file
from parity.errors import BadInput, ParityError, UsageError
from parity.history_file import APPLICATION, append, check_history, columns, history_notes, read_history, row_of
from parity.verdict import ReferenceId

ENTRIES = runs(3, ids=("m-onnx-640", "m-onnx-320"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A history of three runs of two configurations."""
    path = tmp_path / "parity.sqlite"
    for number in range(3):
        append(path, ENTRIES[2 * number : 2 * number + 2])
    return path


@contextmanager
def behind(path: Path) -> Iterator[sqlite3.Connection]:
    """Change a file behind its owner's back."""
    connection = sqlite3.connect(path)
    yield connection
    connection.commit()
    connection.close()


def refused(path: Path) -> str:
    """What is said of a file, by whoever appends, reads or checks alike; it stays as it is."""
    before = path.read_bytes()
    with pytest.raises(BadInput) as appending:
        append(path, ENTRIES[:1])
    with pytest.raises(BadInput) as reading:
        read_history(path)
    with pytest.raises(BadInput) as checking:
        check_history(path, inputs=())
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert str(path) in str(appending.value)
    assert str(reading.value) == str(checking.value)
    return str(checking.value)


# What comes back


def test_what_was_appended_is_read_in_its_order(file: Path) -> None:
    assert read_history(file) == ENTRIES


def test_what_was_not_measured_stays_none(tmp_path: Path) -> None:
    bare = replace(ENTRIES[0], latency=None, ap_change=None, reference_metrics=None, candidate_metrics=None, threads=None, iou=None)
    append(tmp_path / "h.db", [bare])
    assert read_history(tmp_path / "h.db") == (bare,)


def test_the_file_is_one_that_anybody_can_query(file: Path) -> None:
    with behind(file) as connection:
        query = "SELECT config, reference_sha256, candidate_metrics_AP, parity_images_agreeing, latency_candidate_ms FROM results"
        found = connection.execute(f"{query} ORDER BY number LIMIT 1").fetchall()
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    first = ENTRIES[0]
    assert first.latency is not None
    assert found == [(first.config, first.reference.sha256, first.ap, first.parity.images_agreeing, first.latency.candidate_ms)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_are_data(text: str, tmp_path: Path) -> None:
    odd = replace(
        ENTRIES[0],
        config=text,
        reason=text,
        reference=ReferenceId(text, text, text),
        environment=replace(ENTRIES[0].environment, processor=text, packages={"numpy": text}),
    )
    append(tmp_path / "h.sqlite", [odd, ENTRIES[1]])
    (found, other) = read_history(tmp_path / "h.sqlite")
    expected = text.encode(errors="backslashreplace").decode()
    assert (found.config, found.reason, found.reference) == (expected, expected, ReferenceId(expected, expected, expected))
    inner = text.encode(errors="replace").decode()
    assert (found.environment.processor, found.environment.packages) == (expected, {"numpy": inner})
    assert other == ENTRIES[1]


@pytest.mark.parametrize("name", ["a b.sqlite", "100%41?x#y.sqlite", "'; DROP TABLE results; --.db", "mode=ro.sqlite3", "\u202egnp.sqlite"])
def test_hostile_file_names_are_names(name: str, tmp_path: Path) -> None:
    append(tmp_path / name, ENTRIES[:1])
    assert read_history(tmp_path / name) == ENTRIES[:1]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_number_of_columns_stands_for_every_field() -> None:
    assert len(columns()) == len(row_of(ENTRIES[0])) == len({column.name for column in columns()})


# What is refused


def test_a_file_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with behind(path) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    assert "is an SQLite file of something else; found 0; expected a history of Parity" in refused(path)


def test_a_newer_schema_is_refused_and_says_what_to_do(file: Path) -> None:
    with behind(file) as connection:
        connection.execute("PRAGMA user_version = 2")
    said = refused(file)
    assert "is a history of another schema; found 2; expected 1" in said
    assert "next: update Parity" in said


@pytest.mark.parametrize("content", [b"{}", b"PK\x03\x04" + bytes(200), b"SQLite format 3\0", b"\x1b[31m" * 40])
def test_what_is_no_sqlite_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(content)
    said = refused(path)
    assert "is no history" in said
    assert "\x1b" not in said


def test_a_damaged_file_is_refused_and_left_alone(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 : 3 * 4096] = b"\xff" * 8192
    file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(BadInput, match=r"the history (is damaged|cannot be used)") as caught:
        check_history(file, inputs=())
    assert str(file) in str(caught.value)
    assert "restore it from a copy" in str(caught.value)
    assert file.read_bytes() == before


def test_a_table_of_another_shape_is_refused(file: Path) -> None:
    with behind(file) as connection:
        connection.execute("ALTER TABLE results ADD COLUMN mood TEXT")
    with pytest.raises(BadInput, match="the table of the history is another; found mood"):
        read_history(file)


def test_a_trigger_in_the_file_is_refused(file: Path) -> None:
    with behind(file) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON results BEGIN DELETE FROM results; END")
    with pytest.raises(BadInput, match="found table, trigger"):
        check_history(file, inputs=())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("verdict = 'maybe'", "row 2: does not fit Entry"),
        ("parity_images = 'many'", "row 2: does not fit Entry"),
        ("conf = 9e999", "row 2: does not fit Entry"),
        ("config = X'00ff'", "row 2: holds what is no text"),
        ("environment_packages = '{'", "row 2: is not valid JSON"),
    ],
)
def test_a_row_that_was_not_written_here_is_named(file: Path, change: str, says: str) -> None:
    with behind(file) as connection:
        connection.execute(f"UPDATE results SET {change} WHERE number = 2")  # noqa: S608 - a literal
    with pytest.raises(BadInput, match=says):
        read_history(file)


def test_a_missing_file_is_said_with_the_command_that_begins_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"does not exist\n  next: parity gate ... --history"):
        read_history(tmp_path / "none.sqlite")


# Places


@pytest.mark.parametrize("name", ["m.onnx", "best.pt", "data.yaml", "history", "r.json"])
def test_a_history_has_a_name_of_its_own(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--history needs a file of its own; .*expected a name that ends in .sqlite"):
        check_history(tmp_path / name, inputs=())


def test_a_history_never_replaces_an_input(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(file)
    with pytest.raises(UsageError, match="would overwrite an input"):
        check_history(link, inputs=(None, file))


def test_a_link_leads_to_the_history_and_stays_one(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(file)
    append(link, run(3))
    assert link.is_symlink()
    assert len(read_history(file)) == len(ENTRIES) + 1


def test_a_link_to_nothing_yet_makes_what_it_names(tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(tmp_path / "made.sqlite")
    check_history(link, inputs=())
    append(link, run(0))
    assert read_history(tmp_path / "made.sqlite") == run(0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files there")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sqlite")
    with pytest.raises(BadInput, match="is no file"):
        check_history(tmp_path / "pipe.sqlite", inputs=())


@pytest.mark.parametrize("place", ["missing/h.sqlite", "."])
def test_a_place_that_takes_no_file_is_a_usage_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder.sqlite").mkdir()
    target = tmp_path / ("folder.sqlite" if place == "." else place)
    with pytest.raises(UsageError, match="--history cannot be written"):
        check_history(target, inputs=())


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_what_may_not_be_written_is_a_usage_error(file: Path, locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = {"file": file, "folder": file.parent}[locked]
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != closed)  # root may write everywhere
    with pytest.raises(UsageError, match="--history cannot be written"):
        check_history(file, inputs=())


def test_what_may_not_be_written_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert read_history(file) == ENTRIES


def test_an_empty_file_becomes_a_history(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.touch()
    check_history(path, inputs=())
    assert read_history(path) == ()
    append(path, ENTRIES[:2])
    assert read_history(path) == ENTRIES[:2]


def test_checking_makes_nothing(tmp_path: Path) -> None:
    check_history(tmp_path / "h.sqlite", inputs=())
    assert list(tmp_path.iterdir()) == []


# The gate


def test_the_gate_says_that_the_run_was_added(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    assert list(history_notes(replace(REQUEST, history=path), result())) == [f"added to the history {path}: `parity history` lists it"]
    assert [entry.config for entry in read_history(path)] == ["m-onnx-640"]


def test_without_a_history_nothing_is_said() -> None:
    assert list(history_notes(REQUEST, result())) == []


def test_a_file_that_was_damaged_meanwhile_is_a_note(file: Path) -> None:
    file.write_bytes(b"gone\x1b[31m")
    (said,) = history_notes(replace(REQUEST, history=file), result())
    assert said.startswith(f"this run was not added to the history: {file}: is no history")
    assert file.read_bytes() == b"gone\x1b[31m"


def test_a_file_that_stays_locked_is_a_note(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity.history_file, "PATIENCE_S", 0.05)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    (said,) = history_notes(replace(REQUEST, history=file), result())
    holder.close()
    assert "the history cannot be used; found database is locked" in said
    assert "another process holds it" in said
    assert read_history(file) == ENTRIES


def test_a_full_disk_loses_the_run_and_nothing_else(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = parity.history_file.opened

    @contextmanager
    def full(path: Path) -> Iterator[sqlite3.Connection]:
        with opened(path) as connection:
            connection.execute(f"PRAGMA max_page_count = {len(file.read_bytes()) // 4096}")
            yield connection

    with monkeypatch.context() as patched:
        patched.setattr(parity.history_file, "opened", full)
        with pytest.raises(ParityError, match="full"):
            append(file, ENTRIES * 20)
    assert read_history(file) == ENTRIES


# Several processes


def appended(path: Path, way: str, children: int, writer: str) -> dict[str, Any]:
    """What a file holds after children have appended to it."""
    script, tests = Path(__file__).with_name("runs_to_append.py"), Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tests, tests.parent)))}
    command = [sys.executable, script, path, way, str(children), writer]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
def test_processes_that_append_at_once_lose_no_run(tmp_path: Path) -> None:
    found = appended(tmp_path / "h.sqlite", "together", 8, "whole")
    assert found == {"state": "ok", "runs": 80, "rows of a run": [3], "after": 0, "files": ["h.sqlite"]}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
@pytest.mark.parametrize(("writer", "whole"), [("whole", True), ("naive", False)])
def test_a_process_that_is_killed_leaves_whole_runs_in_a_file_that_takes_the_next(writer: str, tmp_path: Path, *, whole: bool) -> None:
    found = appended(tmp_path / "h.sqlite", "killed", 60, writer)
    assert (found["state"], found["after"], found["files"]) == ("ok", 60, ["h.sqlite"])
    assert (found["rows of a run"] == [3]) is whole


def test_a_journal_that_a_killed_process_left_is_taken_back(file: Path, tmp_path: Path) -> None:
    victim = sqlite3.connect(file, isolation_level=None)
    victim.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the end
    victim.execute("BEGIN IMMEDIATE")
    victim.execute("UPDATE results SET config = hex(zeroblob(20000))")
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(file.read_bytes())
    copy.with_name("copy.sqlite-journal").write_bytes(file.with_name("parity.sqlite-journal").read_bytes())
    victim.execute("ROLLBACK")
    victim.close()
    assert copy.read_bytes() != file.read_bytes()
    assert read_history(copy) == ENTRIES


def test_a_file_that_a_killed_process_had_only_begun_takes_runs(tmp_path: Path) -> None:
    path, copy = tmp_path / "h.sqlite", tmp_path / "copy.sqlite"
    victim = sqlite3.connect(path, isolation_level=None)
    victim.execute("PRAGMA cache_size = 1")
    victim.execute("BEGIN IMMEDIATE")
    parity.history_file.begin_or_check(victim, path)
    victim.execute("INSERT INTO results (config) VALUES (hex(zeroblob(20000)))")
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.sqlite-journal").write_bytes(path.with_name("h.sqlite-journal").read_bytes())
    victim.close()
    assert copy.stat().st_size > 0
    check_history(copy, inputs=())
    assert read_history(copy) == ()
    append(copy, ENTRIES[:2])
    assert read_history(copy) == ENTRIES[:2]


def test_the_numbers_in_the_header_are_where_sqlite_has_them(file: Path) -> None:
    with behind(file) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    assert file.read_bytes()[68:72] == b"PARI"
