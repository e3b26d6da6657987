"""What is held against what: an open gate, and the configurations it has to judge."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeVar

from parity.accuracy import Recorded
from parity.artefacts import FileSpec, input_size, spec_of_file
from parity.backends.artefact import read_artefact
from parity.backends.base import BACKENDS, Session, model_file, open_session
from parity.baselines import slug
from parity.calibrated import Calibration, calibration_for, limits_at
from parity.candidates import Cut, Detector, ModelDetector
from parity.convert import convert
from parity.datasets import Dataset, open_dataset
from parity.doubts import NoiseMargins
from parity.errors import BadInput, UsageError
from parity.limits import MARGINS, Limit, Limits, Margins, Profile, limits_of
from parity.metrics import ClassMap, CocoMetrics, map_classes
from parity.models import Checkpoint, is_checkpoint, load_checkpoint, model_name
from parity.pipeline import Observation, Pipeline
from parity.predictions import open_callable, open_predictions
from parity.replay import Record, candidate_on_its_terms, reference_on_its_terms, replayed_record
from parity.request import DEFAULT_SIZE, GateRequest, Size, size_label
from parity.spec import HeadLayout, PipelineSpec, Suppress, Suppressor
from parity.verdict import CandidateId, Check
from parity.wire import from_plain, read_json

T = TypeVar("T")
Track = Callable[[Iterable[Observation], str, int], Iterable[Observation]]


def untracked(items: Iterable[T], label: str, total: int) -> Iterable[T]:
    """Progress that nobody sees."""
    del label, total
    return items


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """One configuration to judge: the candidate, and the reference at the same size (``None`` where no network size applies)."""

    id: str
    backend: str
    size: Size | None
    reference: Detector
    candidate: Detector
    checkpoint_sha256: str | None = None  # that the candidate says it came from
    has_names: bool = True  # the candidate has class names of its own

    @property
    def precision(self) -> Profile:
        """How precisely the candidate says that it calculates; a list of detections does not say, and is taken for float32."""
        return Profile(self.candidate.pipeline.session.precision) if isinstance(self.candidate, ModelDetector) else Profile.FP32


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One side on labelled data: COCO's numbers, and the records that their uncertainty is taken from."""

    metrics: CocoMetrics
    recorded: Recorded


@dataclass(slots=True, eq=False)
class Gate:
    """An open gate: the data, the reference, and what the reference has already been seen to do."""

    request: GateRequest
    full: Dataset
    dataset: Dataset
    resources: ExitStack
    track: Track = untracked
    checkpoint: Checkpoint | None = None
    calibration: Calibration | None = None  # of the reference's own noise
    record: Record | None = None  # on whose terms recorded detections are replayed
    observed: dict[tuple[Size | None, Cut, Suppress], list[Observation]] = field(default_factory=dict)
    measured: dict[tuple[Size | None, Cut, Suppress], Measured] = field(default_factory=dict)
    repeated: dict[tuple[Size | None, Suppress], Check] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    checkpoints: dict[Path, Checkpoint] = field(default_factory=dict)
    exported: dict[Size, Path] = field(default_factory=dict)  # the reference as ONNX, which a diagnosis compares a file with

    @property
    def sizes(self) -> tuple[Size | None, ...]:
        """The sizes to judge at; a network that takes images as they are has none."""
        if self.checkpoint is not None and self.checkpoint.spec.preprocess.target_size is None:
            return (None,)
        return self.request.sizes or (DEFAULT_SIZE,)

    @property
    def profile(self) -> Profile:
        """How precisely the candidates calculate."""
        return self.request.profile or Profile.FP32

    @property
    def margins(self) -> Margins | None:
        """How much accuracy may be lost where statistics judge, ``None`` where every detection is held."""
        asked, margins = self.request.margin, None if self.profile.exact else MARGINS[self.profile]
        if asked is None or margins is None:
            return margins
        return replace(margins, ap=Limit(asked, "AP", "given by --margin"))

    @property
    def limits(self) -> Limits:
        """What measurements are held against: the request's limits, or those of the reference's family."""
        of_family = limits_of(self.checkpoint.family if self.checkpoint else "", self.profile)
        return self.request.limits or (self.record.limits if self.record else of_family)

    def at(self, size: Size | None, profile: Profile = Profile.FP32) -> Self:
        """The same gate for candidates of a profile, with the limits that were calibrated at a size; all that it remembers is shared."""
        request = replace(self.request, profile=profile)
        if self.calibration is not None and self.request.limits_file is not None and profile.exact:
            thresholds = with_thresholds(reference_spec(self, size), request).suppress
            family = limits_of(self.calibration.checkpoint.family, profile)
            limits = limits_at(self.calibration, size, path=self.request.limits_file, thresholds=thresholds, family=family)
            request = replace(request, limits=limits)
        return replace(self, request=request)


