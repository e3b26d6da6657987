"""``parity bench``: how long networks take in every backend."""

from __future__ import annotations

from parity import arguments
from parity.commands.running import show
from parity.options import parse_counts, parse_sizes, split
from parity.report.output import check_target

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


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
    json: arguments.Json = None,
    trust_checkpoint: arguments.Trust = None,
) -> int:
    """How long networks take in every backend, measured in turn, and how large their files are."""
    named = tuple(dict.fromkeys((*models, *(candidate or ()))))
    check_target(json, inputs=(*named, data))
    targets, sizes = split(to), parse_sizes(imgsz)
    batches, counts = parse_counts("--batch", batch) or (1,), parse_counts("--threads", threads)
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
            trusted=frozenset(trust_checkpoint or ()),
        )
        found = run_bench(request, track=follow)
    from parity.report.bench import print_bench

    show(found, json, print_bench)
    return 0
