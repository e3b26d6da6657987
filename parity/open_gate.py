"""An open gate: the data, the reference, and what is opened for both sides, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from parity.artefacts import spec_of_file, stamp_of
from parity.backends.base import Session, model_file, open_session
from parity.calibrated import Calibration, calibration_for, limits_at
from parity.candidates import Cut, Detector, ModelDetector
from parity.datasets import Dataset, open_dataset
from parity.doubts import NoiseMargins
from parity.environment import lanes
from parity.errors import ParityError, UsageError
from parity.head_start import HeadStart
from parity.limits import MARGINS, Limit, Limits, Margins, Profile, limits_of
from parity.metrics import ClassMap, map_classes
from parity.models import Checkpoint, is_checkpoint, load_checkpoint
from parity.pipeline import Pipeline, View
from parity.predictions import open_predictions
from parity.quick import equal_but_for_noise
from parity.reference_cache import ReferenceCache, memory_of, open_cache
from parity.replay import Record, reference_on_its_terms, replayed_record
from parity.request import DEFAULT_SIZE, GateRequest, Size
from parity.spec import PipelineSpec, Suppress, Suppressor
from parity.verdict import CandidateId, Check
from parity.wire import from_plain, read_json

if TYPE_CHECKING:
    from parity.observing import Observed

T = TypeVar("T")


class Track(Protocol):
    """Progress: hands out the items as it counts them."""

    def __call__(self, items: Iterable[T], label: str, total: int) -> Iterable[T]:
        """The items, of which there are ``total``."""


def untracked(items: Iterable[T], label: str, total: int) -> Iterable[T]:
    """Progress that nobody sees."""
    del label, total
    return items


def phase(track: Track, label: str, work: Callable[[], T]) -> T:
    """Do one piece of work that takes long, followed as a whole."""
    (done,) = [work() for _ in track((None,), label, 1)]
    return done


SessionKey = tuple[str, int | None]  # what is open, and how many threads it runs in
OWN_RUNTIME = frozenset({".onnx", ".xml"})  # suffixes of files that run without PyTorch
FASTER: SessionKey = ("faster reference", 1)


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
    observed: dict[tuple[Size | None, Cut, Suppress], Observed] = field(default_factory=dict)
    repeated: dict[tuple[Size | None, Suppress], Check] = field(default_factory=dict)
    sessions: dict[SessionKey, Session] = field(default_factory=dict)
    equal: dict[tuple[PipelineSpec, Limits], bool] = field(default_factory=dict)  # the faster reference, but for noise
    checkpoints: dict[Path, Checkpoint] = field(default_factory=dict)
    cache: ReferenceCache | None = None
    head_start: HeadStart | None = None  # of the first candidate
    exported: dict[Size, Path] = field(default_factory=dict)  # the reference as ONNX, which a diagnosis compares a file with

    @property
    def sizes(self) -> tuple[Size | None, ...]:
        """The sizes to judge at; a network that takes images as they are has none."""
        if self.checkpoint is not None and self.checkpoint.spec.preprocess.target_size is None:
            return (None,)
        return self.request.sizes or (DEFAULT_SIZE,)

    @property
    def lanes(self) -> int:
        """How many images are worked on at once, each by networks of one thread: what they say does not depend on the processors."""
        return lanes(self.request.threads)

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
    """Open data and reference; what can be wrong with either is said before it is run, beside what a first candidate already answers."""
    if not request.candidates and not request.backends:
        raise UsageError("nothing to gate", expected="--candidate FILE or --backend onnx,openvino")
    if request.data is None:
        raise UsageError("no images", expected="--data data.yaml, instances.json or a folder")
    if request.candidate_spec is not None and request.backends:
        raise UsageError("--candidate-spec describes a --candidate, and --backend makes its own")
    record = replayed_record(request)
    full = open_dataset(request.data, images=request.images, allow_missing_labels=not request.labelled)
    dataset = full.subset(request.limit, request.seed) if request.limit else full
    kept = resources.enter_context(open_cache(request.cache)) if request.cache is not None else None
    gate = Gate(request, full, dataset, resources, track, record=record, cache=kept)
    if request.reference.suffix.lower() != ".json":
        with head_start(gate):
            gate.checkpoint = checkpoint_of(gate, request.reference)
        class_map(gate)
    gate.calibration = calibration_for(request, gate.checkpoint)
    return gate


@contextmanager
def head_start(gate: Gate) -> Iterator[None]:
    """Let the first candidate answer for images within the block, if a processor is free and it is known what it will be asked."""
    view = early_view(gate) if gate.request.candidates and gate.lanes > 1 else None
    if view is None:
        yield
        return
    with HeadStart(view, [image.path for image in gate.dataset.images]) as gate.head_start:
        yield


def early_view(gate: Gate) -> View | None:
    """What the first candidate will most likely be asked, if it is a file with a spec that needs neither the reference nor PyTorch."""
    request = gate.request
    try:
        first = model_file(Path(request.candidates[0]))
        if first.suffix.lower() not in OWN_RUNTIME:
            return None
        session = session_of(gate, first)
        declared = read_spec(request.candidate_spec) if request.candidate_spec else None
        if declared is None and stamp_of(session, first) is None:
            return None
        found = spec_of_file(first, session, reference_spec(gate, None), declared=declared, asked=next(iter(request.sizes), None))
        spec = found.spec if declared else with_thresholds(found.spec, request)
    except ParityError:  # which is said when the candidate is opened
        return None
    detector = ModelDetector(CandidateId("model", str(first), None), Pipeline(spec, session))
    deployed = replace(spec.suppress, confidence=request.candidate_confidence or 0.0)  # the view takes the higher one
    return detector.view(deployed, detector.shows)


def checkpoint_of(gate: Gate, path: Path) -> Checkpoint:
    """A checkpoint, loaded once; reference and candidates are loaded alike."""
    if path not in gate.checkpoints:
        loaded = load_checkpoint(path, trusted=gate.request.trusted, end_to_end=gate.request.end_to_end or None)
        gate.checkpoints[path] = loaded
    return gate.checkpoints[path]


def content_digest(gate: Gate, path: Path) -> str | None:
    """The SHA-256 of what a candidate is, and of nothing that has taken its place since."""
    return checkpoint_of(gate, path).sha256 if is_checkpoint(path) else session_of(gate, path).sha256


def reference_detector(gate: Gate, size: Size | None) -> Detector:
    """The reference at a size; a predictions file has none, and a network that resizes inside needs none."""
    if gate.checkpoint is None:
        rows = open_predictions(gate.request.reference, gate.dataset, index_of=category_indices(gate), full=gate.full)
        return reference_on_its_terms(rows, gate.dataset.images, gate.record)
    spec = with_thresholds(reference_spec(gate, size), gate.request)
    identity = CandidateId("checkpoint", str(gate.checkpoint.path), gate.checkpoint.sha256)
    limits = gate.at(size).limits
    stock = Pipeline(spec, reference_session(gate, threads=1))
    margins = NoiseMargins(limits.box.value, limits.logit.value)
    pipeline = quick_pipeline(gate, stock, limits)
    timed, remember = reference_session(gate, threads=gate.request.threads), None
    if gate.cache is not None and not gate.request.trusted:  # what a trusted checkpoint runs is not ours, and may have changed
        remember = partial(memory_of, gate.cache, gate.checkpoint.sha256)
    return ModelDetector(identity, pipeline, margins=margins, timed=timed, remember=remember, lanes=gate.lanes)


def reference_session(gate: Gate, *, threads: int | None) -> Session:
    """The checkpoint's network as it was loaded."""
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    key = ("reference", threads)
    if key not in gate.sessions:
        network = checkpoint_of(gate, gate.request.reference).network
        gate.sessions[key] = gate.resources.enter_context(PyTorchSession(network, threads=threads))
    return gate.sessions[key]


