"""Evaluate one side of a run directory on a data set, and keep what was found in a folder of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parity.backends.base import Session, open_session
from parity.backends.pytorch import PyTorchSession
from parity.candidates import ModelDetector
from parity.convert.manifest import read_stamp
from parity.datasets import Dataset
from parity.datasets.base import digest, file_digest
from parity.detections import Detections
from parity.environment import Environment, environment, lanes
from parity.errors import BadInput, UsageError
from parity.files import write_whole
from parity.images import image_size
from parity.metrics import ClassMap, ClassMetrics, CocoMetrics, detections_as_coco, map_classes, per_class, truth_as_coco
from parity.models import Checkpoint
from parity.models.run_directory import RunDirectory
from parity.open_gate import Track, untracked
from parity.pipeline import Observation, Pipeline
from parity.records import evaluate
from parity.runs.pictures import write_pictures
from parity.runs.places import (
    GROUND_TRUTH,
    METRICS,
    ONNX,
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

RUN_EVALUATION_SCHEMA = 2
PICTURE = re.compile(r"[0-9]{4}_detected\.png")


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
    ``artefact_sha256`` is of the ONNX file, ``sha256`` of all the other fields.
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
    only_model: tuple[str, ...]
    only_dataset: tuple[str, ...]
    artefact_sha256: str | None = None
    sha256: str = ""
    schema: int = RUN_EVALUATION_SCHEMA
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Kept:
    """An evaluation and the folder it lies in; ``before`` where an earlier command made it."""

    folder: Path
    found: RunEvaluation
    before: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RunRequest:
    """What to evaluate: a loaded run and an opened data set; ``pictures`` is how many images are drawn."""

    run: RunDirectory
    checkpoint: Checkpoint
    dataset: Dataset
    dataset_dir: Path
    data: DataId
    device: str = "cpu"
    pictures: int = 16
    track: Track = untracked


def identify(dataset: Dataset) -> DataId:
    """The identity of a data set, images and truth apart."""
    images, truth = digest((), dataset.images, None), digest(dataset.categories, (), dataset.truths)
    return DataId(dataset.name, len(dataset), images, truth)


def stored_evaluation(request: RunRequest, side: Side) -> Kept | None:
    """The evaluation of these data, this checkpoint and the ONNX file as it is, ``None`` where there is none yet."""
    folder = evaluation_folder(request, side)
    found = read_evaluation(folder, side)
    usable = found is not None and belongs(found, request) and is_current(found, request, side)
    return Kept(folder, found, before=True) if found is not None and usable else None


def evaluation_folder(request: RunRequest, side: Side) -> Path:
    """The folder of an evaluation; other data, another checkpoint and what is not ours keep theirs, or raise ``UsageError``."""
    plain = evaluation_path(request.run, side, request.dataset.name, request.checkpoint.sha256)
    found = read_evaluation(plain, side)
    if is_free(plain, side) if found is None else belongs(found, request):
        return plain
    own = plain.with_name(f"{plain.name}_{sha256_of((request.data, request.checkpoint.sha256))[:8]}")
    if read_evaluation(own, side) is None and not is_free(own, side):
        raise UsageError("holds files that are not of an evaluation", file=own, expected="a folder to write to", next_step="move it away")
    return own


def belongs(found: RunEvaluation, request: RunRequest) -> bool:
    """Whether an evaluation is of these data and this checkpoint, by hash."""
    return found.dataset == request.data and found.checkpoint_sha256 == request.checkpoint.sha256


def is_current(found: RunEvaluation, request: RunRequest, side: Side) -> bool:
    """Whether the ONNX file is still the one that was evaluated."""
    artefact = artefact_sha256(request, side)
    return found.artefact_sha256 == artefact and (artefact is not None or side is PYTORCH)


def artefact_sha256(request: RunRequest, side: Side) -> str | None:
    """The digest of the ONNX file; ``None`` where there is none, and for PyTorch."""
    file = onnx_path(request.run, request.checkpoint.sha256)
    return file_digest(file).hex() if side is ONNX and file.is_file() else None


def is_free(folder: Path, side: Side) -> bool:
    """Whether a folder is missing or holds nothing but files that an evaluation writes."""
    if not folder.is_dir():
        return not folder.exists()
    ours = {f"{side.name}_{METRICS}", f"{side.name}_{PREDICTIONS}", GROUND_TRUTH, PICTURES}
    pictures = (folder / PICTURES).iterdir() if (folder / PICTURES).is_dir() else ()
    return {path.name for path in folder.iterdir()} <= ours and all(PICTURE.fullmatch(path.name) for path in pictures)


def read_evaluation(folder: Path, side: Side) -> RunEvaluation | None:
    """What a folder holds; ``None`` where there is nothing, or nothing whole of ours."""
    file = folder / f"{side.name}_{METRICS}"
    try:
        found = from_plain(RunEvaluation, read_json(file), source=file)
    except BadInput:
        return None
    ours = found.side == side.name and found.schema == RUN_EVALUATION_SCHEMA and sealed(found) == found
    whole = all((folder / name).is_file() for name in (f"{side.name}_{PREDICTIONS}", GROUND_TRUTH))
    return found if ours and whole else None


def sealed(found: RunEvaluation) -> RunEvaluation:
    """An evaluation with the digest of its other fields."""
    return replace(found, sha256=sha256_of(replace(found, sha256="")))


def evaluate_side(request: RunRequest, side: Side) -> Kept:
    """Run one side on every image and write metrics, predictions, ground truth and pictures."""
    folder, artefact = evaluation_folder(request, side), artefact_sha256(request, side)
    classes = map_classes(request.checkpoint.spec.names, request.dataset.categories, source=str(request.dataset_dir))
    with ExitStack() as resources:
        detector = open_side(request, side, resources)
        observations = observe_side(request, side, detector)
    detections = [observation.evaluated for observation in observations]
    found = sealed(replace(measure(request, side, detections, classes), artefact_sha256=artefact))
    write_evaluation(folder, side, request, detections, found)
    return Kept(folder, found)


def open_side(request: RunRequest, side: Side, resources: ExitStack) -> ModelDetector:
    """The network of a side, open; an ONNX file has to be the checkpoint's own."""
    checkpoint = request.checkpoint
    session: Session = PyTorchSession(checkpoint.network, device=request.device, threads=1) if side is PYTORCH else open_onnx(request)
    identity = CandidateId("checkpoint" if side is PYTORCH else "model", side.name, None)
    pipeline = Pipeline(checkpoint.spec, resources.enter_context(session))
    return ModelDetector(identity, pipeline, lanes=1 if side is PYTORCH and request.device != "cpu" else lanes())


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
    return open_session(file, threads=1)


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
        dataset=request.data,
        score_thresh=settings.graph_confidence,
        nms_thresh=settings.iou,
        detections_per_img=settings.max_detections,
        detections=sum(map(len, detections)),
        metrics=evaluation.metrics(),
        classes=per_class(request.dataset, evaluation, detections, classes),
        environment=environment(),
        only_model=classes.only_model,
        only_dataset=classes.only_dataset,
    )


def write_evaluation(folder: Path, side: Side, request: RunRequest, detections: Sequence[Detections], found: RunEvaluation) -> None:
    """Write the four parts, the metrics last: a folder with metrics is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{side.name}_{METRICS}").unlink(missing_ok=True)
    names = request.checkpoint.spec.names
    classes = map_classes(names, request.dataset.categories, source=str(request.dataset_dir))
    write_json(detections_as_coco(detections, classes), folder / f"{side.name}_{PREDICTIONS}")
    write_json(ground_truth(request.dataset), folder / GROUND_TRUTH)
    for old in [path for path in (folder / PICTURES).glob("*") if PICTURE.fullmatch(path.name)]:
        old.unlink()
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
