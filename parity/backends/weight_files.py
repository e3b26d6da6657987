"""The files beside a model file that hold its weights, whatever kind of file it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parity.backends.artefact import read_artefact
from parity.backends.onnx_file import external_locations
from parity.backends.openvino_file import weights_path
from parity.datasets.base import file_digest

if TYPE_CHECKING:
    from pathlib import Path


def weight_files(path: Path) -> tuple[str, ...]:
    """Their places as seen from the model's folder; raises for damaged models and for places outside of it."""
    if path.suffix.lower() == ".onnx":
        return external_locations(read_artefact(path, kind="an ONNX file"), path)
    return (weights_path(path).name,) if path.suffix.lower() == ".xml" else ()


def weight_digests(path: Path) -> dict[str, str]:
    """The SHA-256 of each, by its place."""
    return {place: file_digest(path.parent / place).hex() for place in weight_files(path)}


def size_in_bytes(path: Path) -> int:
    """The size of a model file with all that belongs to it."""
    return sum(file.stat().st_size for file in (path, *(path.parent / place for place in weight_files(path))))
