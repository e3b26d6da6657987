"""The tiny detector of ``tests/conformance``, built once."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("ultralytics") is None:  # not importorskip: it would import without our environment
    pytest.skip("checkpoints are Ultralytics'", allow_module_level=True)

import tiny_detector


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint file of a tiny YOLOv8."""
    return tiny_detector.save(tiny_detector.build(), tmp_path_factory.mktemp("trained") / "tiny.pt")