def open_gate(request: GateRequest, resources: ExitStack, *, track: Track = untracked) -> Gate:
    """Open data and reference; what can be wrong with either is said before anything is run."""
    if not request.candidates and not request.backends:
        raise UsageError("nothing to gate", expected="--candidate FILE or --backend onnx,openvino")
    if request.data is None:
        raise UsageError("no images", expected="--data data.yaml, instances.json or a folder")
    if request.candidate_spec is not None and request.backends:
        raise UsageError("--candidate-spec describes a --candidate, and --backend makes its own")
    record = replayed_record(request)
    full = open_dataset(request.data, images=request.images, allow_missing_labels=not request.labelled)
    dataset = full.subset(request.limit, request.seed) if request.limit else full
    gate = Gate(request, full, dataset, resources, track, record=record)
    if request.reference.suffix.lower() != ".json":
        gate.checkpoint = checkpoint_of(gate, request.reference)
        class_map(gate)
    gate.calibration = calibration_for(request, gate.checkpoint)
    return gate


def contests(gate: Gate) -> Iterator[Contest]:
    """Every configuration, each at the sizes it is meant for; ids are unique."""
    taken: set[str] = set()
    for contest in (*converted_contests(gate), *given_contests(gate)):
        unique = contest.id
        while unique in taken:
            unique = f"{contest.id}-{len(taken) + 1}"
        taken.add(unique)
        yield replace(contest, id=unique)


def converted_contests(gate: Gate) -> Iterator[Contest]:
    """The reference checkpoint, converted for every backend and size."""
    for size in gate.sizes:
        for backend in gate.request.backends:
            yield converted_contest(gate, backend, size)


