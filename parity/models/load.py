"""One door to all trained models: what the path is decides who loads it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from parity.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from parity.models.checkpoint import Checkpoint


def load_checkpoint(
    path: Path, *, size: tuple[int, int] = (640, 640), trusted: frozenset[str] = frozenset(), end_to_end: bool | None = None
) -> Checkpoint:
    """Load a checkpoint without running code from it.

    ``size`` is (height, width) in pixels. ``trusted`` holds the sha256 digests of files that may run code. ``end_to_end`` chooses
    between the two heads of v10 and 26; ``None`` takes the one that the installed Ultralytics predicts with.

    Raises ``BadInput`` for what is not a detector's checkpoint, ``UntrustedInput`` for what would run code,
    ``BackendUnavailable`` where Ultralytics is not installed.
    """
    if path.is_dir():
        next_step = "give the checkpoint file itself, for example weights/best.pt"
        raise BadInput("is a folder", file=path, expected="an Ultralytics .pt", next_step=next_step)
    loader = import_module("parity.models.ultralytics")  # by name: the base installation has no torch
    checkpoint: Checkpoint = loader.load(path, size=size, trusted=trusted, end_to_end=end_to_end)
    return checkpoint
