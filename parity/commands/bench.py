"""``parity bench``: how long the network takes in every backend."""

from __future__ import annotations

from parity import arguments
from parity.commands.running import show
from parity.options import parse_sizes, split
from parity.report.output import check_target
from parity.request import DEFAULT_SIZE

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


def bench(
    checkpoint: arguments.Checkpoint,
    *,
    to: arguments.BenchTargets = None,
    imgsz: arguments.Sizes = None,
    data: arguments.SomeData = None,
    json: arguments.Json = None,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
) -> int:
    """How long the network takes in every backend, measured in turn, and how large the files are."""
    check_target(json, inputs=(checkpoint, data))
    from parity.bench import DEFAULT_TARGETS, BenchRequest, run_bench
    from parity.report.measurements import print_bench
    from parity.report.terminal import progress

    request = BenchRequest(
        checkpoint,
        targets=split(to) or DEFAULT_TARGETS,
        sizes=parse_sizes(imgsz) or (DEFAULT_SIZE,),
        data=data,
        trusted=frozenset(trust_checkpoint or ()),
        threads=threads,
    )
    with progress() as follow:
        found = run_bench(request, track=follow)
    show(found, json, print_bench)
    return 0
