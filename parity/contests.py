"""What is held against what: the configurations that an open gate has to judge."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from parity.artefacts import FileSpec, input_size, spec_of_file
from parity.backends.base import BACKENDS, model_file
from parity.baselines import slug
from parity.candidates import Detector, ModelDetector
from parity.convert import convert
from parity.errors import BadInput, UsageError
from parity.limits import Profile
from parity.metrics import map_classes
from parity.models import is_checkpoint, model_name
from parity.open_gate import (
    Gate,
    category_indices,
    checkpoint_of,
    class_map,
    content_digest,
    phase,
    read_spec,
    reference_detector,
    reference_spec,
    session_of,
    timed_session,
    with_thresholds,
)
from parity.pipeline import Pipeline
from parity.predictions import open_callable, open_predictions
from parity.replay import candidate_on_its_terms
from parity.request import DEFAULT_SIZE, Size, size_label
from parity.spec import HeadLayout, PipelineSpec
from parity.verdict import CandidateId


@dataclass(frozen=True, slots=True)
class Source:
    """Where a candidate came from: its name as given, and the size that was asked of it."""

    given: str
    asked: Size | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """One configuration to judge: the candidate, and the reference at the same size (``None`` where no network size applies)."""

    id: str
    backend: str
    size: Size | None
    reference: Detector
    candidate: Detector
    source: Source
    checkpoint_sha256: str | None = None  # that the candidate says it came from
    has_names: bool = True  # the candidate has class names of its own

    @property
    def precision(self) -> Profile:
        """How precisely the candidate says that it calculates; a list of detections does not say, and is taken for float32."""
        return Profile(self.candidate.pipeline.session.precision) if isinstance(self.candidate, ModelDetector) else Profile.FP32


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
    making = partial(convert, gate.checkpoint, backend, size=size or DEFAULT_SIZE, out=folder)
    return model_contest(gate, phase(gate.track, f"convert to {backend} {size_label(size)}", making), size)


def given_contests(gate: Gate) -> Iterator[Contest]:
    """The candidates that were named: model files, predictions files, callables."""
    for name in gate.request.candidates:
        if is_model(name):
            yield from file_contests(gate, model_file(Path(name)))
        else:
            yield recorded_contest(gate, name)


def is_model(candidate: str) -> bool:
    """Whether a candidate is a network that runs here."""
    path = model_file(Path(candidate))
    return path.suffix.lower() in BACKENDS or is_checkpoint(path)


def reopened(gate: Gate, source: Source) -> Contest:
    """A contest of another gate of the same request."""
    if is_model(source.given):
        return model_contest(gate, Path(source.given), source.asked)
    return recorded_contest(gate, source.given)


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
        *misfits(spec, base, gate.request.sizes if asked is None else (asked,), fixed=input_size(session) is not None),
    )
    pipeline, timed, relabel = Pipeline(spec, session), timed_session(gate, path), relabelling(gate, found)
    remember = None if gate.head_start is None else gate.head_start.of
    candidate = ModelDetector(identity, pipeline, notes, relabel=relabel, timed=timed, remember=remember, lanes=gate.lanes)
    actual = spec.preprocess.target_size
    return Contest(
        config_id(gate, session.backend, actual, precision=session.precision),
        session.backend,
        actual,
        reference_detector(gate, actual),
        candidate,
        Source(str(path), asked),
        found.checkpoint_sha256,
        has_names=found.has_names,
    )


def declared_spec(gate: Gate, path: Path) -> PipelineSpec | None:
    """The spec that was given for a candidate; a checkpoint brings its own."""
    if gate.request.candidate_spec is not None:
        return read_spec(gate.request.candidate_spec)
    return checkpoint_of(gate, path).spec if is_checkpoint(path) else None


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
    kind = candidate.identity.kind
    return Contest(config_id(gate, kind, size), kind, size, reference_detector(gate, size), candidate, Source(name))


def config_id(gate: Gate, backend: str, size: Size | None, *, precision: str = Profile.FP32) -> str:
    """A safe name such as ``yolov8n-onnx-640``, which says the precision where that is not float32."""
    parts = [slug(model_name(gate.request.reference)), slug(backend), *(() if precision == Profile.FP32 else (precision,))]
    if size is not None:
        parts.append(size_label(size))
    return "-".join(parts)
