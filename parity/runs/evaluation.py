"""Evaluate one side of a run directory on a data set, and keep what was found in a folder of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.backends.base import Session, open_session
from parity.backends.pytorch import PyTorchSession
from parity.candidates import ModelDetector
from parity.contests import Track, untracked
from parity.convert.manifest import read_stamp
from parity.datasets import Dataset
from parity.datasets.base import digest
from parity.detections import Detections
from parity.environment import Environment, environment
from parity.errors import BadInput
from parity.files import write_whole
from parity.images import image_size
from parity.metrics import ClassMap, ClassMetrics, CocoMetrics, detections_as_coco, evaluate, map_classes, per_class, truth_as_coco
from parity.models import Checkpoint
from parity.models.run_directory import RunDirectory
from parity.pipeline import Observation, Pipeline
from parity.runs.pictures import write_pictures
from parity.runs.places import (
    GROUND_TRUTH,
    METRICS,
    PICTURES,
    PREDICTIONS,
    PYTORCH,
    Side,
    convert_command,
    evaluation_path,
    onnx_path,
)
from parity.spec import STRICT
from parity.verdict import CandidateId
from parity.wire import from_plain, read_json, sha256_of, to_json

RUN_EVALUATION_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class DataId:
    """Which images and which truth, each by content."""

    name: str
    images: int
    images_sha256: str
    ground_truth_sha256: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class RunEvaluation:
    """What an evaluation found; the shape of ``pytorch_metrics.json`` and ``onnx_metrics.json``.

    AP is taken over what the graph lets through: scores above ``score_thresh``, ``detections_per_img`` an image.
    """

    side: str
    checkpoint_sha256: str
    dataset: DataId
    score_thresh: float
    nms_thresh: float | None
    detections_per_img: int
    detections: int
    metrics: CocoMetrics
    classes: tuple[ClassMetrics, ...]
    environment: Environment
    schema: int = RUN_EVALUATION_SCHEMA
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Kept:
    """An evaluation and the folder it lies in."""

    folder: Path
    found: RunEvaluation


@dataclass(frozen=True, slots=True, eq=False)
class RunRequest:
    """What to evaluate: a loaded run and an opened data set; ``pictures`` is how many images are drawn."""

    run: RunDirectory
    checkpoint: Checkpoint
    dataset: Dataset
    dataset_dir: Path
    device: str = "cpu"
    pictures: int = 16
    track: Track = untracked


def identify(dataset: Dataset) -> DataId:
    """The identity of a data set, images and truth apart."""
    images, truth = digest((), dataset.images, None), digest(dataset.categories, (), dataset.truths)
    return DataId(dataset.name, len(dataset), images, truth)


def stored_evaluation(request: RunRequest, side: Side) -> Kept | None:
    """The evaluation of these data and this checkpoint, ``None`` where there is none yet."""
    folder = evaluation_folder(request, side)
    found = read_evaluation(folder, side)
    return None if found is None else Kept(folder, found)


def evaluation_folder(request: RunRequest, side: Side) -> Path:
    """The folder of an evaluation: another data set or checkpoint of the same name gets one of its own."""
    plain = evaluation_path(request.run, side, request.dataset.name, request.checkpoint.sha256)
    found = read_evaluation(plain, side)
    data = identify(request.dataset)
    if found is None or belongs(found, request, data):
        return plain
    return plain.with_name(f"{plain.name}_{sha256_of((data, request.checkpoint.sha256))[:8]}")


def belongs(found: RunEvaluation, request: RunRequest, data: DataId) -> bool:
    """Whether an evaluation is of these data and this checkpoint, by hash."""
    return found.dataset == data and found.checkpoint_sha256 == request.checkpoint.sha256


def read_evaluation(folder: Path, side: Side) -> RunEvaluation | None:
    """What a folder holds; ``None`` where there is nothing, or nothing of ours."""
    file = folder / f"{side.name}_{METRICS}"
    try:
        return from_plain(RunEvaluation, read_json(file), source=file)
    except BadInput:
        return None


def evaluate_side(request: RunRequest, side: Side) -> Kept:
    """Run one side on every image and write metrics, predictions, ground truth and pictures."""
    folder = evaluation_folder(request, side)
    classes = map_classes(request.checkpoint.spec.names, request.dataset.categories, source=str(request.dataset_dir))
    with ExitStack() as resources:
        detector = open_side(request, side, resources)
        observations = observe_side(request, side, detector)
    detections = [observation.evaluated for observation in observations]
    found = measure(request, side, detections, classes)
    write_evaluation(folder, side, request, detections, found)
    return Kept(folder, found)


def open_side(request: RunRequest, side: Side, resources: ExitStack) -> ModelDetector:
    """The network of a side, open; an ONNX file has to be the checkpoint's own."""
    checkpoint = request.checkpoint
    session: Session = PyTorchSession(checkpoint.network, device=request.device) if side is PYTORCH else open_onnx(request)
    identity = CandidateId("checkpoint" if side is PYTORCH else "model", side.name, None)
    return ModelDetector(identity, Pipeline(checkpoint.spec, resources.enter_context(session)))


