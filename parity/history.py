"""What is kept of every run: one value for each configuration, reduced from a gate's result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from parity.baselines import slug
from parity.comparison import ParityCounts
from parity.environment import Environment, installed
from parity.latency import LatencyComparison
from parity.limits import Profile
from parity.metrics import CocoMetrics
from parity.models import model_name
from parity.request import GateRequest, size_label
from parity.spec import STRICT
from parity.verdict import (
    CandidateId,
    Check,
    ConfigResult,
    DatasetId,
    Diagnosis,
    MetricComparison,
    ReferenceId,
    Result,
    Status,
    Verdict,
    conclude,
)
from parity.wire import sha256_of

LONGEST_FINGERPRINT = 16  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class ApChange:
    """Candidate minus reference in AP, and its 95 % interval; ``None`` where it is undefined or too little is known to say."""

    value: float | None
    low: float | None
    high: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians of both networks for one image, and how many times as fast the candidate is with its 95 % interval."""

    reference_ms: float
    candidate_ms: float
    speedup: float
    speedup_low: float
    speedup_high: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Entry:
    """One configuration of one run.

    ``setting`` is its id without the model's name: how the model ships. ``machine`` is a digest of what decides how fast a network is
    (processor, instruction sets, number of processors, system), ``threads`` what each runtime was given (``None``: its own choice).
    ``verdict`` is that of its own checks, and ``reason`` names the causes or checks that decided it. What is undefined is ``None``.
    """

    run: str
    time: str  # UTC, ISO 8601
    parity_version: str | None
    config: str
    setting: str
    backend: str
    imgsz: str
    profile: Profile
    conf: float
    iou: float | None
    verdict: Verdict
    reason: str
    reference: ReferenceId
    candidate: CandidateId
    dataset: DatasetId
    parity: ParityCounts
    reference_metrics: CocoMetrics | None
    candidate_metrics: CocoMetrics | None
    ap_change: ApChange | None
    latency: Timing | None
    threads: int | None
    machine: str
    environment: Environment
    __pydantic_config__ = STRICT

    @property
    def agreement(self) -> float | None:
        """The share of images on which nothing is beyond its limit."""
        return self.parity.images_agreeing / self.parity.images if self.parity.images else None

    @property
    def ap(self) -> float | None:
        """AP of the candidate."""
        return self.candidate_metrics.AP if self.candidate_metrics else None


def entries_of(request: GateRequest, result: Result, *, time: str) -> tuple[Entry, ...]:
    """What is kept of a gate's result; ``time`` is when it was found, UTC in ISO 8601."""
    run, ids = uuid4().hex, {config.id for config in result.configs}
    shared = [check for check in result.checks if check.config not in ids]
    return tuple(
        entry(request, result, config, [*shared, *(check for check in result.checks if check.config == config.id)], run=run, time=time)
        for config in result.configs
    )


def entry(request: GateRequest, result: Result, config: ConfigResult, checks: Sequence[Check], *, run: str, time: str) -> Entry:
    """What is kept of one configuration; ``checks`` are those that decide about it."""
    metrics = config.metrics
    causes = [cause for cause in result.diagnosis if cause.config == config.id]
    return Entry(
        run=run,
        time=time,
        parity_version=installed("parity-gate"),
        config=config.id,
        setting=config.id.removeprefix(f"{slug(model_name(request.reference))}-"),
        backend=config.backend,
        imgsz=size_label(config.imgsz),
        profile=config.profile,
        conf=config.conf,
        iou=config.iou,
        verdict=conclude(checks),
        reason=reason_of(checks, causes),
        reference=result.reference,
        candidate=config.candidate,
        dataset=result.dataset,
        parity=config.parity,
        reference_metrics=metrics.reference if metrics else None,
        candidate_metrics=metrics.candidate if metrics else None,
        ap_change=ap_change(metrics) if metrics else None,
        latency=timing(config.latency_ms) if config.latency_ms else None,
        threads=request.threads,
        machine=fingerprint(result.environment),
        environment=result.environment,
    )


def reason_of(checks: Iterable[Check], causes: Iterable[Diagnosis]) -> str:
    """The named causes, else the checks that kept it from passing, failed ones first; empty where it passed."""
    by_status = {status: [check.name for check in checks if check.status is status] for status in (Status.FAIL, Status.INCONCLUSIVE)}
    named = [cause.fault for cause in causes] or by_status[Status.FAIL] or by_status[Status.INCONCLUSIVE]
    return ", ".join(dict.fromkeys(named))


def ap_change(metrics: MetricComparison) -> ApChange:
    """By how much AP of the two sides differs."""
    delta = metrics.delta["AP"]
    low, high = delta.ci95 or (None, None)
    return ApChange(delta.value, low, high)


def timing(latency: LatencyComparison) -> Timing:
    """The medians and the speedup."""
    low, high = latency.speedup.ci95
    return Timing(latency.reference.median, latency.candidate.median, latency.speedup.value, low, high)


def fingerprint(environment: Environment) -> str:
    """A digest of what decides how fast a network is, versions of packages aside: those are what a history should show.

    Two machines with the same processor are one here: a name of the machine itself would tell every fresh runner of a CI from the last.
    """
    machine = (environment.platform, environment.processor, ",".join(environment.instruction_sets), str(environment.processors))
    return sha256_of(machine)[:LONGEST_FINGERPRINT]


def checkpoint_label(one: Entry) -> str:
    """A short name of the checkpoint's content."""
    return one.reference.sha256[:7]
