"""Whether a certificate is still that of the file beside it, and whether the file would pass again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from pathlib import Path

from parity.artefacts import with_size
from parity.certificate import SCHEMA, SEALED_AS, Certificate, certificate_path, differences, with_paths
from parity.convert.manifest import manifest_path, read_stamp
from parity.display import display
from parity.errors import BadInput, CertificateError, UsageError
from parity.open_gate import read_spec, with_thresholds
from parity.request import GateRequest
from parity.sealed import read_sealed
from parity.spec import STRICT, PipelineSpec
from parity.verdict import Check, Result
from parity.wire import sha256_of

CERTIFY = "certify the file again with `parity gate --certify`"


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of a certificate; ``differences`` are what is not as it was certified, ``rerun`` the gate as it is now."""

    artefact: str
    certified: Certificate
    differences: tuple[str, ...]
    rerun: Result | None = None
    __pydantic_config__ = STRICT

    @property
    def exit_code(self) -> int:
        """That of the gate where it did not pass, else 14 where anything differs."""
        gate = self.rerun.verdict.exit_code if self.rerun else 0
        return gate or (CertificateError.exit_code if self.differences else 0)


def read_certificate(artefact: Path) -> Certificate:
    """The certificate beside a file; ``BadInput`` where there is none, ``CertificateError`` where it was damaged or edited."""
    path = certificate_path(artefact)
    if not artefact.is_file():
        raise BadInput("is no exported file", file=artefact, next_step="check the path")
    if not path.exists():
        raise BadInput("there is no certificate", file=path, next_step=CERTIFY)
    certified = read_sealed(Certificate, path, SEALED_AS, error=CertificateError, next_step=CERTIFY)
    if certified.schema != SCHEMA:
        raise CertificateError("has another schema", file=path, found=certified.schema, expected=str(SCHEMA), next_step=CERTIFY)
    return certified


def verify(artefact: Path) -> Verification:
    """Hash a file and, of one that did not change, its pipeline spec again, and hold that against its certificate."""
    certified = read_certificate(artefact)
    found = tuple(differences(artefact, certified))
    return Verification(os.fspath(artefact), certified, found or tuple(spec_differences(artefact, certified)))


def spec_differences(artefact: Path, certified: Certificate) -> Iterator[str]:
    """Which configurations would run as another pipeline, as far as that can be told without the gate."""
    try:
        own = outer_spec(artefact, certified.request)
    except (BadInput, UsageError) as failure:
        yield f"its pipeline cannot be read: {display(failure)}"
        return
    for config in certified.configs if own else ():
        found = sha256_of(with_size(own, config.imgsz)) if own and config.imgsz else config.spec_sha256
        if found != config.spec_sha256:
            yield other_pipeline(config.id, found, config.spec_sha256)


def outer_spec(artefact: Path, request: GateRequest) -> PipelineSpec | None:
    """The spec of a file whose pipeline does not stand in the file itself: the one that was given, or that of its manifest.

    ``None`` where neither is there; a stamp within the file comes before its manifest, as it does in the gate.
    """
    if request.candidate_spec is not None:
        given = artefact.parent / request.candidate_spec
        return read_spec(given) if given.is_file() else None
    stamp = read_stamp(artefact) if manifest_path(artefact).is_file() else None
    return with_thresholds(stamp.spec, request) if stamp else None


def other_pipeline(config: str, found: str | None, certified: str | None) -> str:
    """That a configuration runs as another pipeline."""
    return f"{display(config)}: it runs as another pipeline: sha256 {found}, certified {display(certified)}"


def repeated_request(certified: Certificate, artefact: Path, *, reference: Path | None, data: Path | None) -> GateRequest:
    """The request of a certificate, for this file, with its paths as they are from here, or given anew."""
    found = with_paths(certified.request, lambda path: artefact.parent / path)
    found = replace(found, candidates=(os.fspath(artefact),), backends=(), certify=False, evidence=None, cache=None, workers=1)
    found = found if data is None else replace(found, data=data, images=None)
    return found if reference is None else replace(found, reference=reference)


def repeated(verified: Verification, result: Result) -> Verification:
    """A verification with the gate as it is now."""
    return replace(verified, differences=(*verified.differences, *changes(verified.certified, result)), rerun=result)


def changes(certified: Certificate, result: Result) -> Iterator[str]:
    """What of a gate is not as it was certified."""
    if result.reference.sha256 != certified.reference.sha256:
        yield f"the reference: sha256 {result.reference.sha256}, certified {display(certified.reference.sha256)}"
    if result.dataset.sha256 != certified.dataset.sha256:
        yield f"the data: sha256 {result.dataset.sha256}, certified {display(certified.dataset.sha256)}"
    names = {}
    for old, new in zip_longest(certified.configs, result.configs):
        if old is None or new is None or (old.backend, old.imgsz) != (new.backend, new.imgsz):
            yield "the configurations are others than the certified ones"
            return
        names[old.id] = new.id
        if old.spec_sha256 != new.spec_sha256:
            yield other_pipeline(old.id, new.spec_sha256, old.spec_sha256)
    made = {(check.name, check.config): check for check in result.checks}
    for check in certified.checks:
        yield from check_changes(check, made.get((check.name, names.get(check.config, check.config))))


def check_changes(certified: Check, made: Check | None) -> Iterator[str]:
    """What of one check is not as it was certified; a measurement may differ, since its limit says by how much."""
    title = f"{display(certified.config)}: {display(certified.name)}"
    if made is None:
        yield f"{title}: is not checked any more"
        return
    for name in (field.name for field in fields(Check) if field.name in {"status", "limit", "origin"}):
        old, new = getattr(certified, name), getattr(made, name)
        if old != new:
            yield f"{title}: {name} {display(new)}, certified {display(old)}"
