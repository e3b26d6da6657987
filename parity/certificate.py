"""A certificate beside an exported file that passed: what it was held against, by which checks, and how to repeat it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parity.backends.base import BACKENDS
from parity.backends.weight_files import weight_digests
from parity.datasets.base import file_digest
from parity.display import display
from parity.environment import Environment, installed
from parity.errors import BadInput, UsageError
from parity.models import is_checkpoint
from parity.report.output import said_as_usage
from parity.request import GateRequest
from parity.sealed import write_sealed
from parity.spec import STRICT
from parity.verdict import Check, ConfigResult, DatasetId, ReferenceId, Result, Verdict, conclude

SCHEMA = 1
SEALED_AS = "certificate"


@dataclass(frozen=True, slots=True)
class CertifiedConfig:
    """One configuration that passed, and the digest of the pipeline spec that the file ran as."""

    id: str
    backend: str
    imgsz: tuple[int, int] | None
    spec_sha256: str | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Certificate:
    """That a file passed: its digests and those of what it was held against, every check, and the request that repeats it.

    ``external`` are the digests of the files that hold its weights, by their place beside it. The request's paths are relative to the
    file's folder. It names no candidate and trusts no checkpoint: whoever repeats it gives those.
    """

    artefact_sha256: str
    external: dict[str, str]
    reference: ReferenceId
    dataset: DatasetId
    configs: tuple[CertifiedConfig, ...]
    checks: tuple[Check, ...]
    request: GateRequest
    environment: Environment
    date: str  # UTC, ISO 8601
    parity_version: str | None
    schema: int = SCHEMA
    __pydantic_config__ = STRICT


def certificate_path(artefact: Path) -> Path:
    """Where the certificate of a file lies."""
    return artefact.with_name(f"{artefact.name}.parity.json")


def check_certifiable(request: GateRequest) -> None:
    """Raise ``UsageError`` before any work where there would be nothing to put a certificate beside."""
    if not request.certify:
        return
    if request.backends:
        next_step = "convert first (`parity convert`), and gate the file with --candidate"
        raise UsageError("--certify goes with files that stay, and --backend makes temporary ones", next_step=next_step)
    for name in request.candidates:
        if Path(name).suffix.lower() not in BACKENDS or is_checkpoint(Path(name)):
            raise UsageError("--certify is for exported files", found=name, expected="a model file that was exported")
        if not os.access(Path(name).parent, os.W_OK):
            raise UsageError("--certify cannot write beside the file", found=name, expected="a folder that may be written to")


def write_certificates(request: GateRequest, result: Result) -> Iterator[str]:
    """Certify every exported file that passed, if asked to; say where that is, and which files do not deserve the one they have."""
    models = {config.candidate.path for config in result.configs if config.candidate.kind == "model"}
    given = dict.fromkeys(map(Path, request.candidates))  # a converted one goes with the gate
    for artefact in (path for path in given if os.fspath(path) in models):
        target = certificate_path(artefact)
        if conclude(checks_of(artefact, result)) is not Verdict.PASS:
            if target.is_file():
                yield f"{display(artefact)} did not pass: the certificate beside it is not of this result"
        elif request.certify:
            with said_as_usage(target):
                write_sealed(target, SEALED_AS, certificate_of(artefact, request, result))
            yield f"certificate written: {display(target)}"


def certificate_of(artefact: Path, request: GateRequest, result: Result) -> Certificate:
    """The certificate of one file; raises ``BadInput`` where it is not the one that was gated any more."""
    configs = configs_of(artefact, result)
    found = file_digest(artefact).hex()
    if any(config.candidate.sha256 != found for config in configs):
        raise BadInput("changed while it was gated", file=artefact, next_step="run the gate again")
    return Certificate(
        artefact_sha256=found,
        external=weight_digests(artefact),
        reference=replace(result.reference, path=os.fspath(relative(request.reference, artefact))),
        dataset=result.dataset,
        configs=tuple(CertifiedConfig(config.id, config.backend, config.imgsz, config.spec_sha256) for config in configs),
        checks=checks_of(artefact, result),
        request=recorded(request, artefact),
        environment=result.environment,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        parity_version=installed("parity-gate"),
    )


def configs_of(artefact: Path, result: Result) -> tuple[ConfigResult, ...]:
    """The configurations of one file."""
    return tuple(config for config in result.configs if config.candidate.path == os.fspath(artefact))


def checks_of(artefact: Path, result: Result) -> tuple[Check, ...]:
    """The checks of one file: all but those of another's configurations."""
    others = {config.id for config in result.configs} - {config.id for config in configs_of(artefact, result)}
    return tuple(check for check in result.checks if check.config not in others)


def differences(artefact: Path, certified: Certificate) -> Iterator[str]:
    """Which digests of a file are not the certified ones; where the file itself is another, what it names is not looked at."""
    found = file_digest(artefact).hex()
    if found != certified.artefact_sha256:
        yield f"the file itself: sha256 {found}, certified {display(certified.artefact_sha256)}"
        return
    external = weight_digests(artefact)
    for name in sorted(external.keys() | certified.external.keys()):
        now, then = (digests.get(name, "none") for digests in (external, certified.external))
        if now != then:
            yield f"its weights in {display(name)}: sha256 {now}, certified {display(then)}"


def recorded(request: GateRequest, artefact: Path) -> GateRequest:
    """The request as a certificate keeps it: without what only this run wrote, and without what makes code run."""
    unwritten = replace(request, evidence=None, report=None, plots=None, photos=None, history=None, certify=False)
    bare = replace(unwritten, candidates=(), trusted=frozenset(), cache=None, workers=1)
    return with_paths(bare, lambda path: relative(path, artefact))


def with_paths(request: GateRequest, change: Callable[[Path], Path]) -> GateRequest:
    """The request with every path in it changed."""
    values: dict[str, Any] = {field.name: getattr(request, field.name) for field in fields(GateRequest)}
    changed: dict[str, Any] = {name: change(value) for name, value in values.items() if isinstance(value, Path)}
    return replace(request, **changed)


def relative(path: Path, artefact: Path) -> Path:
    """A path as seen from the file's folder, or in full where no way leads there."""
    place = path.parent.resolve() / path.name  # a link stays one, and ".." after a linked folder leads where the system goes
    try:
        return Path(os.path.relpath(place, artefact.parent.resolve()))
    except ValueError:  # another drive
        return place
