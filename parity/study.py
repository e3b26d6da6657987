"""The fixed study of a checkpoint and its exports: accuracy, parity and latency at each size, all by one protocol.

The gate judges; what is added is latency on every image, with all networks of a size in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parity.backends.weight_files import size_in_bytes
from parity.candidates import ModelDetector
from parity.contests import Contest, contests
from parity.datasets import DatasetImage
from parity.environment import busy_note, machine_load, processors
from parity.errors import UsageError
from parity.gate import conclusion
from parity.holding import baseline_check
from parity.images import read_image
from parity.judging import judge_contest
from parity.latency import WARM_UP, LatencyComparison, comparison, time_in_turn, torch_held_at, warm_up
from parity.limits import EVALUATION_CONFIDENCE
from parity.metrics import truths_of
from parity.open_gate import Gate, Track, open_gate, reference_spec, untracked
from parity.report.plots import check_plots_folder
from parity.report.series import labels
from parity.request import GateRequest, Size, size_label
from parity.study_result import JSON, MARKDOWN, Protocol, Studied, Study, StudyRow, candidate_row, reference_row
from parity.timing import network_call, refuse_workers
from parity.verdict import Result, conclude

RUNS = 10  # of each network on each image, after WARM_UP
CONFIDENCE, IOU = 0.25, 0.7
SIZES: tuple[Size, ...] = ((640, 640), (320, 320))
BACKENDS = ("onnx",)


def study_request(checkpoint: Path, data: Path, folder: Path, *, threads: int | None = None) -> GateRequest:
    """What the gate is asked for a study into ``folder``, but for what a person may choose."""
    return GateRequest(
        checkpoint,
        backends=BACKENDS,
        data=data,
        sizes=SIZES,
        confidence=CONFIDENCE,
        iou=IOU,
        threads=threads or processors(),
        plots=folder,
    )


def run_study(request: GateRequest, *, track: Track = untracked) -> Studied:
    """Judge every candidate at every size, and time all networks; what can be wrong with the request is said before."""
    refuse_workers("so no latency can be told")
    load = machine_load()
    with ExitStack() as resources:
        gate = open_gate(request, resources, track=track)
        check_plots_folder(request.plots, request, gate.full, option="--study", beside=(MARKDOWN, JSON))
        truths_of(gate.dataset)  # without labels there is no AP; better said before the networks run
        found = tuple(contests(gate))
        require_networks(found)
        untimed = replace(gate, request=replace(request, latency=False))  # the gate times one image, a study all
        judged = [judge_contest(untimed, contest) for contest in found]
        times = time_all(gate, found)
        outcomes = [replace(each, result=replace(each.result, latency_ms=times[each.result.id])) for each in judged]
        result = conclusion(gate, outcomes, baseline_check, busy=busy_note(load))
        study = study_of(gate, found, result, load=load)
        return Studied(study, result, tuple(outcome.exhibit for outcome in outcomes if outcome.exhibit))


def require_networks(found: Sequence[Contest]) -> None:
    """Raise ``UsageError`` for a candidate that cannot be timed."""
    for contest in found:
        if not isinstance(contest.candidate, ModelDetector) or not isinstance(contest.reference, ModelDetector):
            raise UsageError("a study times networks", found=contest.source.given, expected="a checkpoint and exported files")


# Latency


def time_all(gate: Gate, found: Sequence[Contest]) -> dict[str, LatencyComparison]:
    """Both sides' latency of every contest, by id: all networks of a size meet the same noise."""
    times: dict[str, LatencyComparison] = {}
    with torch_held_at(gate.request.threads or processors()):
        for size in dict.fromkeys(contest.size for contest in found):
            group = [contest for contest in found if contest.size == size]
            images = gate.track(gate.dataset.images, f"latency {size_label(size)}", len(gate.dataset))
            rows = np.concatenate([time_image(group, image) for image in images])
            times |= {contest.id: comparison(rows[:, [0, place]], None) for place, contest in enumerate(group, 1)}
    return times


def time_image(group: Sequence[Contest], image: DatasetImage) -> NDArray[np.float64]:
    """Milliseconds on one image, (runs, networks): the reference, then every candidate, in turn, warmed up and settled, in this process."""
    picture = read_image(image.path)
    sides = (group[0].reference, *(contest.candidate for contest in group))
    calls = [network_call(side, picture) for side in sides if isinstance(side, ModelDetector)]
    warm_up(calls)
    return time_in_turn(calls, RUNS, settled=True)


# What was found


def study_of(gate: Gate, found: Sequence[Contest], result: Result, *, load: float | None) -> Study:
    """The rows of a result, and how they were measured."""
    first, spec = result.configs[0], reference_spec(gate, None).suppress
    request = gate.request
    return Study(
        verdict=result.verdict,
        reference=result.reference,
        dataset=result.dataset,
        protocol=Protocol(
            confidence=first.conf,
            iou=first.iou,
            ap_confidence=max(EVALUATION_CONFIDENCE, spec.graph_confidence),
            warm_up_runs=WARM_UP,
            runs_per_image=RUNS,
            limit=request.limit,
            seed=request.seed,
            threads=request.threads or processors(),
        ),
        rows=tuple(rows(gate, found, result)),
        checks=result.checks,
        diagnosis=result.diagnosis,
        load=load,
        notes=(*size_notes(gate), *result.notes),
        environment=result.environment,
    )


def size_notes(gate: Gate) -> Iterator[str]:
    """What does not apply."""
    if gate.sizes == (None,):
        yield "the network resizes images itself, so --imgsz does not apply"


def rows(gate: Gate, found: Sequence[Contest], result: Result) -> Iterator[StudyRow]:
    """PyTorch at each size, then its candidates there."""
    named = labels(result.configs)
    sizes_mb = {contest.id: size_in_bytes(Path(contest.candidate.identity.path)) / 1e6 for contest in found}
    reference_mb = 0.0 if gate.checkpoint is None else gate.checkpoint.size_bytes / 1e6
    for size in dict.fromkeys(config.imgsz for config in result.configs):
        configs = [config for config in result.configs if config.imgsz == size]
        reference = reference_row(configs[0], size_mb=reference_mb)
        yield reference
        for config in configs:
            verdict = conclude(check for check in result.checks if check.config == config.id)
            yield candidate_row(config, reference, label=named[config.id], size_mb=sizes_mb[config.id], verdict=verdict)
