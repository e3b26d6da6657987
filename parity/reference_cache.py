"""What references said of images, kept between runs by content, so that the next candidate of a checkpoint costs only itself.

An SQLite file of plain arrays: nothing in it is executed, and an entry that does not fit its digest is as good as none.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from parity.detections import Detections
from parity.doubts import Doubt, NoiseMargins
from parity.environment import Environment, environment
from parity.errors import BadInput, ParityError
from parity.pipeline import Observation, Shipped, View
from parity.spec import STRICT, PipelineSpec, Suppress
from parity.wire import from_json, sha256_of, to_json

FILE = "reference.sqlite"
MOST_BYTES = 2_000_000_000  # what was used longest ago goes first beyond this
PATIENCE_S = 10.0  # for another process that writes
PRAGMAS = ("PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
TABLES = """
CREATE TABLE IF NOT EXISTS scopes (scope TEXT PRIMARY KEY, checkpoint TEXT NOT NULL, used TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS entries (
    scope TEXT NOT NULL, image TEXT NOT NULL, sha256 TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (scope, image)) WITHOUT ROWID;
"""
DAMAGE = (ParityError, ValueError, KeyError, TypeError, OverflowError, OSError, EOFError, RuntimeError, BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything but the image that decides what a reference says; ``code`` is the digest of this package's own sources."""

    checkpoint_sha256: str
    spec: PipelineSpec
    evaluation: Suppress
    margins: NoiseMargins | None
    memory_format: str
    environment: Environment
    code: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Contents:
    """What a cache holds: images by checkpoint, and its size in bytes."""

    file: str
    images: dict[str, int]
    bytes: int
    __pydantic_config__ = STRICT


@dataclass(slots=True, eq=False)
class ReferenceCache:
    """An open cache; ``warnings`` say what was damaged, and ``recalled`` counts the answers that it gave.

    One that cannot be used remembers nothing, and says so.
    """

    file: Path
    connection: sqlite3.Connection | None
    warnings: list[str] = field(default_factory=list)
    recalled: int = 0
    scopes: list[str] = field(default_factory=list)  # that this run has used
    lock: Lock = field(default_factory=Lock)

    def fetch(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query; none once the file turns out to be damaged or locked."""
        with self.lock:
            if self.connection is None:
                return []
            try:
                return self.connection.execute(query, values).fetchall()
            except sqlite3.Error as failure:
                waits = "locked" in str(failure) or "busy" in str(failure)
                step = "another process writes to it: run again" if waits else "`parity cache clear` makes a new one"
                self.warnings.append(f"the cache {self.file} cannot be used ({failure}); {step}")
                self.connection.close()
                self.connection = None
                return []

    def memory(self, scope: Scope) -> CachedView:
        """What is remembered of one view."""
        key = sha256_of(scope)
        checkpoint = scope.checkpoint_sha256
        self.fetch("INSERT INTO scopes VALUES (?, ?, CURRENT_TIMESTAMP) ON CONFLICT DO UPDATE SET used = excluded.used", key, checkpoint)
        self.scopes.append(key)
        return CachedView(self, key)

    def count(self) -> None:
        """One more answer was recalled."""
        with self.lock:
            self.recalled += 1

    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know, each once."""
        said = f"{self.recalled} answers of the reference were kept from earlier runs (--no-cache runs it anew)"
        return (*((said,) if self.recalled else ()), *dict.fromkeys(self.warnings))


@dataclass(slots=True, eq=False)
class CachedView:
    """One view's memory in a cache."""

    cache: ReferenceCache
    scope: str

    def recall(self, image: str) -> Observation | None:
        """What the view said of an image; a damaged entry is none, with a warning."""
        for sha256, value in self.cache.fetch("SELECT sha256, value FROM entries WHERE scope = ? AND image = ?", self.scope, image):
            sound = isinstance(value, bytes) and hashlib.sha256(value).hexdigest() == sha256
            observation = unpacked(value) if sound else None
            if observation is None:
                self.cache.warnings.append(f"the cache {self.cache.file} has a damaged entry, which is made again")
            else:
                self.cache.count()
            return observation
        return None

    def keep(self, image: str, observation: Observation) -> None:
        """Store what the view says of an image."""
        value = packed(observation)
        digest = hashlib.sha256(value).hexdigest()
        self.cache.fetch("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", self.scope, image, digest, value)


def packed(observation: Observation) -> bytes:
    """An observation as arrays without pickle."""
    arrays = {
        f"{name}_{part}": getattr(detections, part)
        for name, detections in (("deployed", observation.deployed), ("evaluated", observation.evaluated))
        for part in ("boxes", "scores", "classes", "non_finite")
    }
    shipped = observation.shipped
    doubts = "" if shipped.doubts is None else "[" + ",".join(map(to_json, shipped.doubts)) + "]"
    gain = np.nan if shipped.gain is None else shipped.gain
    content = BytesIO()
    np.savez(content, allow_pickle=False, gain=gain, doubts=np.array(doubts), **arrays)
    return content.getvalue()


def unpacked(value: bytes) -> Observation | None:
    """The observation that was packed, ``None`` where the bytes are none."""
    try:
        with ZipFile(BytesIO(value)) as archive:
            if any(entry.compress_type != ZIP_STORED for entry in archive.infolist()):  # small ones may unpack to any size
                return None
        with np.load(BytesIO(value), allow_pickle=False) as arrays:
            deployed, evaluated = (detections_of(arrays, name) for name in ("deployed", "evaluated"))
            doubts, gain = str(arrays["doubts"]), float(arrays["gain"])
        found = from_json(tuple[Doubt, ...], doubts, source="the cache") if doubts else None
        return Observation(Shipped(deployed, None if np.isnan(gain) else gain, doubts=found), evaluated)
    except DAMAGE:
        return None


def detections_of(arrays: Mapping[str, NDArray[Any]], name: str) -> Detections:
    """One of the packed detections."""
    boxes, scores, classes = (arrays[f"{name}_{part}"] for part in ("boxes", "scores", "classes"))
    return Detections(boxes, scores, classes, int(arrays[f"{name}_non_finite"]))


@cache
def own_code() -> str:
    """The digest of this package's sources: what another version of them made is not taken for this one's."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(hashlib.sha256(source.read_bytes()).digest() for source in sources)).hexdigest()


def memory_of(found: ReferenceCache, checkpoint_sha256: str, view: View) -> CachedView:
    """The memory of a checkpoint's view in this environment."""
    spec, session = view.pipeline.spec, view.pipeline.session
    return found.memory(
        Scope(
            checkpoint_sha256,
            spec,
            view.evaluation,
            view.margins,
            getattr(session, "memory_format", session.backend),
            environment(),
            own_code(),
        )
    )


# The file -----------------------------------------------------------------------------------------------------------------------------


@contextmanager
def open_cache(folder: Path) -> Iterator[ReferenceCache]:
    """Open the cache of a folder, made where there is none; one that cannot be opened is empty and keeps nothing."""
    file = folder / FILE
    found = ReferenceCache(file, None)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found.connection = sqlite3.connect(file, timeout=PATIENCE_S, check_same_thread=False, isolation_level=None)
    except (OSError, sqlite3.Error) as failure:
        found.warnings.append(f"the cache {file} cannot be opened ({failure}), so nothing is kept; --no-cache says nothing of it")
    for statement in (*PRAGMAS, *TABLES.strip().split(";\n")):
        found.fetch(statement)
    try:
        yield found
    finally:
        make_room(found, MOST_BYTES)
        if found.connection is not None:
            found.connection.close()


def make_room(found: ReferenceCache, most_bytes: int) -> None:
    """Forget the scopes that were used longest ago until the rest is small enough; what this run has used stays."""
    found.fetch("DELETE FROM entries WHERE scope NOT IN (SELECT scope FROM scopes)")
    sizes = found.fetch(
        "SELECT scope, COALESCE((SELECT SUM(LENGTH(value)) FROM entries WHERE entries.scope = scopes.scope), 0)"
        " FROM scopes ORDER BY used DESC"
    )
    kept = np.cumsum([size for _, size in sizes]) <= most_bytes
    for (scope, _), keep in zip(sizes, kept, strict=True):
        if not keep and scope not in found.scopes:
            found.fetch("DELETE FROM entries WHERE scope = ?", scope)
            found.fetch("DELETE FROM scopes WHERE scope = ?", scope)
    found.fetch("PRAGMA incremental_vacuum")


def contents(folder: Path) -> Contents:
    """What the cache of a folder holds; raises ``BadInput`` for a file that is no cache."""
    file = folder / FILE
    if not file.exists():
        return Contents(str(file), {}, 0)
    query = "SELECT checkpoint, COUNT(image) FROM scopes JOIN entries USING (scope) GROUP BY checkpoint ORDER BY checkpoint"
    try:
        with closing(sqlite3.connect(file, timeout=PATIENCE_S)) as connection:
            return Contents(str(file), dict(connection.execute(query).fetchall()), file.stat().st_size)
    except sqlite3.Error as failure:
        raise BadInput("is no cache", file=file, found=failure, next_step="parity cache clear") from None


def clear(folder: Path) -> int:
    """Remove the cache of a folder, and say how many bytes it had."""
    files = [file for file in (folder / f"{FILE}{end}" for end in ("", "-wal", "-shm", "-journal")) if file.exists()]
    freed = sum(file.stat().st_size for file in files)
    try:
        for file in files:
            file.unlink()
    except OSError as failure:
        raise BadInput("cannot be removed", file=folder, found=failure.strerror, next_step="remove it by hand") from None
    return freed
