"""The gate: open both sides, judge every contest, answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from parity.certificate import check_certifiable, write_certificates
from parity.contests import Contest, contests
from parity.display import display
from parity.environment import busy_note, environment, machine_load
from parity.errors import UsageError
from parity.exhibits import Exhibit
from parity.history_file import check_history, history_notes
from parity.holding import baseline_check, unheld
from parity.judging import Outcome
from parity.open_gate import Gate, Track, class_map, open_gate, untracked
from parity.report.evidence import check_evidence_folder, write_evidence
from parity.report.plots import check_plots_folder, write_plots
from parity.request import GateRequest
from parity.revisions import Revisions, revision
from parity.timing import latency_notes, with_fair_timing
from parity.verdict import Check, DatasetId, ReferenceId, Result, conclude
from parity.waiver_files import read_waivers
from parity.waivers import Waiver, waive, waiver_notes
from parity.workers import check_workers, judge_all

Hold = Callable[[Gate, Outcome], Check]  # a result against what is stored


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A result, and what a report shows of each of its configurations."""

    result: Result
    exhibits: tuple[Exhibit, ...]


def run_gate(request: GateRequest, *, track: Track = untracked) -> Result:
    """Judge every candidate and answer; raises ``ParityError`` for input that cannot be judged."""
    result, _ = judged(request, baseline_check, track=track)
    return result


def run_with_exhibits(request: GateRequest, *, track: Track = untracked) -> Shown:
    """The same, with what a report shows beside the numbers where ``request.photos`` or ``request.report`` asks for it."""
    result, outcomes = judged(request, baseline_check, track=track)
    return Shown(result, tuple(outcome.exhibit for outcome in outcomes if outcome.exhibit))


def fresh_results(request: GateRequest, *, track: Track = untracked) -> Revisions:
    """Judge every candidate by all but its baseline, and lay the result beside the stored one in ``request.baselines``.

    Raises ``UsageError`` where there is nothing to store, or two candidates would be stored in one file.
    """
    result, outcomes = judged(request, lambda gate, outcome: unheld(gate, outcome, "it is laid beside the fresh result"), track=track)
    fresh = [(outcome.baseline_file, outcome.baseline) for outcome in outcomes]
    found = tuple(revision(file, baseline) for file, baseline in fresh if file is not None and baseline is not None)
    if not found:
        raise UsageError("nothing to store", expected="model files or --backend, labelled data, and a checkpoint as --reference")
    if len({each.file for each in found}) < len(found):
        raise UsageError("two candidates would be stored in one file", found=found[0].file, next_step="store one at a time")
    return Revisions(found, result.verdict, result.notes)


def judged(request: GateRequest, hold: Hold, *, track: Track) -> tuple[Result, tuple[Outcome, ...]]:
    """Run the gate; ``hold`` is how a result is held against what is stored."""
    request = with_fair_timing(request)
    check_certifiable(request)
    check_workers(request)
    if request.history is not None:
        check_history(request.history, inputs=request.inputs)
    busy = busy_note(machine_load()) if request.latency else None
    waivers = read_waivers(request.waivers, today=datetime.now(UTC).date()) if request.waivers else ()
    with ExitStack() as resources:
        gate = open_gate(request, resources, track=track)
        check_evidence_folder(request, gate.full)
        check_plots_folder(request.plots, request, gate.full)
        listed = list(contests(gate))
        check_photos(gate, listed)
        outcomes = judge_all(gate, listed)
        result = under_waivers(conclusion(gate, outcomes, hold, busy=busy), waivers, source=request.waivers)
        written = (*write_evidence(request, outcomes, result), *write_certificates(request, result), *history_notes(request, result))
        result = replace(result, notes=(*result.notes, *written))
        return replace(result, notes=(*result.notes, *report_notes(request, outcomes, result))), outcomes


def check_photos(gate: Gate, listed: Sequence[Contest]) -> None:
    """Refuse a folder of pictures before anything runs, where one was asked for that does not do."""
    if gate.request.photos is not None:
        from parity.report.photos import check_photo_folders, photo_files  # noqa: PLC0415 - loads only where pictures are drawn

        out, family, alone = gate.request.photos, reference_id(gate).family, len(listed) == 1
        places = [photo_files(out, family=family, config=each.id, backend=each.backend, alone=alone) for each in listed]
        check_photo_folders(gate.request, gate.full, gate.dataset, places)


def report_notes(request: GateRequest, outcomes: Sequence[Outcome], result: Result) -> Iterator[str]:
    """Write the page and the charts where they were asked for, and say where they are."""
    exhibits = [outcome.exhibit for outcome in outcomes if outcome.exhibit]
    if request.report is not None:
        from parity.report.html import write_report  # noqa: PLC0415 - Jinja2 loads only where a page is made

        yield write_report(request.report, request, result, exhibits)
    if request.plots is not None:
        yield from write_plots(request.plots, result, exhibits).notes()


def conclusion(gate: Gate, outcomes: Sequence[Outcome], hold: Hold, *, busy: str | None) -> Result:
    """All outcomes together."""
    checks = tuple(check for outcome in outcomes for check in (*outcome.checks, hold(gate, outcome)))
    dataset = DatasetId(gate.dataset.name, len(gate.dataset), gate.dataset.sha256)
    timed = any(outcome.result.latency_ms for outcome in outcomes)
    own = tuple(note for outcome in outcomes for note in outcome.notes)
    configs = tuple(outcome.result for outcome in outcomes)
    cached = gate.cache.notes() if gate.cache else ()
    notes = (*gate.dataset.notes, *class_notes(gate), *own, *latency_notes(configs), *((busy,) if busy and timed else ()), *cached)
    causes = tuple(cause for outcome in outcomes for cause in outcome.causes)
    return Result(conclude(checks), reference_id(gate), dataset, configs, checks, causes, environment(), notes)


def under_waivers(result: Result, waivers: Sequence[Waiver], *, source: Path | None) -> Result:
    """The result with what is waived today, and notes on where that is written and which waivers do nothing."""
    if source is None:
        return result
    today = datetime.now(UTC).date()
    checks = waive(result.checks, waivers, today=today)
    notes = (f"waivers: {len(waivers)} in {source}", *waiver_notes(result.checks, waivers, today=today))
    return replace(result, checks=checks, verdict=conclude(checks), notes=(*result.notes, *notes))


def class_notes(gate: Gate) -> Iterator[str]:
    """Which classes only one of model and data set has."""
    classes = class_map(gate)
    if classes.only_model:
        yield f"{len(classes.only_model)} classes of the model are not in the data and do not enter AP: {first_names(classes.only_model)}"
    if classes.only_dataset:
        yield f"{len(classes.only_dataset)} classes of the data set are not in the model: {first_names(classes.only_dataset)}"


def first_names(names: Sequence[str]) -> str:
    """A few names, in printable characters."""
    return ", ".join(map(display, names[:5]))


def reference_id(gate: Gate) -> ReferenceId:
    """Which reference this was."""
    if gate.checkpoint is not None:
        return ReferenceId(str(gate.request.reference), gate.checkpoint.sha256, gate.checkpoint.family)
    digest = hashlib.sha256(gate.request.reference.read_bytes()).hexdigest()
    return ReferenceId(str(gate.request.reference), digest, "predictions")
