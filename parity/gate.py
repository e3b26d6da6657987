"""The gate: open both sides, judge every contest, answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from parity.certificate import check_certifiable, write_certificates
from parity.contests import Gate, Track, class_map, contests, open_gate, untracked
from parity.environment import busy_note, environment, machine_load
from parity.judging import Outcome, baseline_check, judge_contest
from parity.report.evidence import check_evidence_folder, write_evidence
from parity.request import GateRequest
from parity.timing import latency_notes, with_fair_timing
from parity.verdict import DatasetId, ReferenceId, Result, conclude


def run_gate(request: GateRequest, *, track: Track = untracked) -> Result:
    """Judge every candidate and answer; raises ``ParityError`` for input that cannot be judged."""
    request = with_fair_timing(request)
    check_certifiable(request)
    busy = busy_note(machine_load()) if request.latency else None
    with ExitStack() as resources:
        gate = open_gate(request, resources, track=track)
        check_evidence_folder(request, gate.full)
        outcomes = [judge_contest(gate, contest) for contest in contests(gate)]
        result = conclusion(gate, outcomes, busy=busy)
        written = (*write_evidence(request, gate.limits, outcomes, result), *write_certificates(request, result))
        return replace(result, notes=(*result.notes, *written))


def conclusion(gate: Gate, outcomes: Sequence[Outcome], *, busy: str | None) -> Result:
    """All outcomes together."""
    checks = tuple(check for outcome in outcomes for check in (*outcome.checks, baseline_check(gate, outcome)))
    dataset = DatasetId(gate.dataset.name, len(gate.dataset), gate.dataset.sha256)
    timed = any(outcome.result.latency_ms for outcome in outcomes)
    own = tuple(note for outcome in outcomes for note in outcome.notes)
    configs = tuple(outcome.result for outcome in outcomes)
    notes = (*gate.dataset.notes, *class_notes(gate), *own, *latency_notes(configs), *((busy,) if busy and timed else ()))
    causes = tuple(cause for outcome in outcomes for cause in outcome.causes)
    return Result(conclude(checks), reference_id(gate), dataset, configs, checks, causes, environment(), notes)


def class_notes(gate: Gate) -> Iterator[str]:
    """Which classes only one of model and data set has."""
    classes = class_map(gate)
    if classes.only_model:
        yield f"{len(classes.only_model)} classes of the model are not in the data and do not enter AP: {', '.join(classes.only_model[:5])}"
    if classes.only_dataset:
        yield f"{len(classes.only_dataset)} classes of the data set are not in the model: {', '.join(classes.only_dataset[:5])}"


def reference_id(gate: Gate) -> ReferenceId:
    """Which reference this was."""
    if gate.checkpoint is not None:
        return ReferenceId(str(gate.request.reference), gate.checkpoint.sha256, gate.checkpoint.family)
    digest = hashlib.sha256(gate.request.reference.read_bytes()).hexdigest()
    return ReferenceId(str(gate.request.reference), digest, "predictions")
