"""``parity bench``: how long networks take, and how large they are; with ``--study`` also how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from parity import arguments
from parity.commands.running import show
from parity.errors import UsageError
from parity.options import parse_counts, parse_sizes, split
from parity.report.output import check_target

if TYPE_CHECKING:
    from parity.request import GateRequest

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them
PYTORCH = "pytorch"  # as a target: it takes part anyway


def bench(
    models: arguments.Models,
    *,
    to: arguments.BenchTargets = None,
    candidate: arguments.BenchFiles = None,
    imgsz: arguments.Sizes = None,
    batch: arguments.Batches = None,
    threads: arguments.ThreadCounts = None,
    data: arguments.SomeData = None,
    runs: arguments.TimedRuns = None,
    study: arguments.StudyFolder = None,
    limit: arguments.Limit = None,
    seed: arguments.StudySeed = None,
    json: arguments.Json = None,
    trust_checkpoint: arguments.Trust = None,
) -> int:
    """How long networks take in every backend, and how large their files are. With --study also how good; exit codes then as of gate."""
    named = tuple(dict.fromkeys((*models, *(candidate or ()))))
    check_target(json, inputs=(*named, data))
    targets, sizes = split(to), parse_sizes(imgsz)
    batches, counts = parse_counts("--batch", batch) or (1,), parse_counts("--threads", threads)
    trusted = frozenset(trust_checkpoint or ())
    if study is not None:
        refuse({"--batch": batch, "--runs": runs}, "a study has a protocol of its own", expected="--study without it")
        asked = study_of(study, named, data, targets=targets, threads=counts)
        return studied(replace(asked, sizes=sizes or asked.sizes, limit=limit, seed=42 if seed is None else seed, trusted=trusted), json)
    refuse({"--limit": limit, "--seed": seed}, "a bench takes the first images", expected="--study DIR with it")
    from parity.report.terminal import progress

    with progress(in_background=False) as follow:
        from parity.bench import BenchRequest, run_bench

        request = BenchRequest(
            named,
            targets=targets,
            sizes=sizes,
            batches=batches,
            threads=counts,
            data=data,
            runs=runs,
            trusted=trusted,
        )
        found = run_bench(request, track=follow)
    from parity.report.bench import print_bench

    show(found, json, print_bench)
    return 0


def refuse(options: Mapping[str, object | None], problem: str, *, expected: str) -> None:
    """Raise ``UsageError`` for an option that was given and does not apply."""
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} does not apply: {problem}", expected=expected)


def study_of(
    folder: Path, named: tuple[Path, ...], data: Path | None, *, targets: tuple[str, ...], threads: tuple[int, ...]
) -> GateRequest:
    """The request of a study; raises ``UsageError`` where it names no checkpoint, no data, or several numbers of threads."""
    from parity.models import is_checkpoint
    from parity.study import study_request

    checkpoints = [path for path in named if is_checkpoint(path)]
    if len(checkpoints) != 1:
        raise UsageError("a study is of one checkpoint", found=", ".join(map(str, named)), expected="one, and files exported from it")
    if data is None:
        raise UsageError("a study needs labelled images", expected="--data data.yaml or instances.json")
    if len(threads) > 1:
        raise UsageError("a study is at one number of threads", found=", ".join(map(str, threads)), expected="--threads N")
    request = study_request(checkpoints[0], data, folder, threads=next(iter(threads), None))
    files = tuple(str(path) for path in named if path not in checkpoints)
    backends = tuple(target for target in targets if target != PYTORCH) if targets else () if files else request.backends
    return replace(request, candidates=files, backends=backends)


def studied(request: GateRequest, json: Path | None) -> int:
    """Run a study with progress, and write its files; the exit code is that of the gate's verdict."""
    from parity.report.study import print_study, write_study
    from parity.report.terminal import progress
    from parity.study import run_study

    with progress(in_background=False) as follow:
        found = run_study(request, track=follow)
    written = () if request.plots is None else write_study(request.plots, found)
    show(replace(found.study, notes=(*found.study.notes, *written)), json, print_study)
    return found.study.verdict.exit_code
