"""The exported files that the contract is held against."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("ultralytics") is None:  # not importorskip: it would import without our environment
    pytest.skip("the exported files come from Ultralytics", allow_module_level=True)

import tiny_detector
from kinds import MADE

from parity.convert import convert
from parity.models import Checkpoint, load_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A loaded tiny YOLOv8."""
    path = tiny_detector.save(tiny_detector.build(), tmp_path_factory.mktemp("trained") / "tiny.pt")
    return load_checkpoint(path, size=(tiny_detector.SIDE, tiny_detector.SIDE))


@pytest.fixture(scope="session")
def exported(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The checkpoint, and one file for each target."""
    out, size = tmp_path_factory.mktemp("exported"), checkpoint.spec.preprocess.size
    return {"pytorch": checkpoint.path} | {target: convert(checkpoint, target, size=size, out=out) for target in MADE}
