"""The file that runs are appended to: SQLite, one table, a row for each configuration of a run; rows are never changed.

Several processes may append at once: each run is one transaction that waits for its turn. A rollback journal and not a write-ahead log,
so that the file is whole by itself wherever it is copied. A file that is damaged, newer or of something else is refused before the gate
starts, and never altered.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from parity.display import display
from parity.errors import BadInput, ParityError, UsageError
from parity.history import Entry, entries_of
from parity.report.output import check_place
from parity.request import GateRequest
from parity.verdict import Result
from parity.wire import from_plain, parse, to_plain

SCHEMA = 1
SUFFIXES = (".sqlite", ".sqlite3", ".db")
MAGIC = b"SQLite format 3\0"
HEADER_BYTES, VERSION_PLACE, APPLICATION_PLACE = 100, 60, 68  # https://www.sqlite.org/fileformat2.html#the_database_header
APPLICATION = 0x50415249  # "PARI", which tells our files from those of others
PATIENCE_S = 30.0  # for others that append
ANOTHER = "move it away, or give another file: a run begins a new one"
SQL_TYPES: Mapping[type, str] = {int: "INTEGER", float: "REAL", str: "TEXT"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and where its value lies in the plain form of an entry; what is no number and no text is kept as ``json``."""

    name: str
    path: tuple[str, ...]
    sql_type: str
    json: bool


@cache
def columns() -> tuple[Column, ...]:
    """The columns of a row: the fields of an entry and of its parts."""
    return tuple(columns_of(Entry))


def columns_of(kind: type, path: tuple[str, ...] = ()) -> Iterator[Column]:
    """The columns of a class; a part that may be missing has empty ones."""
    hints = get_type_hints(kind)
    for each in fields(kind):
        hint, place = hints[each.name], (*path, each.name)
        inner = next((part for part in get_args(hint) if part is not NoneType), hint) if NoneType in get_args(hint) else hint
        if isinstance(inner, type) and is_dataclass(inner):
            yield from columns_of(inner, place)
        else:
            plain = isinstance(inner, type) and (inner in SQL_TYPES or issubclass(inner, StrEnum))
            yield Column("_".join(place), place, SQL_TYPES.get(inner, "TEXT"), json=not plain)


def table() -> str:
    """The statement that makes the table."""
    listed = ", ".join(f'"{column.name}" {column.sql_type}' for column in columns())
    return f"CREATE TABLE results (number INTEGER PRIMARY KEY, {listed})"


def row_of(entry: Entry) -> tuple[object, ...]:
    """An entry as values for the columns."""
    plain = to_plain(entry)
    return tuple(stored(column, value_at(plain, column.path)) for column in columns())


def value_at(plain: Any, path: Sequence[str]) -> Any:
    """The value at a path; ``None`` where a part on the way is missing."""
    for name in path:
        plain = None if plain is None else plain[name]
    return plain


def stored(column: Column, value: Any) -> object:
    r"""A value as it is stored; what UTF-8 cannot hold becomes ``\udc80``, and a question mark within JSON, which would read that back."""
    if column.json and value is not None:
        return json.dumps(value, sort_keys=True, ensure_ascii=False).encode(errors="replace").decode()
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def entry_of(row: Sequence[Any], *, source: Path) -> Entry:
    """The entry of a row (its number first); raises ``BadInput`` for one that was not written here."""
    number, *values = row
    where = f"{source}, row {number}"
    if any(isinstance(value, bytes) for value in values):
        raise BadInput("holds what is no text", file=where, next_step=ANOTHER)
    plain: dict[str, Any] = {}
    for column, value in zip(columns(), values, strict=True):
        place = plain
        for name in column.path[:-1]:
            place = place.setdefault(name, {})
        place[column.path[-1]] = parse(value, source=where) if column.json and isinstance(value, str) else value
    parts = {name: None if is_missing(part) else part for name, part in plain.items()}
    return from_plain(Entry, parts, source=where, next_step=ANOTHER)


def is_missing(part: object) -> bool:
    """Whether all columns of a part are empty."""
    return isinstance(part, dict) and all(value is None for value in part.values())


# The file


