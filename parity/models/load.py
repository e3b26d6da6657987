"""One door to all trained models: what the path is decides who loads it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from parity.models.run_directory import BEST, WEIGHTS_SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

    from parity.models.checkpoint import Checkpoint

ULTRALYTICS_SUFFIX = ".pt"


def load_checkpoint(
    path: Path, *, size: tuple[int, int] = (640, 640), trusted: frozenset[str] = frozenset(), end_to_end: bool | None = None
) -> Checkpoint:
    """Load an Ultralytics ``.pt``, or a run directory of torchvision's FasterRCNN, without running code from it.

    ``size`` is (height, width) in pixels. ``trusted`` holds the sha256 digests of files that may run code. ``end_to_end`` chooses
    between the two heads of v10 and 26; ``None`` takes the one that the installed Ultralytics predicts with. A run directory needs none
    of them.

    Raises ``BadInput`` for what is not a detector's checkpoint, ``UntrustedInput`` for what would run code,
    ``BackendUnavailable`` where Ultralytics or torchvision is not installed.
    """
    if is_run(path):
        loader = import_module("parity.models.torchvision")  # by name: the base installation has no torch
        run: Checkpoint = loader.load(path)
        return run
    loader = import_module("parity.models.ultralytics")
    checkpoint: Checkpoint = loader.load(path, size=size, trusted=trusted, end_to_end=end_to_end)
    return checkpoint


def is_checkpoint(path: Path) -> bool:
    """Whether a path is loaded as a checkpoint and not opened as an exported file."""
    return path.suffix.lower() == ULTRALYTICS_SUFFIX or is_run(path)


def model_name(path: Path) -> str:
    """What a model is called in ids and file names: a file by its stem, a run by its folder, another checkpoint of it by both."""
    if path.is_dir():
        return path.resolve().name
    if is_run(path):
        folder = path.resolve().parent.name
        return folder if path.name == BEST else f"{folder}_{path.stem}"
    return path.stem


def is_run(path: Path) -> bool:
    """Whether a path is a run directory, or the weights within one."""
    return path.is_dir() or path.suffix.lower() == WEIGHTS_SUFFIX