def open_onnx(request: RunRequest) -> Session:
    """The converted model; raises ``BadInput`` where it is missing or was made from another checkpoint."""
    file = onnx_path(request.run, request.checkpoint.sha256)
    step = convert_command(request.run, request.dataset_dir)
    if not file.is_file():
        raise BadInput("there is no converted model", file=file, expected="the ONNX file of this checkpoint", next_step=step)
    stamp = read_stamp(file)
    if stamp is None or stamp.checkpoint_sha256 != request.checkpoint.sha256:
        made = "an unknown checkpoint" if stamp is None else f"checkpoint {stamp.checkpoint_sha256[:12]}"
        expected = f"checkpoint {request.checkpoint.sha256[:12]}"
        raise BadInput("was not made from this checkpoint", file=file, found=made, expected=expected, next_step=step)
    return open_session(file)


def observe_side(request: RunRequest, side: Side, detector: ModelDetector) -> list[Observation]:
    """Everything that a side lets through, image by image."""
    images = request.dataset.images
    stream = detector.observe(images, deployed=detector.pipeline.spec.suppress, evaluated=detector.shows)
    return list(request.track(stream, f"evaluate {side.name}", len(images)))


def measure(request: RunRequest, side: Side, detections: Sequence[Detections], classes: ClassMap) -> RunEvaluation:
    """Every number of a side."""
    evaluation, settings = evaluate(request.dataset, detections, classes), request.checkpoint.spec.suppress
    return RunEvaluation(
        side=side.name,
        checkpoint_sha256=request.checkpoint.sha256,
        dataset=identify(request.dataset),
        score_thresh=settings.graph_confidence,
        nms_thresh=settings.iou,
        detections_per_img=settings.max_detections,
        detections=sum(map(len, detections)),
        metrics=evaluation.metrics(),
        classes=per_class(request.dataset, evaluation, detections, classes),
        environment=environment(),
    )


def write_evaluation(folder: Path, side: Side, request: RunRequest, detections: Sequence[Detections], found: RunEvaluation) -> None:
    """Write the four parts, the metrics last: a folder with metrics is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{side.name}_{METRICS}").unlink(missing_ok=True)
    names = request.checkpoint.spec.names
    classes = map_classes(names, request.dataset.categories, source=str(request.dataset_dir))
    write_json(detections_as_coco(detections, classes), folder / f"{side.name}_{PREDICTIONS}")
    write_json(ground_truth(request.dataset), folder / GROUND_TRUTH)
    shutil.rmtree(folder / PICTURES, ignore_errors=True)
    write_pictures(folder / PICTURES, request.dataset.images, detections, names=names, count=request.pictures)
    write_whole(to_json(found, indent=2) + "\n", folder / f"{side.name}_{METRICS}")


def ground_truth(dataset: Dataset) -> dict[str, Any]:
    """The truth as COCO JSON, whose image ids are those of the predictions."""
    coco = truth_as_coco(dataset)
    for entry, image in zip(coco["images"], dataset.images, strict=True):
        height, width = image_size(image.path)
        entry |= {"file_name": image.file_name, "width": width, "height": height}
    return coco


def write_json(content: object, target: Path) -> None:
    """Write plain JSON, whole or not at all."""
    write_whole(json.dumps(content, allow_nan=False) + "\n", target)