def check_history(path: Path, *, inputs: Iterable[Path | None]) -> None:
    """Raise before any work where a run could not be appended: a place that takes no file, and a file that is damaged or not ours."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("--history needs a file of its own", found=path, expected=f"a name that ends in {', '.join(SUFFIXES)}")
    check_place(path, inputs=inputs, option="--history")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError("--history cannot be written", found=path, expected="a file that may be written to")
    if is_begun(path):
        with opened(path) as connection:
            check_whole(connection, path)


def is_begun(path: Path) -> bool:
    """Whether a file is there and holds something; raises ``BadInput`` where that is no history or of a newer schema.

    Read from the first bytes, so that SQLite opens nobody else's file.
    """
    if not path.exists():
        return False
    if not path.is_file():
        raise BadInput("is no file", file=path, expected="a history of Parity", next_step=ANOTHER)
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except OSError as failure:
        raise BadInput("cannot be read", file=path, found=failure.strerror, next_step="check the path") from None
    if not head:
        return False  # another process has just made it, or a temporary one
    if not any(head) and Path(f"{path.resolve()}-journal").exists():
        return True  # the process that began it was killed, and SQLite takes back what it wrote
    if len(head) < HEADER_BYTES or not head.startswith(MAGIC):
        raise BadInput("is no history", file=path, found=f"{head[:16]!r} at its start", expected="an SQLite file", next_step=ANOTHER)
    check_numbers(*(int.from_bytes(head[place : place + 4], "big") for place in (APPLICATION_PLACE, VERSION_PLACE)), path=path)
    return True


def check_numbers(application: int, version: int, *, path: Path) -> None:
    """Raise ``BadInput`` unless these numbers of a file are those that are written here."""
    if application != APPLICATION:
        expected = f"a history of Parity (application id {APPLICATION})"
        raise BadInput("is an SQLite file of something else", file=path, found=application, expected=expected, next_step=ANOTHER)
    if version != SCHEMA:
        step = "update Parity (`pip install -U parity-gate`), or give another file: a run begins a new one"
        raise BadInput("is a history of another schema", file=path, found=version, expected=str(SCHEMA), next_step=step)


def check_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``BadInput`` where the file is damaged, or its table is not the one that is made here."""
    ((state,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if state != "ok":
        raise BadInput("the history is damaged", file=path, found=state, next_step=f"restore it from a copy, or {ANOTHER}")
    if is_empty(connection):
        return
    found = [name for _, name, *_ in connection.execute("PRAGMA table_info(results)")]
    expected = ["number", *(column.name for column in columns())]
    kinds = connection.execute("SELECT DISTINCT type FROM sqlite_master WHERE tbl_name = 'results' AND type <> 'index'").fetchall()
    if found != expected or kinds != [("table",)]:
        odd = sorted(set(found) ^ set(expected)) or [kind for (kind,) in kinds]
        raise BadInput("the table of the history is another", file=path, found=", ".join(odd), expected="results", next_step=ANOTHER)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing has been made in a file: it is new, or the process that began it was killed."""
    return bool(connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,))


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """An open file, made where it is missing; whatever SQLite says of it is a ``BadInput`` that names it.

    Where nothing may be written, it is opened to be read alone; otherwise SQLite takes back what a killed process began.
    """
    writable = os.access(path if path.exists() else path.resolve().parent, os.W_OK) and os.access(path.resolve().parent, os.W_OK)
    address = f"{path.resolve().as_uri()}?mode={'rwc' if writable else 'ro'}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_S, isolation_level=None)) as connection:
            connection.text_factory = readable
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except sqlite3.DatabaseError as failure:
        waits = "locked" in str(failure)
        step = "another process holds it: run again" if waits else f"restore it from a copy, or {ANOTHER}"
        raise BadInput("the history cannot be used", file=path, found=failure, next_step=step) from None


def readable(content: bytes) -> str:
    """Text of the file, whatever its bytes."""
    return content.decode(errors="replace")


def append(path: Path, entries: Sequence[Entry]) -> None:
    """Add a run, all of its rows or none; raises ``BadInput`` where the file does not take it."""
    is_begun(path)
    marks = ", ".join("?" * len(columns()))
    names = ", ".join(f'"{column.name}"' for column in columns())
    with opened(path) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        begin_or_check(connection, path)
        connection.executemany(f"INSERT INTO results ({names}) VALUES ({marks})", map(row_of, entries))  # noqa: S608 - our own names


def begin_or_check(connection: sqlite3.Connection, path: Path) -> None:
    """Make the table in an empty file; another process may have made it in the meantime."""
    if is_empty(connection):
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute(table())
        return
    numbers = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version"))
    check_numbers(*numbers, path=path)


def read_history(path: Path) -> tuple[Entry, ...]:
    """All entries in the order in which they were appended; raises ``BadInput`` for a file that is missing, damaged or not ours."""
    if not path.exists():
        raise BadInput("does not exist", file=path, next_step=f"parity gate ... --history {display(path)} begins it")
    if not is_begun(path):
        return ()
    names = ", ".join(f'"{column.name}"' for column in columns())
    with opened(path) as connection:
        check_whole(connection, path)
        query = f"SELECT number, {names} FROM results ORDER BY number"  # noqa: S608 - our own names
        rows = [] if is_empty(connection) else connection.execute(query).fetchall()
    return tuple(entry_of(row, source=path) for row in rows)


# The gate


def history_notes(request: GateRequest, result: Result) -> Iterator[str]:
    """Append the run where that was asked for, and say so; a file that does not take it changes no verdict."""
    if request.history is None:
        return
    time = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        append(request.history, entries_of(request, result, time=time))
    except ParityError as failure:
        yield f"this run was not added to the history: {failure}"
    else:
        yield f"added to the history {display(request.history)}: `parity history` lists it"
