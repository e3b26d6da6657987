"""What a model's own noise is: the reference held against itself, run in other ways that do not matter, and limits from that."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import Session
from parity.calibrated import Calibration, Floor, Noise, SizeCalibration, require_sound
from parity.convert import convert
from parity.datasets import open_dataset
from parity.decode import Candidates, decode
from parity.detections import Detections
from parity.doubts import FLOAT32_STEP
from parity.edges import largest_rate
from parity.environment import environment, processors
from parity.errors import BadInput, UsageError
from parity.images import Image, read_ahead
from parity.limits import BY_FAMILY, EDGE_CONFIDENCE, FLOAT32, MIN_EDGE_DETECTIONS, NOISE_FLOORS, Limit, Limits
from parity.models import Checkpoint
from parity.noise import DetectionNoise, HeadNoise, detection_noise, head_noise, worst_detections, worst_head
from parity.open_gate import Gate, checkpoint_of, reference_spec, untracked, with_thresholds
from parity.preprocess import Geometry, preprocess
from parity.request import DEFAULT_SIZE, GateRequest, Size, size_label
from parity.restore import restore
from parity.spec import PipelineSpec, Suppressor
from parity.suppress import suppress
from parity.verdict import DatasetId, ReferenceId

Track = Callable[[Iterable[Image], str, int], Iterable[Image]]
BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A way to run the network: an open session, fed ``copies`` of an image at once."""

    session: Session
    copies: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Ways to run one network, and the plain one that all are held against; other networks than it cannot raise the noise."""

    against: str
    plain: Way
    others: Mapping[str, Way]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one run gave for one image."""

    candidates: Candidates
    detections: Detections
    gain: float


def calibrate(request: GateRequest, *, track: Track = untracked) -> Calibration:
    """Measure the noise of ``request.reference``, a checkpoint, at every size asked for; raises ``ParityError``."""
    if request.data is None:
        raise UsageError("no images", expected="--data data.yaml, instances.json or a folder")
    with ExitStack() as resources:
        full = open_dataset(request.data, images=request.images, allow_missing_labels=True)
        dataset = full.subset(request.limit, request.seed) if request.limit else full
        gate = Gate(request, full, dataset, resources)
        checkpoint = gate.checkpoint = checkpoint_of(gate, request.reference)
        sizes = tuple(calibrate_size(gate, checkpoint, size, track) for size in gate.sizes)
    identity = ReferenceId(str(request.reference), checkpoint.sha256, checkpoint.family)
    return Calibration(identity, DatasetId(dataset.name, len(dataset), dataset.sha256), sizes, environment())


def calibrate_size(gate: Gate, checkpoint: Checkpoint, size: Size | None, track: Track) -> SizeCalibration:
    """Run the network in every way at one size."""
    spec = with_thresholds(reference_spec(gate, size), gate.request)
    paths = [image.path for image in gate.dataset.images]
    images = track(read_ahead(paths, exif=spec.preprocess.exif), f"calibrate {size_label(size)}", len(paths))
    with ExitStack() as resources:
        noise = measure(images, spec, tuple(groups(checkpoint, size, gate.request.threads, resources)))
    if not any(each.detections.detections for each in noise):
        step = "give images on which it does, or a lower --conf"
        raise BadInput("the model detects nothing, so there is no noise to measure", file=gate.request.data, next_step=step)
    floor = floor_of(noise, size)
    if not np.isfinite([floor.box_network_px, floor.box_image_px, floor.score, floor.logit]).all():
        step = "look for an overflow: what is no number cannot be held against anything"
        raise BadInput("the model gives NaN or infinity, or another number of boxes each time", file=gate.request.reference, next_step=step)
    limits = limits_on(floor, noise, BY_FAMILY.get(checkpoint.family, FLOAT32))
    require_sound(limits, error=UsageError, file=gate.request.reference)
    box_image = replace(limits.box, value=NOISE_FLOORS * floor.box_image_px, unit="image px", floor=floor.box_image_px)
    return SizeCalibration(size, spec.suppress.confidence, spec.suppress.iou, noise, floor, limits, box_image)


# Ways to run a network -----------------------------------------------------------------------------------------------------------


def groups(checkpoint: Checkpoint, size: Size | None, threads: int | None, resources: ExitStack) -> Iterator[Group]:
    """The checkpoint in PyTorch, and its conversion in ONNX Runtime, each against itself: a fault of the conversion is in both or none."""
    yield in_pytorch(checkpoint, max(threads or processors(), 2), resources)
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-calibrate-")))
    yield in_onnx_runtime(convert(checkpoint, "onnx", size=size or DEFAULT_SIZE, out=folder), resources)


def in_pytorch(checkpoint: Checkpoint, threads: int, resources: ExitStack) -> Group:
    """Precision, threads, batch and memory format, one changed at a time."""
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    def way(copies: int = 1, *, threads: int = 1, channels_last: bool = False, float64: bool = False) -> Way:
        session = PyTorchSession(checkpoint.network, threads=threads, channels_last=channels_last, float64=float64)
        return Way(resources.enter_context(session), copies)

    others = {
        "pytorch float64": way(threads=threads, float64=True),
        f"pytorch {threads} threads": way(threads=threads),
        f"pytorch batch {BATCH}": way(BATCH),
        "pytorch channels_last": way(channels_last=True),
    }
    return Group("pytorch float32, 1 thread, batch 1, contiguous", way(), others)