def converted_contest(gate: Gate, backend: str, size: Size | None) -> Contest:
    """The reference checkpoint, converted into a folder that goes with the gate."""
    if gate.checkpoint is None:
        raise UsageError("--backend converts the reference", found=gate.request.reference, expected="a checkpoint as --reference")
    folder = Path(gate.resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-")))
    return model_contest(gate, convert(gate.checkpoint, backend, size=size or DEFAULT_SIZE, out=folder), size)


def given_contests(gate: Gate) -> Iterator[Contest]:
    """The candidates that were named: model files, predictions files, callables."""
    for name in gate.request.candidates:
        path = model_file(Path(name))
        if path.suffix.lower() in BACKENDS or is_checkpoint(path):
            yield from file_contests(gate, path)
        else:
            yield recorded_contest(gate, name)


def file_contests(gate: Gate, path: Path) -> Iterator[Contest]:
    """A model file at its own size, or where it leaves that open at every size asked for."""
    fixed = input_size(session_of(gate, path))
    for size in (None,) if fixed or gate.sizes == (None,) else gate.request.sizes or (None,):
        yield model_contest(gate, path, size)


def model_contest(gate: Gate, path: Path, asked: Size | None) -> Contest:
    """A model file against the reference at the size the file takes."""
    session = session_of(gate, path)
    base = reference_spec(gate, asked)
    found = spec_of_file(path, session, base, declared=declared_spec(gate, path), asked=asked)
    spec = found.spec if gate.request.candidate_spec else with_thresholds(found.spec, gate.request)
    identity = CandidateId("model", str(path), content_digest(gate, path))
    own = is_checkpoint(path) and gate.request.candidate_spec is None
    notes = (
        f"its spec is {'its own' if own else found.origin}",
        *misfits(spec, base, gate.request.sizes, fixed=input_size(session) is not None),
    )
    candidate = ModelDetector(identity, Pipeline(spec, session), notes, relabel=relabelling(gate, found))
    actual = spec.preprocess.target_size
    return Contest(
        config_id(gate, session.backend, actual, precision=session.precision),
        session.backend,
        actual,
        reference_detector(gate, actual),
        candidate,
        found.checkpoint_sha256,
        has_names=found.has_names,
    )


def declared_spec(gate: Gate, path: Path) -> PipelineSpec | None:
    """The spec that was given for a candidate; a checkpoint brings its own."""
    if gate.request.candidate_spec is not None:
        return read_spec(gate.request.candidate_spec)
    return checkpoint_of(gate, path).spec if is_checkpoint(path) else None


def checkpoint_of(gate: Gate, path: Path) -> Checkpoint:
    """A checkpoint, loaded once; reference and candidates are loaded alike."""
    if path not in gate.checkpoints:
        loaded = load_checkpoint(path, trusted=gate.request.trusted, end_to_end=gate.request.end_to_end or None)
        gate.checkpoints[path] = loaded
    return gate.checkpoints[path]


def content_digest(gate: Gate, path: Path) -> str:
    """The SHA-256 of what a candidate is."""
    return checkpoint_of(gate, path).sha256 if is_checkpoint(path) else hashlib.sha256(read_artefact(path, kind="a model")).hexdigest()


def relabelling(gate: Gate, found: FileSpec) -> Mapping[int, int] | None:
    """The file's class indices to the reference's, by name, where the reference is a list of detections without names of its own."""
    if gate.checkpoint is not None or not gate.dataset.categories or not found.has_names:
        return None
    index_of = class_map(gate).index_of
    own = map_classes(found.spec.names, gate.dataset.categories, source=str(gate.request.data))
    return {index: index_of[category] for index, category in own.category_of.items()}


def misfits(spec: PipelineSpec, reference: PipelineSpec, asked: tuple[Size, ...], *, fixed: bool) -> Iterator[str]:
    """What differs between a file (whose size may be ``fixed``) and what was asked for, and is not its fault."""
    if spec.preprocess.target_size is None and asked:
        yield "it resizes images itself, so --imgsz does not apply to it"
    elif fixed and asked not in ((), (spec.preprocess.size,)):
        yield f"its size is fixed at {spec.preprocess.size}, so --imgsz does not apply to it"
    end_to_end = HeadLayout.END_TO_END
    if spec.head.layout is end_to_end and not spec.suppress.graph_confidence and reference.head.layout is not end_to_end:
        yield "it is end to end and the reference is not: --end-to-end takes the reference's own end-to-end head, where it has one"


def recorded_contest(gate: Gate, name: str) -> Contest:
    """A predictions file or a callable against the reference at the one size it was made for."""
    sizes = gate.sizes
    if len(sizes) > 1:
        step = "gate each size by itself"
        raise UsageError("recorded detections belong to one size", found=f"{len(sizes)} sizes", expected="one --imgsz", next_step=step)
    confidence = gate.request.candidate_confidence
    if Path(name).suffix.lower() == ".json":
        rows = open_predictions(Path(name), gate.dataset, index_of=category_indices(gate), confidence=confidence, full=gate.full)
        candidate = candidate_on_its_terms(rows, gate.dataset.images, gate.record)
    elif ":" in name:
        candidate = open_callable(name, gate.dataset, confidence=confidence)
    else:
        raise BadInput("no way to open this candidate", file=name, expected=f"{', '.join(BACKENDS)}, .json or module:callable")
    size = sizes[0] if gate.checkpoint else None
    return Contest(config_id(gate, candidate.identity.kind, size), candidate.identity.kind, size, reference_detector(gate, size), candidate)


def reference_detector(gate: Gate, size: Size | None) -> Detector:
    """The reference at a size; a predictions file has none, and a network that resizes inside needs none."""
    if gate.checkpoint is None:
        rows = open_predictions(gate.request.reference, gate.dataset, index_of=category_indices(gate), full=gate.full)
        return reference_on_its_terms(rows, gate.dataset.images, gate.record)
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    if "reference" not in gate.sessions:
        session = PyTorchSession(gate.checkpoint.network, threads=gate.request.threads)
        gate.sessions["reference"] = gate.resources.enter_context(session)
    spec = with_thresholds(reference_spec(gate, size), gate.request)
    identity = CandidateId("checkpoint", str(gate.checkpoint.path), gate.checkpoint.sha256)
    limits = gate.at(size).limits
    margins = NoiseMargins(limits.box.value, limits.logit.value)
    return ModelDetector(identity, Pipeline(spec, gate.sessions["reference"]), margins=margins)


def reference_spec(gate: Gate, size: Size | None) -> PipelineSpec:
    """The checkpoint's spec at a size (``None``: its own); without a checkpoint, what the data set's categories allow to say."""
    names = tuple(category.name for category in gate.dataset.categories) or ("unnamed",)
    spec = gate.checkpoint.spec if gate.checkpoint else PipelineSpec(names)
    return spec if size is None else replace(spec, preprocess=replace(spec.preprocess, size=size))


def with_thresholds(spec: PipelineSpec, request: GateRequest) -> PipelineSpec:
    """The spec at the deployed thresholds where they were given."""
    suppress = spec.suppress
    if suppress.method is Suppressor.IN_GRAPH and (request.confidence or 1.0) < suppress.graph_confidence:
        expected = f"a confidence of {suppress.graph_confidence:g} or more"
        raise UsageError("the graph lets nothing below its own threshold out", found=f"--conf {request.confidence:g}", expected=expected)
    if request.confidence is not None:
        suppress = replace(suppress, confidence=request.confidence)
    if request.iou is not None and suppress.method is Suppressor.NMS:
        suppress = replace(suppress, iou=request.iou)
    return replace(spec, suppress=suppress)


def read_spec(path: Path) -> PipelineSpec:
    """A spec from its JSON file."""
    return from_plain(PipelineSpec, read_json(path), source=path, next_step="start from `parity convert CHECKPOINT --print-spec`")


def session_of(gate: Gate, path: Path) -> Session:
    """An open session of a file, opened once and closed with the gate."""
    key = str(path)
    if key not in gate.sessions:
        gate.sessions[key] = gate.resources.enter_context(open_candidate(gate, path))
    return gate.sessions[key]


def open_candidate(gate: Gate, path: Path) -> Session:
    """A new session of a file."""
    if not is_checkpoint(path):
        return open_session(path, threads=gate.request.threads)
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    return PyTorchSession(checkpoint_of(gate, path).network, threads=gate.request.threads)


def class_map(gate: Gate) -> ClassMap:
    """Model classes to data set categories, by name."""
    names = reference_spec(gate, None).names
    if not gate.dataset.categories:
        return ClassMap({index: index for index in range(len(names))}, (), ())
    return map_classes(names, gate.dataset.categories, source=str(gate.request.data))


def category_indices(gate: Gate) -> Mapping[int, int] | None:
    """Category ids of a predictions file to class indices; ``None`` without categories, where an id is the class index."""
    return class_map(gate).index_of if gate.dataset.categories else None


def config_id(gate: Gate, backend: str, size: Size | None, *, precision: str = Profile.FP32) -> str:
    """A safe name such as ``yolov8n-onnx-640``, which says the precision where that is not float32."""
    parts = [slug(model_name(gate.request.reference)), slug(backend), *(() if precision == Profile.FP32 else (precision,))]
    if size is not None:
        parts.append(size_label(size))
    return "-".join(parts)
