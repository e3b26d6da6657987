"""A result held against the stored one: what would be stored of a contest, where, and whether AP still is what it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from parity.accuracy_checks import shown
from parity.baselines import Baseline, Identity, baseline_path, check_identity, incomparable, load_baseline
from parity.candidates import ModelDetector
from parity.contests import Contest
from parity.display import display
from parity.environment import environment
from parity.models import model_name
from parity.open_gate import Gate
from parity.revisions import Revision
from parity.verdict import Check, ConfigResult, Status, judge

if TYPE_CHECKING:
    from parity.judging import Outcome

CHECK = "ap_baseline"


def make_baseline(gate: Gate, contest: Contest, result: ConfigResult) -> Baseline | None:
    """What would be stored of a result; recorded detections and unlabelled data have no baseline."""
    if gate.checkpoint is None or result.metrics is None or result.spec_sha256 is None or not isinstance(contest.candidate, ModelDetector):
        return None
    identity = Identity(gate.checkpoint.sha256, gate.dataset.sha256, result.spec_sha256, contest.backend, contest.size)
    return Baseline(
        identity,
        result.metrics.candidate,
        result.parity.matched + result.parity.ghosts + result.parity.class_flips,
        environment(),
        precision=contest.candidate.pipeline.session.precision,
        latency_ms=result.latency_ms.candidate.median if result.latency_ms else None,
    )


def baseline_file(gate: Gate, baseline: Baseline | None) -> Path | None:
    """Where a baseline lies."""
    folder = gate.request.baselines
    if folder is None or gate.checkpoint is None or baseline is None:
        return None
    identity = baseline.identity
    return baseline_path(
        folder,
        model=model_name(gate.request.reference),
        dataset=gate.dataset.name,
        backend=identity.backend,
        imgsz=identity.imgsz,
        precision=baseline.precision,
    )


def unheld(gate: Gate, outcome: Outcome, reason: str) -> Check:
    """AP that was held against nothing stored, and why."""
    limit = gate.limits.ap_baseline
    return Check(CHECK, outcome.result.id, Status.NOT_CHECKED, None, limit.value, limit.origin, reason)


def baseline_check(gate: Gate, outcome: Outcome) -> Check:
    """AP against the stored result; a missing baseline fails, one of something else raises ``BaselineError``."""
    limit, config, file, fresh = gate.limits.ap_baseline, outcome.result.id, outcome.baseline_file, outcome.baseline
    if file is None or fresh is None:
        none_given = gate.request.baselines is None
        return unheld(gate, outcome, "no --baselines were given" if none_given else "there is no baseline for this kind of candidate")
    stored = load_baseline(file)
    if stored is None:
        make = "make one with `parity baseline update` or `pytest -m parity --parity-update-baselines` and review it"
        return Check(CHECK, config, Status.FAIL, None, limit.value, limit.origin, f"no baseline {display(file.name)}: {make}")
    check_identity(file, stored, fresh)
    before, now = stored.metrics.AP, fresh.metrics.AP
    both = f"baseline {shown(before)}, now {shown(now)}"
    reason = incomparable(stored, fresh)
    if reason:
        return unheld(gate, outcome, f"{reason}; the comparison with the reference stands for it; {both}")
    measured = None if before is None or now is None else abs(now - before)
    check = judge(CHECK, config, measured, limit, detail=both)
    return check if check.status is Status.PASS else judge(CHECK, config, measured, limit, detail=f"{both}{elsewhere(stored, fresh)}")


def elsewhere(stored: Baseline, fresh: Baseline) -> str:
    """What else is not as it was when the baseline was stored, for whoever looks for the change."""
    changes = Revision("", stored, fresh).changes
    moved = [f"{change.name} {change.old} → {change.new}" for change in changes if change.part == "environment"]
    return f"; the environment changed: {', '.join(moved)}" if moved else ""
