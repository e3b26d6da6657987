"""The record of an evidence folder: what failed on which images, and the terms on which the same detections fail again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parity.candidates import UNROUNDED, Cut, RecordedDetector
from parity.comparison import Rounding
from parity.datasets import DatasetImage
from parity.detections import Detections
from parity.doubts import Doubt
from parity.environment import Environment
from parity.errors import UsageError
from parity.limits import Limits
from parity.request import GateRequest
from parity.spec import STRICT, Suppress
from parity.verdict import CandidateId, Check, DatasetId, Diagnosis, ReferenceId
from parity.wire import from_plain, read_json

SCHEMA = 1
NEXT_STEP = "give the evidence.json of an evidence folder as it was written"


@dataclass(frozen=True, slots=True)
class RecordedImage:
    """One image of an evidence folder: its ``file`` in ``images/``, what it was a copy of, and what it shows how often.

    ``gain`` is network pixels for one image pixel, ``absent`` says that one side had nothing on record for it: the comparison needs
    both, and a list of detections tells neither. ``doubts`` are the boxes of the reference that noise keeps or drops.
    """

    file: str
    source: str
    sha256: str
    shows: dict[str, int]
    gain: float | None
    absent: bool
    doubts: tuple[Doubt, ...] | None = None
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse a scale that would make every difference vanish."""
        if self.gain is not None and self.gain <= 0:
            raise ValueError(f"gain {self.gain} is not above 0")


@dataclass(frozen=True, slots=True)
class Record:
    """What an evidence folder is evidence of; ``files`` are the digests of both sides' detections, ``rounding`` that of both together."""

    config: str
    reference: ReferenceId
    candidate: CandidateId
    dataset: DatasetId
    checks: tuple[Check, ...]
    causes: tuple[Diagnosis, ...]
    thresholds: Suppress
    limits: Limits
    rounding: Rounding
    images: tuple[RecordedImage, ...]
    files: dict[str, str]
    environment: Environment
    replay: str
    live: str | None
    schema: int = SCHEMA
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse a form that this version does not know."""
        if self.schema != SCHEMA:
            raise ValueError(f"schema {self.schema}, and this version knows {SCHEMA}")


def read_record(path: Path) -> Record:
    """The record in an ``evidence.json``; raises ``BadInput`` for anything else."""
    return from_plain(Record, read_json(path), source=path, next_step=NEXT_STEP)


def replayed_record(request: GateRequest) -> Record | None:
    """The record of the evidence that is replayed, which holds for the recorded detections of both sides and for nothing else."""
    if request.terms is None:
        return None
    sides = (request.reference, *map(Path, request.candidates))
    if request.backends or any(side.suffix.lower() != ".json" for side in sides):
        raise UsageError("--terms belongs to the two predictions files of an evidence folder", expected="reference.json and candidate.json")
    return read_record(request.terms)


def on_its_terms(detector: RecordedDetector, images: Sequence[DatasetImage], record: Record, *, rounding: Rounding) -> RecordedDetector:
    """Recorded detections with what was known of them when they were recorded, instead of what a few numbers let guess.

    An image that was looked at and not found wanting is on record, though it has no rows.
    """
    by_file = {image.file: image for image in record.images}
    listed = {image.id: by_file[image.file_name] for image in images if image.file_name in by_file}
    seen = {number: Detections.none() for number, image in listed.items() if not image.absent}
    gains = {number: image.gain for number, image in listed.items() if image.gain is not None}
    doubts = {number: image.doubts for number, image in listed.items() if image.doubts is not None}
    notes = ("thresholds, limits, rounding and scale are those of its evidence",)
    return replace(
        detector,
        recorded={**seen, **detector.recorded},
        gains=gains,
        doubts=doubts,
        shows=Cut(multi_label=False),
        rounding=rounding,
        notes=notes,
    )


def reference_on_its_terms(detector: RecordedDetector, images: Sequence[DatasetImage], record: Record | None) -> RecordedDetector:
    """The reference of a replay, which takes the rounding of both sides upon it: the comparison adds them up."""
    return detector if record is None else replace(on_its_terms(detector, images, record, rounding=record.rounding), notes=())


def candidate_on_its_terms(detector: RecordedDetector, images: Sequence[DatasetImage], record: Record | None) -> RecordedDetector:
    """The candidate of a replay."""
    return detector if record is None else on_its_terms(detector, images, record, rounding=UNROUNDED)