def in_onnx_runtime(file: Path, resources: ExitStack) -> Group:
    """Levels of optimisation; on what was tried, the third (extended) gave the numbers of the second."""
    from onnxruntime import GraphOptimizationLevel as Level  # noqa: PLC0415 - a runtime loads when it is needed

    from parity.backends.onnx_runtime import OnnxSession  # noqa: PLC0415

    levels = {"not": Level.ORT_DISABLE_ALL, "basically": Level.ORT_ENABLE_BASIC}
    opened = {name: OnnxSession(file, threads=1, optimisation=level) for name, level in levels.items()}
    others = {f"onnxruntime {name} optimised": Way(resources.enter_context(session)) for name, session in opened.items()}
    return Group("onnxruntime fully optimised, 1 thread", Way(resources.enter_context(OnnxSession(file, threads=1))), others)


# Measurements --------------------------------------------------------------------------------------------------------------------


def measure(images: Iterable[Image], spec: PipelineSpec, compared: Sequence[Group]) -> tuple[Noise, ...]:
    """Run every group on every image; the largest differences of every way."""
    raw = spec.suppress.method is Suppressor.NMS
    heads: dict[str, list[HeadNoise]] = {}
    detections: dict[str, list[DetectionNoise]] = {}
    for image in images:
        fitted = preprocess(image, spec.preprocess)
        for group in compared:
            own = look(group.plain, fitted.tensor, fitted.geometry, spec)
            for name, way in group.others.items():
                other = look(way, fitted.tensor, fitted.geometry, spec)
                detections.setdefault(name, []).append(detection_noise(own.detections, other.detections, gain=own.gain))
                heads.setdefault(name, []).extend(
                    [head_noise(own.candidates, other.candidates, confidence=spec.suppress.confidence)] if raw else []
                )
    named = [(name, group.against) for group in compared for name in group.others]
    return tuple(
        Noise(name, against, worst_head(heads[name]) if raw else None, worst_detections(detections[name]))
        for name, against in named
        if name in detections
    )


def look(way: Way, tensor: NDArray[np.float32], geometry: Geometry, spec: PipelineSpec) -> Seen:
    """Run the network one way and read its answer as the spec says."""
    outputs = tuple(output[:1] for output in way.session.run(np.repeat(tensor, way.copies, axis=0)))
    candidates = decode(outputs, spec.head, classes=len(spec.names), network_size=geometry.network_size)
    return Seen(candidates, restore(suppress(candidates, spec.suppress), geometry, spec.restore), geometry.gain)


def floor_of(noise: Sequence[Noise], size: Size | None) -> Floor:
    """The largest difference of every kind, and at least a rounding step of float32."""
    heads, found = [each.head for each in noise if each.head is not None], [each.detections for each in noise]
    both: list[HeadNoise | DetectionNoise] = [*heads, *found]
    step_px = FLOAT32_STEP * max(size or DEFAULT_SIZE)
    return Floor(
        box_network_px=max(step_px, *(each.box_px for each in heads), *(each.box_network_px for each in found)),
        box_image_px=max(step_px, *(each.box_image_px for each in found)),
        score=max(FLOAT32_STEP, *(each.score for each in both)),
        logit=max(FLOAT32_STEP, *(each.logit for each in both)),
    )


def limits_on(floor: Floor, noise: Sequence[Noise], family: Limits) -> Limits:
    """The limits that stand on a floor; what is counted and AP stay as the family has them."""
    where = "raw head and detections" if any(each.head for each in noise) else "detections"
    origin = f"{NOISE_FLOORS} x the largest difference of the reference from itself, run in {len(noise)} ways ({where})"

    def limit(value: float, unit: str) -> Limit:
        return Limit(NOISE_FLOORS * value, unit, f"{origin}: {value:.2g}", value)

    return replace(
        family,
        box=limit(floor.box_network_px, family.box.unit),
        score=limit(floor.score, "score"),
        logit=limit(floor.logit, "logit"),
        edge_rate=edge_rate(noise, family.edge_rate),
    )


def edge_rate(noise: Sequence[Noise], family: Limit) -> Limit:
    """The largest rate that the edges of all ways together leave likely; every way was a chance for every detection.

    Fewer than ``MIN_EDGE_DETECTIONS`` say nothing in however many ways: then it is the family's.
    """
    detections = min(each.detections.detections for each in noise)
    if detections < MIN_EDGE_DETECTIONS:
        return replace(family, origin=f"{detections} detections are too few to measure it ({MIN_EDGE_DETECTIONS}); {family.origin}")
    edges, chances = sum(each.detections.edges for each in noise), sum(each.detections.detections for each in noise)
    seen = f"{edges} edges in {chances} detections, {len(noise)} ways to run the reference together"
    return Limit(largest_rate(edges, chances), family.unit, f"{seen}: at most this rate with {EDGE_CONFIDENCE:.0%} confidence")
