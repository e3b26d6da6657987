"""Several sizes at once, each judged in a process of its own with the threads that it has alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context

from parity.contests import Contest, Source, reopened
from parity.environment import processors
from parity.errors import UsageError
from parity.judging import Outcome, judge_contest
from parity.open_gate import Gate, open_gate
from parity.request import GateRequest, size_label


@dataclass(frozen=True, slots=True)
class Share:
    """What one process judges: contests of one size, which share the reference, by id and source."""

    request: GateRequest
    contests: tuple[tuple[str, Source], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a process found, in the order of its share, what its cache warns of, and how much that knew."""

    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...]
    recalled: int


def check_workers(request: GateRequest) -> None:
    """Raise ``UsageError`` where processes beside each other would spoil what is asked for."""
    if request.workers > 1 and request.threads is None:
        step = f"--threads 1 --workers {processors()}"
        raise UsageError("--workers needs to know what each may use", expected="--threads", next_step=step)
    if request.workers > 1 and request.latency:
        raise UsageError("--workers shares the processors, so no latency can be measured beside it", expected="--no-latency")


def judge_all(gate: Gate, contests: Sequence[Contest]) -> tuple[Outcome, ...]:
    """Judge every contest, at as many sizes at once as were asked for and the processors have threads for; the answer is the same."""
    shares = shares_of(gate.request, contests)
    workers = min(gate.request.workers, len(shares), processors() // (gate.request.threads or processors()))
    if workers < 2:  # noqa: PLR2004 - one after the other
        return tuple(judge_contest(gate, contest) for contest in contests)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        judged = list(gate.track(pool.map(judge_share, shares), "sizes", len(shares)))
    if gate.cache is not None:
        gate.cache.warnings.extend(warning for each in judged for warning in each.warnings)
        gate.cache.recalled += sum(each.recalled for each in judged)
    found = {outcome.result.id: outcome for each in judged for outcome in each.outcomes}
    return tuple(found[contest.id] for contest in contests)


def shares_of(request: GateRequest, contests: Sequence[Contest]) -> list[Share]:
    """The contests by size, in the order of their first."""
    by_size: dict[str, list[tuple[str, Source]]] = {}
    for contest in contests:
        by_size.setdefault(size_label(contest.size), []).append((contest.id, contest.source))
    return [Share(bare(request, entries), tuple(entries)) for entries in by_size.values()]


def bare(request: GateRequest, entries: Sequence[tuple[str, Source]]) -> GateRequest:
    """The request of a share: of its own candidates, which are all files by now."""
    return replace(request, backends=(), candidates=tuple(dict.fromkeys(source.given for _, source in entries)), workers=1)


def judge_share(share: Share) -> Judged:
    """Open the gate anew and judge a share of it."""
    with ExitStack() as resources:
        gate = open_gate(share.request, resources)
        outcomes = tuple(judge_contest(gate, replace(reopened(gate, source), id=name)) for name, source in share.contests)
        cache = gate.cache
        return Judged(outcomes, tuple(cache.warnings), cache.recalled) if cache else Judged(outcomes, (), 0)
