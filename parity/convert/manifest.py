"""The stamp: which checkpoint a file came from and which pipeline it needs, within the file and in a manifest beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from parity.backends.artefact import read_artefact
from parity.backends.base import open_session
from parity.backends.weight_files import weight_digests
from parity.convert.quantisation import Quantisation
from parity.environment import installed
from parity.errors import BadInput
from parity.spec import STRICT, PipelineSpec
from parity.wire import from_json, from_plain, read_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
ONNX_KEY = "parity"  # in metadata_props
TORCHSCRIPT_KEY = "parity.json"  # in _extra_files
VERSIONS_OF = ("parity-gate", "torch", "torchvision", "ultralytics", "onnx", "onnxslim", "onnxruntime", "openvino", "nncf")
EXPORT_AGAIN = "export it again with `parity convert`"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an exported file says about itself; ``spec.preprocess.size`` is the size it was exported at."""

    spec: PipelineSpec
    checkpoint_sha256: str
    schema: int = SCHEMA
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Manifest:
    """The stamp, the digest of the file it belongs to, and the versions that made the file.

    ``external`` are the digests of the files that hold its weights, by their place beside it; ``quantisation`` is how a file came to
    calculate in INT8.
    """

    stamp: Stamp
    artefact_sha256: str
    versions: dict[str, str]
    schema: int = SCHEMA
    external: dict[str, str] = field(default_factory=dict)
    quantisation: Quantisation | None = None
    __pydantic_config__ = STRICT


class HasMetadata(Protocol):
    """An open session, as far as the stamp is concerned."""

    backend: str
    metadata: Mapping[str, str]


def read_stamp(source: HasMetadata | Path) -> Stamp | None:
    """The stamp of an open session or of a file; of a file without one, that of the manifest beside it; ``None`` where there is none.

    Raises ``BadInput`` for a damaged stamp and for a manifest that belongs to another file.
    """
    if not isinstance(source, Path):
        return stamp_in(source.metadata, source=f"the {source.backend} file")
    with open_session(source) as session:
        stamp = stamp_in(session.metadata, source=source)
    return stamp or stamp_beside(source)


def stamp_in(metadata: Mapping[str, str], *, source: Path | str) -> Stamp | None:
    """The stamp among a file's metadata."""
    text = metadata.get(ONNX_KEY) or metadata.get(TORCHSCRIPT_KEY)
    return check_schema(from_json(Stamp, text, source=source, next_step=EXPORT_AGAIN), source) if text else None


def stamp_beside(path: Path) -> Stamp | None:
    """The stamp of the manifest beside a file."""
    beside = manifest_path(path)
    if not beside.is_file():
        return None
    manifest = from_plain(Manifest, read_json(beside), source=beside, next_step=EXPORT_AGAIN)
    found = hashlib.sha256(read_artefact(path, kind="an exported model")).hexdigest()
    if manifest.artefact_sha256 != found or manifest.external != weight_digests(path):
        expected = f"the file of this manifest, sha256 {manifest.artefact_sha256[:64]}"
        raise BadInput("is not the file that its manifest describes", file=path, found=found, expected=expected, next_step=EXPORT_AGAIN)
    return check_schema(manifest.stamp, beside)


def check_schema(stamp: Stamp, source: Path | str) -> Stamp:
    """The stamp, if its number is ours."""
    if stamp.schema != SCHEMA:
        raise BadInput("has a stamp of another version", file=source, found=stamp.schema, expected=str(SCHEMA), next_step=EXPORT_AGAIN)
    return stamp


def manifest_path(path: Path) -> Path:
    """Where the manifest of a file lies."""
    return path.with_name(f"{path.name}.manifest.json")


def manifest_text(stamp: Stamp, artefact: Path, quantisation: Quantisation | None = None) -> str:
    """The manifest of a finished file as JSON text."""
    digest = hashlib.sha256(artefact.read_bytes()).hexdigest()
    external = weight_digests(artefact)
    return to_json(Manifest(stamp, digest, installed_versions(), external=external, quantisation=quantisation), indent=2) + "\n"


def installed_versions() -> dict[str, str]:
    """The versions of what takes part in an export."""
    return {package: found for package in VERSIONS_OF if (found := installed(package)) is not None}
