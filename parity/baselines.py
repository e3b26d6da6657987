"""Stored, reviewed results that later ones are held against: ``baselines/<model>-<data>-<backend>-<size>.json``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from pathlib import Path

from parity.environment import Environment
from parity.errors import BaselineError
from parity.metrics import CocoMetrics
from parity.request import Size, size_label
from parity.sealed import read_sealed, write_sealed
from parity.spec import STRICT
from parity.wire import to_plain

SCHEMA = 1
SEALED_AS = "baseline"
LONGEST_SLUG = 60
UPDATE = "review the change, then run `pytest -m parity --parity-update-baselines`"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a baseline is of. Where one of these differs, the numbers are not comparable."""

    checkpoint_sha256: str
    dataset_sha256: str
    spec_sha256: str
    backend: str
    imgsz: Size | None  # ``None``: the network takes images as they are
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Baseline:
    """One stored result; ``environment`` is provenance and is not compared."""

    identity: Identity
    metrics: CocoMetrics
    detections: int
    environment: Environment
    schema: int = SCHEMA
    __pydantic_config__ = STRICT


def baseline_path(folder: Path, *, model: str, dataset: str, backend: str, imgsz: Size | None) -> Path:
    """The file of one configuration; the name is a safe slug."""
    return folder / f"{slug(model)}-{slug(dataset)}-{slug(backend)}-{size_label(imgsz)}.json"


def slug(name: str) -> str:
    """A name with nothing in it that a file system, a shell or a report could take amiss; what was lost is told apart by a digest."""
    plain = re.sub(r"[^A-Za-z0-9_.]+", "_", name).strip("._")[:LONGEST_SLUG]
    return (
        plain
        if plain and plain == name
        else f"{plain or 'unnamed'}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:6]}"
    )


def load_baseline(path: Path) -> Baseline | None:
    """The baseline of a file, ``None`` where there is no file; a damaged one raises ``BaselineError``."""
    if not path.exists():
        return None
    step = f"restore it (`git checkout -- {path.name}`), or {UPDATE}"
    stored = read_sealed(Baseline, path, SEALED_AS, error=BaselineError, next_step=step)
    if stored.schema != SCHEMA:
        raise BaselineError("the baseline has another schema", file=path, found=stored.schema, expected=str(SCHEMA), next_step=UPDATE)
    return stored


def check_identity(path: Path, stored: Identity, current: Identity) -> None:
    """Raise ``BaselineError`` where the baseline belongs to something else; it says what."""
    changed = [f.name for f in fields(Identity) if getattr(stored, f.name) != getattr(current, f.name)]
    if changed:
        found = ", ".join(f"{name} {str(getattr(current, name))[:16]}" for name in changed)
        expected = ", ".join(f"{name} {str(getattr(stored, name))[:16]}" for name in changed)
        raise BaselineError("the baseline is of something else", file=path, found=found, expected=expected, next_step=UPDATE)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline whole or not at all."""
    write_sealed(path, SEALED_AS, baseline)


def changes(old: Baseline | None, new: Baseline) -> str:
    """What an update changes, old → new, for review."""
    before = to_plain(old.metrics) if old else {}
    after = to_plain(new.metrics)
    rows = [f"{name} {shown(before.get(name))} → {shown(value)}" for name, value in after.items() if before.get(name) != value]
    return ", ".join(rows) or "no change in the metrics"


def shown(value: float | None) -> str:
    """A metric for people."""
    return "none" if value is None else f"{value:.4f}"
