"""What a person asks of a run directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a person asks of a run directory; ``checkpoint`` is another file than its best, ``pictures`` how many images are drawn."""

    path: Path
    checkpoint: Path | None = None
    image: Path | None = None
    dataset_dir: Path | None = None
    evaluate: bool = False
    onnx: bool = False
    compare: bool = False
    device: str = "cpu"
    pictures: int = 16
