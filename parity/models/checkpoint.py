"""A trained model in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from parity.spec import PipelineSpec


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """One trained model; ``network`` is float32, fused, in evaluation mode and without gradients, ``sha256`` that of the file.

    ``size_bytes`` is the size of the file.
    """

    path: Path
    sha256: str
    family: str
    spec: PipelineSpec
    network: nn.Module
    size_bytes: int
