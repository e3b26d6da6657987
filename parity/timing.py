"""Time both sides of a contest, and hold the speedup against what was asked for as far as this machine can tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from parity.candidates import ModelDetector
from parity.contests import Contest
from parity.environment import processors
from parity.errors import UsageError
from parity.images import Image, read_image
from parity.latency import Call, LatencyComparison, compare_latency
from parity.open_gate import Gate
from parity.preprocess import preprocess
from parity.request import GateRequest
from parity.verdict import Check, ConfigResult, Status

XDIST = "PYTEST_XDIST_WORKER"  # set in the processes of pytest-xdist


def with_fair_timing(request: GateRequest) -> GateRequest:
    """The request with as many threads for both sides where a speedup is asked for; ``UsageError`` where none can be held."""
    if request.least_speedup is None:
        return request
    if not request.latency:
        raise UsageError("--latency-fail holds what is not measured", expected="gate or compare, without --no-latency")
    refuse_workers("so no latency can be held")
    return replace(request, threads=request.threads or processors())


def refuse_workers(so: str) -> None:
    """Raise ``UsageError`` in a process of pytest-xdist; ``so`` says what follows."""
    if XDIST in os.environ:
        problem = f"pytest-xdist shares this machine among its processes, {so}"
        raise UsageError(problem, found=f"{XDIST}={os.environ[XDIST]}", expected="pytest without -n")


def time_contest(gate: Gate, contest: Contest) -> LatencyComparison | None:
    """Both networks in turn on one preprocessed image; recorded detections have no latency."""
    if not isinstance(contest.reference, ModelDetector) or not isinstance(contest.candidate, ModelDetector):
        return None
    image = read_image(gate.dataset.images[0].path)
    reference, candidate = (network_call(side, image) for side in (contest.reference, contest.candidate))
    return compare_latency(reference, candidate, least=gate.request.least_speedup)


def network_call(side: ModelDetector, image: Image) -> Call:
    """A run of a side's network alone on one image, which is preprocessed here."""
    return partial((side.timed or side.pipeline.session).run, preprocess(image, side.pipeline.spec.preprocess).tensor)


def latency_checks(request: GateRequest, result: ConfigResult) -> Iterator[Check]:
    """Whether the candidate is as fast as was asked for; nothing where nothing was asked."""
    if request.least_speedup is not None:
        yield latency_check(result.id, result.latency_ms, request.least_speedup)


def latency_check(config: str, latency: LatencyComparison | None, least: float) -> Check:
    """The speedup against the least that is asked for; what this machine cannot tell now is inconclusive."""
    origin = f'--latency-fail "speedup<{least:.12g}"'
    if latency is None:
        detail = "recorded detections have no latency: give models on both sides"
        return Check("latency", config, Status.INCONCLUSIVE, None, least, origin, detail)
    low, high = latency.speedup.ci95
    measured = (
        f"reference {latency.reference.median:.1f} ms, candidate {latency.candidate.median:.1f} ms (medians)",
        f"{low:.3f} to {high:.3f} times as fast (95 % interval of {latency.pairs} pairs)",
        enforceable(latency),
    )
    status = latency_status(latency, least)
    parts = (*measured, undecided(latency, least)) if status is Status.INCONCLUSIVE else measured
    return Check("latency", config, status, latency.speedup.value, least, origin, "; ".join(parts))


def latency_status(latency: LatencyComparison, least: float) -> Status:
    """Fail where the candidate surely misses the limit, pass where it surely reaches it; what the machine feigns decides nothing."""
    if latency.falls_short(least):
        return Status.FAIL
    return Status.PASS if latency.reaches(least) else Status.INCONCLUSIVE


def undecided(latency: LatencyComparison, least: float) -> str:
    """Why no more can be said of a speedup, and what would help."""
    away = abs(latency.speedup.value / least - 1)
    if away > (latency.smallest_enforceable or 0.0):
        return "the pairs leave it open: end what else runs on this machine, and run again"
    return (
        f"this machine cannot tell {100 * away:.1f} % now, which is how far the speedup lies from the limit: "
        "end what else runs on it, or give a limit further from the speedup that is expected"
    )


def latency_notes(configs: Iterable[ConfigResult]) -> Iterator[str]:
    """What may be enforced on this machine, wherever it was measured."""
    timed = ((config.id, config.latency_ms) for config in configs if config.latency_ms is not None)
    yield from (f"{name}: {enforceable(latency)}" for name, latency in timed if latency.smallest_enforceable is not None)


def enforceable(latency: LatencyComparison) -> str:
    """The smallest difference that may be enforced, in words."""
    smallest = latency.smallest_enforceable
    share = "not known" if smallest is None else f"{100 * smallest:.1f} % (from timing the reference against itself)"
    return f"the smallest difference in time that may be enforced on this machine now is {share}"
