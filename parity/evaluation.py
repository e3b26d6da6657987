"""How good one model is on labelled data: COCO's numbers, and each class on its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from parity.artefacts import spec_of_file
from parity.backends.base import model_file
from parity.candidates import ModelDetector
from parity.datasets import open_dataset
from parity.detections import Detections
from parity.environment import Environment, environment
from parity.errors import UsageError
from parity.metrics import ClassMetrics, CocoMetrics, map_classes, per_class, precision_recall, truths_of
from parity.models import is_checkpoint
from parity.open_gate import (
    Gate,
    Track,
    checkpoint_of,
    content_digest,
    read_spec,
    reference_detector,
    reference_spec,
    session_of,
    untracked,
    with_thresholds,
)
from parity.pipeline import Pipeline
from parity.records import Recorder, evaluation
from parity.request import GateRequest, Size, size_label
from parity.spec import STRICT
from parity.verdict import CandidateId, DatasetId

EVALUATION_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class SizeEvaluation:
    """One model at one size: COCO's numbers, precision and recall at the deployed thresholds, and a row for each class."""

    imgsz: Size | None
    conf: float
    iou: float | None
    metrics: CocoMetrics
    precision: float | None
    recall: float | None
    classes: tuple[ClassMetrics, ...]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """All that `parity eval` found out; the shape of its JSON."""

    model: CandidateId
    dataset: DatasetId
    sizes: tuple[SizeEvaluation, ...]
    environment: Environment
    notes: tuple[str, ...]
    schema: int = EVALUATION_SCHEMA
    __pydantic_config__ = STRICT


def evaluate_model(request: GateRequest, *, track: Track = untracked) -> ModelEvaluation:
    """Evaluate ``request.reference``, a checkpoint or an exported file, at every size that it takes."""
    if request.data is None:
        raise UsageError("no images", expected="--data data.yaml or instances.json")
    with ExitStack() as resources:
        full = open_dataset(request.data, images=request.images)
        dataset = full.subset(request.limit, request.seed) if request.limit else full
        truths_of(dataset)  # without labels there is nothing to evaluate; better said before the network runs
        gate = Gate(replace(request, reference=model_file(request.reference)), full, dataset, resources, track)
        models = list(detectors(gate))
        sizes = tuple(evaluate_size(gate, model) for model in models)
        notes = (*dataset.notes, *dict.fromkeys(note for model in models for note in model.notes))
        return ModelEvaluation(models[0].identity, DatasetId(dataset.name, len(dataset), dataset.sha256), sizes, environment(), notes)


def detectors(gate: Gate) -> Iterator[ModelDetector]:
    """The model at every size asked for; a file of fixed size has one."""
    path = gate.request.reference
    if is_checkpoint(path):
        gate.checkpoint = checkpoint_of(gate, path)
        opened = [reference_detector(gate, size) for size in gate.sizes]
        yield from (model for model in opened if isinstance(model, ModelDetector))
        return
    for size in gate.request.sizes or (None,):
        model = file_detector(gate, size)
        actual = model.pipeline.spec.preprocess.target_size
        if size is not None and actual is not None and actual != size:
            raise UsageError("the file has a fixed size", file=path, found="--imgsz {}x{}".format(*size), expected="{}x{}".format(*actual))
        yield model


def file_detector(gate: Gate, size: Size | None) -> ModelDetector:
    """An exported file by its own stamp or metadata; without either, its classes are the data set's."""
    path, request = gate.request.reference, gate.request
    session = session_of(gate, path)
    declared = read_spec(request.candidate_spec) if request.candidate_spec else None
    found = spec_of_file(path, session, reference_spec(gate, size), declared=declared, asked=size)
    identity = CandidateId("model", str(path), content_digest(gate, path))
    pipeline = Pipeline(with_thresholds(found.spec, request), session)
    return ModelDetector(identity, pipeline, (f"its spec is {found.origin}",), lanes=gate.lanes)


def evaluate_size(gate: Gate, model: ModelDetector) -> SizeEvaluation:
    """Run the model on all images and take every number."""
    spec = model.pipeline.spec
    classes = map_classes(spec.names, gate.dataset.categories, source=str(gate.request.data))
    stream = model.observe(gate.dataset.images, deployed=spec.suppress, evaluated=model.shows)
    deployed, recorder = list[Detections](), Recorder.of(gate.dataset, classes)
    for seen in gate.track(stream, f"size {size_label(spec.preprocess.target_size)}", len(gate.dataset)):
        deployed.append(seen.deployed)
        recorder.add(seen.evaluated)
    curves, suppress = evaluation(recorder.records()), spec.suppress
    precision, recall = precision_recall(gate.dataset, deployed, classes)
    rows = per_class(gate.dataset, curves, deployed, classes)
    return SizeEvaluation(spec.preprocess.target_size, suppress.confidence, suppress.iou, curves.metrics(), precision, recall, rows)
