"""What a study found: its rows, the rates in them, and their changes against PyTorch. The shape of ``study.json``."""

from __future__ import annotations

from dataclasses import dataclass, fields

from parity.comparison import ParityCounts
from parity.environment import Environment
from parity.errors import UsageError
from parity.exhibits import Exhibit
from parity.latency import Latency, LatencyComparison, Speedup
from parity.metrics import CocoMetrics
from parity.request import Size, size_label
from parity.spec import STRICT
from parity.verdict import Check, ConfigResult, DatasetId, Diagnosis, ReferenceId, Result, Verdict

STUDY_SCHEMA = 1
PYTORCH = "pytorch"
MARKDOWN, JSON = "study.md", "study.json"


@dataclass(frozen=True, slots=True)
class StudyAP:
    """COCO's six AP numbers, from 0 to 1; ``None`` where no object defines them."""

    AP: float | None
    AP50: float | None
    AP75: float | None
    APs: float | None
    APm: float | None
    APl: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class StudyParity:
    """How far a candidate agrees with PyTorch at its size.

    ``pass_rate`` is images that agree / images, ``match_rate`` matched / reference detections, ``None`` where the reference has none.
    """

    images: int
    images_agreeing: int
    pass_rate: float
    reference_detections: int
    matched: int
    match_rate: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class StudyChange:
    """Change in per cent against PyTorch at the same size; ``None`` where either side is undefined, or PyTorch's is 0."""

    size_mb: float | None
    median_ms: float | None
    p95_ms: float | None
    fps: float | None
    AP: float | None
    AP50: float | None
    AP75: float | None
    APs: float | None
    APm: float | None
    APl: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One network at one size; what only a candidate has is ``None`` of PyTorch, which it is held against.

    ``config`` is the gate's id. ``speedup`` is PyTorch's time over this one's, of pairs of runs.
    """

    id: str
    config: str | None
    backend: str
    imgsz: Size | None
    size_mb: float
    median_ms: float
    p95_ms: float | None
    fps: float
    runs: int
    metrics: StudyAP
    parity: StudyParity | None
    speedup: Speedup | None
    change_percent: StudyChange | None
    verdict: Verdict | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Protocol:
    """How everything was measured; ``iou`` is ``None`` where the network's own is not known."""

    confidence: float
    iou: float | None
    ap_confidence: float
    warm_up_runs: int
    runs_per_image: int
    limit: int | None
    seed: int
    threads: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Study:
    """All that a study found out; the shape of ``study.json``. ``load`` is that of the machine before the start."""

    verdict: Verdict
    reference: ReferenceId
    dataset: DatasetId
    protocol: Protocol
    rows: tuple[StudyRow, ...]
    checks: tuple[Check, ...]
    diagnosis: tuple[Diagnosis, ...]
    load: float | None
    notes: tuple[str, ...]
    environment: Environment
    schema: int = STUDY_SCHEMA
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Studied:
    """A study with the gate's result and exhibits, which its charts are drawn from."""

    study: Study
    result: Result
    exhibits: tuple[Exhibit, ...]


# From a result


def reference_row(config: ConfigResult, *, size_mb: float) -> StudyRow:
    """PyTorch, as its first candidate at this size met it; the others met it in the same runs."""
    timed, metrics = measured(config)
    own, ap = timed.reference, six(metrics[0])
    name = f"{PYTORCH}_{size_label(config.imgsz)}"
    return StudyRow(name, None, PYTORCH, config.imgsz, size_mb, own.median, own.p95, own.fps, timed.pairs, ap, None, None, None, None)


def candidate_row(config: ConfigResult, reference: StudyRow, *, label: str, size_mb: float, verdict: Verdict) -> StudyRow:
    """A candidate, and its changes against PyTorch at its size."""
    timed, metrics = measured(config)
    own, ap = timed.candidate, six(metrics[1])
    return StudyRow(
        id=f"{label}_{size_label(config.imgsz)}",
        config=config.id,
        backend=config.backend,
        imgsz=config.imgsz,
        size_mb=size_mb,
        median_ms=own.median,
        p95_ms=own.p95,
        fps=own.fps,
        runs=timed.pairs,
        metrics=ap,
        parity=parity_of(config.parity),
        speedup=timed.speedup,
        change_percent=changes(reference, size_mb, own, ap),
        verdict=verdict,
    )


def measured(config: ConfigResult) -> tuple[LatencyComparison, tuple[CocoMetrics, CocoMetrics]]:
    """Latency and metrics of both sides, which a study always has."""
    if config.latency_ms is None or config.metrics is None:
        raise UsageError("a study needs labels", found=config.id, expected="--data with labels")
    return config.latency_ms, (config.metrics.reference, config.metrics.candidate)


def six(metrics: CocoMetrics) -> StudyAP:
    """The six AP numbers of COCO's twelve."""
    return StudyAP(**{field.name: getattr(metrics, field.name) for field in fields(StudyAP)})


def parity_of(counts: ParityCounts) -> StudyParity:
    """The two rates and what they are of."""
    detections = counts.reference_detections
    return StudyParity(
        images=counts.images,
        images_agreeing=counts.images_agreeing,
        pass_rate=counts.images_agreeing / counts.images,
        reference_detections=detections,
        matched=counts.matched,
        match_rate=counts.matched / detections if detections else None,
    )


def changes(reference: StudyRow, size_mb: float, latency: Latency, ap: StudyAP) -> StudyChange:
    """Every number against PyTorch's."""
    sides = {
        "size_mb": (reference.size_mb, size_mb),
        "median_ms": (reference.median_ms, latency.median),
        "p95_ms": (reference.p95_ms, latency.p95),
        "fps": (reference.fps, latency.fps),
        **{field.name: (getattr(reference.metrics, field.name), getattr(ap, field.name)) for field in fields(StudyAP)},
    }
    return StudyChange(**{name: percent(*pair) for name, pair in sides.items()})


def percent(before: float | None, after: float | None) -> float | None:
    """How much more there is after than before."""
    return None if not before or after is None else 100 * (after / before - 1)
