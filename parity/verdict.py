"""The answer: checks that hold a measurement against a limit, and what they say together. The shape of the result JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import floor

from parity.accuracy import Accuracy
from parity.comparison import ParityCounts
from parity.display import display_whole
from parity.environment import Environment
from parity.latency import LatencyComparison
from parity.limits import Limit, Profile
from parity.metrics import CocoMetrics
from parity.spec import STRICT

RESULT_SCHEMA = 1
# every check there is, so that a waiver of none is noticed
CHECK_NAMES = frozenset(
    {"repeatable", "names", "checkpoint", "images", "finite", "evidence"}
    | {"missed", "ghosts", "class_flips", "shifted", "rescored", "edges", "ap_reference", "ap_classes", "f1_deployed", "ap_baseline"}
    | {"latency"}
)
# which counterfactual named a cause; what was read in a file needed none
WAYS = {"reproduce": "reproduced in the reference's pipeline", "restore": "restored in the candidate", "inspect": "read in the file"}
LEAVES = {"confirmed": "which leaves nothing beyond the limits", "partial": "which leaves the rest unexplained"}


class Verdict(StrEnum):
    """What all checks say together."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 a check failed, 12 not enough evidence."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 12}[self]


class Status(StrEnum):
    """What one check says; a waived or unchecked one is never a pass."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    WAIVED = "waived"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Check:
    """A measurement held against a limit.

    ``config`` is the id of the configuration, ``detail`` is for people, ``floor`` the measured noise that the limit stands on.
    """

    name: str
    config: str
    status: Status
    measured: float | None
    limit: float | None
    origin: str
    detail: str
    floor: float | None = None
    __pydantic_config__ = STRICT

    @property
    def noise_floors(self) -> str:
        """The measurement as a multiple of the noise, in words; empty where there is no such."""
        return f"{self.measured / self.floor:.2g} noise floors" if self.measured is not None and self.floor else ""

    def explain(self) -> str:
        """The check in words: what was measured, what is allowed and why, and where."""
        head = f"{self.config}: {self.name} {self.status}: measured {self.measured}, limit {self.limit} ({self.origin})"
        head = "; ".join(filter(None, (head, self.noise_floors)))
        seen = [f"seen: {self.detail}"] if self.detail else []  # so that no name begins a line, where GitHub's runner looks for commands
        return "\n    ".join(map(display_whole, (head, *seen)))


@dataclass(frozen=True, slots=True)
class ReferenceId:
    """Which reference: its file, content and family."""

    path: str
    sha256: str
    family: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class CandidateId:
    """Which candidate: what kind of thing, its file or name, and content (``None`` for code)."""

    kind: str
    path: str
    sha256: str | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class DatasetId:
    """Which images, by content."""

    name: str
    images: int
    sha256: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Delta:
    """Candidate minus reference, and its 95 % interval; ``None`` where it is undefined or too little is known to say."""

    value: float | None
    ci95: tuple[float, float] | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """The COCO numbers of both sides and their differences by name."""

    reference: CocoMetrics
    candidate: CocoMetrics
    delta: dict[str, Delta]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class ConfigResult:
    """One candidate at one size (``None`` where no network size applies)."""

    id: str
    backend: str
    imgsz: tuple[int, int] | None
    candidate: CandidateId
    conf: float
    iou: float | None
    parity: ParityCounts
    metrics: MetricComparison | None
    latency_ms: LatencyComparison | None
    accuracy: Accuracy | None = None  # with labels
    profile: Profile = Profile.FP32  # whether every detection is held, or statistics judge
    spec_sha256: str | None = None  # of the pipeline that the candidate ran as; recorded detections have none
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A named cause of a failure; ``alternatives`` are the ids of causes that these images cannot tell from it."""

    config: str
    fault: str
    stage: str
    parameters: dict[str, float | str]
    explains: float
    status: str
    method: str
    message: str
    fix: str
    alternatives: tuple[str, ...] = ()
    __pydantic_config__ = STRICT

    @property
    def title(self) -> str:
        """The name of the cause, its stage, and how sure it is; a share is never rounded up to the whole."""
        return f"{self.fault} ({self.stage}, {self.status}, explains {floor(self.explains * 100 + 1e-9)}%)"

    @property
    def evidence(self) -> str:
        """Which counterfactual was run and what it left over, and which other causes would do."""
        way, leaves = WAYS.get(self.method, self.method), LEAVES.get(self.status, self.status)
        ran = way if self.method == "inspect" else f"{way}, {leaves}"
        return f"{ran}; cannot be told from {', '.join(self.alternatives)} on these images" if self.alternatives else ran

    def explain(self) -> str:
        """The cause in words, with its evidence and its fix."""
        lines = (f"{self.config}: CAUSE {self.title}", f"what: {self.message}", f"evidence: {self.evidence}", f"fix: {self.fix}")
        return "\n    ".join(map(display_whole, lines))


@dataclass(frozen=True, slots=True)
class Result:
    """Everything a gate found out."""

    verdict: Verdict
    reference: ReferenceId
    dataset: DatasetId
    configs: tuple[ConfigResult, ...]
    checks: tuple[Check, ...]
    diagnosis: tuple[Diagnosis, ...]
    environment: Environment
    notes: tuple[str, ...] = ()
    schema: int = RESULT_SCHEMA
    __pydantic_config__ = STRICT

    def explain(self) -> str:
        """The verdict with every check that decided it and every named cause, for the message of an assertion."""
        decisive = [check for check in self.checks if check.status in {Status.FAIL, Status.INCONCLUSIVE}]
        return "\n".join(filter(None, (f"parity: {self.verdict}", failure_text(decisive, self.diagnosis))))


def failure_text(checks: Iterable[Check], causes: Iterable[Diagnosis]) -> str:
    """Why something did not pass: the named causes first, since whoever reads one line should read that, then the checks."""
    return "\n".join([*(cause.explain() for cause in causes), *(check.explain() for check in checks)])


def judge(name: str, config: str, measured: float | None, limit: Limit, *, detail: str = "") -> Check:
    """Hold a measurement against its limit; what is undefined or NaN is no evidence and does not pass."""
    if measured is None:
        return Check(name, config, Status.INCONCLUSIVE, None, limit.value, limit.origin, detail or "nothing to measure", limit.floor)
    finite = measured == measured and abs(measured) != float("inf")  # noqa: PLR0124 - NaN differs from itself
    status = Status.PASS if measured <= limit.value else Status.FAIL
    return Check(name, config, status, measured if finite else None, limit.value, limit.origin, detail, limit.floor)


def conclude(checks: Iterable[Check]) -> Verdict:
    """Fail if a check failed, inconclusive if one is or if nothing was checked, otherwise pass."""
    statuses = {check.status for check in checks}
    if Status.FAIL in statuses:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Status.INCONCLUSIVE in statuses or Status.PASS not in statuses else Verdict.PASS
