"""A model's own noise as it was measured, and the limits that stand on it: what `parity calibrate` writes and the gate reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path

from parity.environment import Environment
from parity.errors import BadInput, BaselineError, ParityError, UsageError
from parity.limits import CEILINGS, NOISE_FLOORS, Limit, Limits
from parity.models import Checkpoint
from parity.noise import DetectionNoise, HeadNoise
from parity.request import GateRequest, Size, size_label
from parity.sealed import read_sealed
from parity.spec import STRICT, Suppress
from parity.verdict import DatasetId, ReferenceId

SCHEMA = 1
SEALED_AS = "calibration"
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
    """The calibration in a file; raises ``BadInput`` where there is none, ``BaselineError`` where it is damaged or no sound one."""
    if not path.exists():
        raise BadInput("there is no such file", file=path, expected="what `parity calibrate --out` wrote", next_step="check the path")
    found = read_sealed(Calibration, path, SEALED_AS, error=BaselineError, next_step=AGAIN)
    for each in found.sizes:
        require_sound(each.limits, error=BaselineError, file=path)
    return found


def require_sound(limits: Limits, *, error: type[ParityError], file: Path) -> None:
    """Raise ``error`` for measured limits that do not stand on their noise, or on so much that they would excuse faults."""
    for name, ceiling in CEILINGS.items():
        limit: Limit = getattr(limits, name)
        if name == "edge_rate" and not limit.value > 0:
            raise error(f"the limit of {name} is no rate", file=file, found=limit.value, next_step=AGAIN)
        if name != "edge_rate" and not stands_on_noise(limit):
            raise error(f"the limit of {name} is not {NOISE_FLOORS} x its noise", file=file, found=limit.value, next_step=AGAIN)
        if not limit.value <= ceiling.value:
            problem, most = f"the limit of {name} says that the model is too noisy", f"at most {ceiling.value:g} ({ceiling.origin})"
            step = "look for what makes the model differ from itself, or calibrate on more and other images"
            raise error(problem, file=file, found=f"{limit.value:.3g} {limit.unit}", expected=most, next_step=step)


def stands_on_noise(limit: Limit) -> bool:
    """Whether a limit is what a noise floor makes it."""
    return limit.floor is not None and limit.floor > 0 and isclose(limit.value, NOISE_FLOORS * limit.floor)


def limits_at(calibration: Calibration, size: Size | None, *, path: Path, thresholds: Suppress, family: Limits) -> Limits:
    """The limits at a size: of what was measured those in the file at ``path``, all others of the ``family``.

    Raises ``BaselineError`` where the model was not calibrated at the size or the thresholds: these decide how many edges there are.
    """
    by_size = {each.imgsz: each for each in calibration.sizes}
    if size not in by_size:
        expected, step = ", ".join(map(size_label, by_size)), f"parity calibrate with --imgsz {size_label(size)}"
        raise BaselineError(
            "the limits were calibrated at other sizes", file=path, found=size_label(size), expected=expected, next_step=step
        )
    found = by_size[size]
    if (found.conf, found.iou) != (thresholds.confidence, thresholds.iou):
        own, step = f"conf {thresholds.confidence}, iou {thresholds.iou}", "parity calibrate with --conf and --iou as deployed"
        problem, other = "the limits were calibrated at other thresholds", f"conf {found.conf}, iou {found.iou}"
        raise BaselineError(problem, file=path, found=other, expected=own, next_step=step)
    measured = found.limits
    return replace(family, box=measured.box, score=measured.score, logit=measured.logit, edge_rate=measured.edge_rate)
