"""Stored, reviewed results that later ones are held against: ``baselines/<model>-<data>-<backend>-<size>.json``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from parity.backends.base import Precision
from parity.environment import Environment
from parity.errors import BaselineError, UsageError
from parity.files import kept_path
from parity.metrics import CocoMetrics
from parity.request import Size, size_label
from parity.sealed import read_sealed, update_sealed
from parity.spec import STRICT

SCHEMA = 1
SEALED_AS = "baseline"
LONGEST_SLUG = 60
NOT_CI = frozenset({"", "0", "false"})  # what people set CI to where there is none
UPDATE = "review the change, then run `parity baseline update` or `pytest -m parity --parity-update-baselines`"


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
    """One stored result; ``environment`` is provenance, and ``latency_ms``, the network's median for one image, is never held against."""

    identity: Identity
    metrics: CocoMetrics
    detections: int
    environment: Environment
    schema: int = SCHEMA
    precision: Precision = "fp32"
    latency_ms: float | None = None
    __pydantic_config__ = STRICT


def baseline_path(folder: Path, *, model: str, dataset: str, backend: str, imgsz: Size | None, precision: Precision = "fp32") -> Path:
    """The file of one configuration; the name is a safe slug, and says the precision where that is not float32."""
    exact = "" if precision == "fp32" else f"-{precision}"
    return folder / f"{slug(model)}-{slug(dataset)}-{slug(backend)}{exact}-{size_label(imgsz)}.json"


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
    return read_baseline(path) if path.exists() else None


def read_baseline(path: Path) -> Baseline:
    """The baseline of a file; a missing or damaged one raises ``BaselineError``."""
    kept = f", take {kept_path(path).name}" if kept_path(path).exists() else ""
    step = f"restore it (`git checkout -- {path.name}`){kept}, or {UPDATE}"
    stored = read_sealed(Baseline, path, SEALED_AS, error=BaselineError, next_step=step)
    if stored.schema != SCHEMA:
        raise BaselineError("the baseline has another schema", file=path, found=stored.schema, expected=str(SCHEMA), next_step=UPDATE)
    return stored


def check_identity(path: Path, stored: Baseline, current: Baseline) -> None:
    """Raise ``BaselineError`` where the baseline belongs to something else; it says what."""
    sides = [
        {f.name: getattr(side.identity, f.name) for f in fields(Identity)} | {"precision": side.precision} for side in (stored, current)
    ]
    changed = [name for name, value in sides[0].items() if value != sides[1][name]]
    if changed:
        expected, found = (", ".join(f"{name} {str(side[name])[:16]}" for name in changed) for side in sides)
        raise BaselineError("the baseline is of something else", file=path, found=found, expected=expected, next_step=UPDATE)


def incomparable(stored: Baseline, current: Baseline) -> str:
    """Why two results of the same thing cannot be compared, empty where they can: INT8 computes otherwise on other instruction sets."""
    before, now = arithmetic(stored.environment), arithmetic(current.environment)
    if current.precision != "int8" or before == now:
        return ""
    return f"INT8 results do not compare across instruction sets: stored with {', '.join(before)}, here {', '.join(now)}"


def arithmetic(environment: Environment) -> tuple[str, ...]:
    """What decides how integers are multiplied: the instruction sets, or the processor where they are not known."""
    return environment.instruction_sets or (environment.platform, environment.processor)


def require_reviewer(variables: Mapping[str, str]) -> None:
    """Raise ``UsageError`` where nobody would review what is stored, or several processes would write it.

    ``variables`` are the process's environment variables.
    """
    if variables.get("CI", "").strip().lower() not in NOT_CI:
        step = "update on a machine of your own (there, with CI unset), review the table and commit the files"
        raise UsageError("baselines are not updated in CI: a result must not bless itself", found=f"CI={variables['CI']}", next_step=step)
    if int(variables.get("PYTEST_XDIST_WORKER_COUNT") or 1) > 1:
        raise UsageError("baselines are written by one process", found="several pytest-xdist workers", expected="a run without -n")


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline whole or not at all, and keep a sound one that it replaces as ``NAME.json.bak``; raises ``OSError``."""
    update_sealed(path, SEALED_AS, baseline)


def baseline_files(path: Path) -> tuple[Path, ...]:
    """The baselines of a folder by name, or a file itself."""
    return tuple(sorted(path.glob("*.json"))) if path.is_dir() else (path,)
