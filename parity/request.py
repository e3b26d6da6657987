"""What a person asks of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parity.errors import UsageError
from parity.limits import FLOAT32, Limits

Size = tuple[int, int]
DEFAULT_SIZE: Size = (640, 640)


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What to gate. ``None`` for ``confidence`` and ``iou`` takes the specs' own."""

    reference: Path
    candidates: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    data: Path | None = None
    images: Path | None = None
    labelled: bool = True
    sizes: tuple[Size, ...] = ()
    confidence: float | None = None
    iou: float | None = None
    limit: int | None = None
    seed: int = 42
    candidate_spec: Path | None = None
    candidate_confidence: float | None = None
    baselines: Path | None = None
    trusted: frozenset[str] = frozenset()
    threads: int | None = None
    latency: bool = True
    limits: Limits = FLOAT32


def parse_size(text: str) -> Size:
    """A network size from ``640`` or ``480x640`` (height x width); raises ``UsageError`` for anything else."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):  # noqa: PLR2004 - height and width
        raise UsageError("not an image size", found=text, expected="a side such as 640, or HEIGHTxWIDTH such as 480x640")
    height, width = (sides * 2)[:2] if len(sides) == 1 else sides
    return int(height), int(width)
