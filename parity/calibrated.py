"""A model's own noise as it was measured, and the limits that stand on it: what `parity calibrate` writes and the gate reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parity.environment import Environment
from parity.errors import BadInput, BaselineError, UsageError
from parity.limits import Limit, Limits
from parity.models import Checkpoint
from parity.noise import DetectionNoise, HeadNoise
from parity.request import GateRequest, Size, size_label
from parity.spec import STRICT
from parity.verdict import DatasetId, ReferenceId
from parity.wire import from_plain, read_json

SCHEMA = 1
AGAIN = "parity calibrate CHECKPOINT --data DATA --out limits.json, with the checkpoint that is the reference"


@dataclass(frozen=True, slots=True)
class Noise:
    """One way to run the network ``against`` another: ``head`` is ``None`` for a network that suppresses inside."""

    variant: str
    against: str
    head: HeadNoise | None
    detections: DetectionNoise
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Floor:
    """The largest differences over all ways: at the raw head, and of matched detections."""

    box_network_px: float
    box_image_px: float
    score: float
    logit: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class SizeCalibration:
    """The noise of a model at one size and the limits that stand on it; ``box_image`` is the box limit in image pixels."""

    imgsz: Size | None
    conf: float
    iou: float | None
    noise: tuple[Noise, ...]
    floor: Floor
    limits: Limits
    box_image: Limit
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that `parity calibrate` found out; the shape of its JSON, and the file that `parity gate --limits` takes."""

    checkpoint: ReferenceId
    dataset: DatasetId
    sizes: tuple[SizeCalibration, ...]
    environment: Environment
    schema: int = SCHEMA
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse a form that this version does not know."""
        if self.schema != SCHEMA:
            raise ValueError(f"schema {self.schema}, and this version knows {SCHEMA}")


def calibration_for(request: GateRequest, checkpoint: Checkpoint | None) -> Calibration | None:
    """The calibration that a request brings for its reference.

    Raises ``UsageError`` where there can be none for it, ``BaselineError`` where it is damaged or of another checkpoint.
    """
    if request.limits_file is None:
        return None
    if checkpoint is None:
        raise UsageError("--limits are those of a checkpoint", found=request.reference, expected="a checkpoint as --reference")
    if request.profile is not None and not request.profile.exact:
        raise UsageError("--limits were calibrated in float32", found=request.profile, expected="profile fp32, or no --limits")
    found = read_calibration(request.limits_file)
    if found.checkpoint.sha256 != checkpoint.sha256:
        problem, own = "the limits were calibrated for another checkpoint", f"{checkpoint.sha256} of {request.reference}"
        raise BaselineError(problem, file=request.limits_file, found=found.checkpoint.sha256, expected=own, next_step=AGAIN)
    return found


def read_calibration(path: Path) -> Calibration:
    """The calibration in a file; raises ``BaselineError`` where it is damaged."""
    try:
        plain = read_json(path)
    except BadInput as failure:
        raise BaselineError("the limits cannot be read", file=path, found=failure, next_step=AGAIN) from None
    return from_plain(Calibration, plain, source=path, error=BaselineError, next_step=AGAIN)


def limits_at(calibration: Calibration, size: Size | None, *, path: Path) -> Limits:
    """The limits at a size; raises ``BaselineError`` where the model was not calibrated at it."""
    by_size = {each.imgsz: each.limits for each in calibration.sizes}
    if size not in by_size:
        expected, step = ", ".join(map(size_label, by_size)), f"parity calibrate with --imgsz {size_label(size)}"
        raise BaselineError(
            "the limits were calibrated at other sizes", file=path, found=size_label(size), expected=expected, next_step=step
        )
    return by_size[size]