def quick_pipeline(gate: Gate, stock: Pipeline, limits: Limits) -> Pipeline:
    """The reference in the memory format that is faster, where that changes nothing but noise; one that resizes inside gains nothing."""
    if stock.spec.preprocess.target_size is None:
        return stock
    if FASTER not in gate.sessions:
        gate.sessions[FASTER] = gate.resources.enter_context(stock.session.faster())
    faster, key = gate.sessions[FASTER], (stock.spec, limits)
    if key not in gate.equal:
        gate.equal[key] = equal_but_for_noise(stock, faster, gate.dataset.images[0].path, limits=limits)
    return replace(stock, session=faster) if gate.equal[key] else stock


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


def session_of(gate: Gate, path: Path, *, threads: int | None = 1) -> Session:
    """An open session of a file with so many threads, opened once and closed with the gate."""
    key = (str(path), threads)
    if key not in gate.sessions:
        gate.sessions[key] = gate.resources.enter_context(open_candidate(gate, path, threads=threads))
    return gate.sessions[key]


def timed_session(gate: Gate, path: Path) -> Session | None:
    """A session of a file as it would be deployed, with all threads; ``None`` where nothing is timed."""
    return session_of(gate, path, threads=gate.request.threads) if gate.request.latency else None


def open_candidate(gate: Gate, path: Path, *, threads: int | None) -> Session:
    """A new session of a file."""
    if not is_checkpoint(path):
        return open_session(path, threads=threads)
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    return PyTorchSession(checkpoint_of(gate, path).network, threads=threads)


def class_map(gate: Gate) -> ClassMap:
    """Model classes to data set categories, by name."""
    names = reference_spec(gate, None).names
    if not gate.dataset.categories:
        return ClassMap({index: index for index in range(len(names))}, (), ())
    return map_classes(names, gate.dataset.categories, source=str(gate.request.data))


def category_indices(gate: Gate) -> Mapping[int, int] | None:
    """Category ids of a predictions file to class indices; ``None`` without categories, where an id is the class index."""
    return class_map(gate).index_of if gate.dataset.categories else None
