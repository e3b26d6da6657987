"""What a person asks of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parity.limits import FLOAT32, Limits

Size = tuple[int, int]
DEFAULT_SIZE: Size = (640, 640)


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What to gate.

    ``None`` for ``confidence`` and ``iou`` takes the specs' own. ``end_to_end`` takes the reference's one-to-one head, which v10 and
    26 have beside the one that Ultralytics predicts with.
    """

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
    end_to_end: bool = False
    latency: bool = True
    limits: Limits = FLOAT32
