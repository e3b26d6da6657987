"""What a person asks of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parity.limits import Limits, Profile
from parity.spec import STRICT

Size = tuple[int, int]
DEFAULT_SIZE: Size = (640, 640)


def size_label(size: Size | None) -> str:
    """A size as people write it: ``640``, ``480x640`` (height x width), or ``native`` where the network takes images as they are."""
    if size is None:
        return "native"
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"


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
    waivers: Path | None = None  # a TOML file with [[tool.parity.waivers]]
    evidence: Path | None = None  # the folder that minimal evidence of a failure goes into
    report: Path | None = None  # the HTML file that a person reads
    plots: Path | None = None  # the folder that charts go into
    photos: Path | None = None  # the folder that pictures and detections of both sides go into
    history: Path | None = None  # the SQLite file that the run is added to
    terms: Path | None = None  # the evidence.json that both predictions files lie beside
    trusted: frozenset[str] = frozenset()
    threads: int | None = None
    end_to_end: bool = False
    latency: bool = True
    certify: bool = False  # write a certificate beside every exported file that passes
    least_speedup: float | None = None  # the candidate fails where it is surely slower than this; ``None``: nothing is held
    diagnose: bool = True
    limits: Limits | None = None  # ``None``: those of the reference's family
    limits_file: Path | None = None  # a calibration of the reference, whose limits are taken
    profile: Profile | None = None  # ``None``: as every candidate's file calculates
    margin: float | None = None  # of AP, where statistics judge; ``None``: the profile's
    workers: int = 1  # sizes that are judged at once
    cache: Path | None = None  # the folder that keeps what the reference said; ``None``: nothing is kept
    __pydantic_config__ = STRICT

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file or folder that is read, which no output may replace."""
        beside = (self.data, self.images, self.candidate_spec, self.terms, self.waivers, self.limits_file)
        named = (self.reference, *map(Path, self.candidates), *beside)
        return tuple(path for path in named if path is not None)
