"""The table of planted faults as people read it, and the shares that the project requires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from diagnose.planting import Outcome


@dataclass(frozen=True, slots=True)
class Requirement:
    """A share of the cases of some kinds that has to be reached."""

    what: str
    kinds: tuple[str, ...]
    least: float
    holds: Callable[[Outcome], bool]


def named_first(outcome: Outcome) -> bool:
    """Whether the first name is right."""
    return outcome.first


def named_fully(outcome: Outcome) -> bool:
    """Whether every name is right, and none is missing."""
    return outcome.fully


REQUIRED = (
    Requirement("singles named first", ("single", "file"), 0.95, named_first),
    Requirement("singles named first, by detections alone", ("single",), 0.95, named_first),
    Requirement("singles named first, in a file", ("file",), 0.95, named_first),
    Requirement("random pairs, and those in a file's declared pipeline, named fully", ("pair", "file pair"), 0.90, named_fully),
    Requirement("random pairs named fully", ("pair",), 0.90, named_fully),
    Requirement("singles named first, numbers rounded to three decimals", ("rounded",), 0.85, named_first),
)


EXPECTED = {"single": named_first, "file": named_first, "pair": named_fully, "file pair": named_fully, "rounded": named_first}


def to_name(outcomes: Iterable[Outcome], *kinds: str) -> list[Outcome]:
    """The cases of some kinds in which something differs."""
    return [outcome for outcome in outcomes if outcome.kind in kinds and outcome.visible]


def measured(outcomes: Sequence[Outcome]) -> Iterator[tuple[Requirement, int, int]]:
    """How many of how many cases meet each requirement; only those that something was planted for in every kind."""
    for requirement in REQUIRED:
        cases = to_name(outcomes, *requirement.kinds)
        if {case.kind for case in cases} == set(requirement.kinds):
            yield requirement, sum(map(requirement.holds, cases)), len(cases)


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Every requirement that is not met; a healthy pipeline with a difference is one too."""
    short = [
        f"{requirement.what}: {good} of {total} ({good / total:.1%}), required {requirement.least:.0%}"
        for requirement, good, total in measured(outcomes)
        if not good / total >= requirement.least
    ]
    return [*short, *(f"a healthy pair differs: {outcome.named}" for outcome in outcomes if outcome.kind == "healthy" and outcome.visible)]


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The totals, then every case that went wrong."""
    for requirement, good, total in measured(outcomes):
        yield f"{requirement.what}: {good} of {total} ({good / total:.1%}, required {requirement.least:.0%})"
    alone = to_name(outcomes, "single", "file")
    yield f"singles with no other name: {sum(outcome.fully for outcome in alone)} of {len(alone)}"
    yield f"singles named first with their values: {sum(outcome.first and outcome.values_right for outcome in alone)} of {len(alone)}"
    for kind, holds in EXPECTED.items():
        yield from misses(kind, holds, outcomes)


def misses(kind: str, holds: Callable[[Outcome], bool], outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Every case of a kind that was not named as it should be."""
    for outcome in to_name(outcomes, kind):
        if not holds(outcome):
            answer = f"refused: {outcome.refused}" if outcome.refused else f"named {', '.join(outcome.named) or 'nothing'}"
            yield f"  {outcome.kind}: {' + '.join(outcome.planted)} was {answer}"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The confusion matrix by planted fault, the same of files, the totals, and what is not counted."""
    by_detections = matrix(
        ("| planted | named first | rounded | in pairs | other names | s |", "|---|---|---|---|---|---|"), "single", row, outcomes
    )
    in_files = matrix(
        ("| planted in a file | named first | how proven | other names | s |", "|---|---|---|---|---|"), "file", file_row, outcomes
    )
    totals = [f"- {requirement.what}: {good} of {total} ({good / total:.1%})" for requirement, good, total in measured(outcomes)]
    return "\n".join((*by_detections, *in_files, *totals, *notes(outcomes)))


def matrix(header: Sequence[str], kind: str, line: Callable[[str, Sequence[Outcome]], str], outcomes: Sequence[Outcome]) -> list[str]:
    """One line for every fault that was planted alone and can be seen; nothing where nothing of the kind was planted."""
    names = dict.fromkeys(name for outcome in to_name(outcomes, kind) for name in outcome.faults)
    lines = [line(name, [outcome for outcome in outcomes if name in outcome.faults]) for name in names]
    return [*header, *lines, ""] if lines else []


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """One line of the matrix: how often the fault was named, what else was, and the seconds of a diagnosis."""
    alone, rounded, pairs = (to_name(outcomes, kind) for kind in ("single", "rounded", "pair"))
    in_pairs = sum(
        any(name in names and any(outcome.means(each, names) for each in outcome.named) for names in outcome.alike) for outcome in pairs
    )
    return f"| `{name}` | {share(alone)} | {share(rounded)} | {in_pairs}/{len(pairs)} | {others((*alone, *rounded))} | {seconds(alone)} |"


def file_row(name: str, outcomes: Sequence[Outcome]) -> str:
    """One line of the files: how often the fault was named, by which counterfactual and with what status, what else was named."""
    alone = to_name(outcomes, "file")
    proven = Counter(f"{outcome.method}, {'confirmed' if outcome.confirmed else 'partial'}" for outcome in alone if outcome.named)
    how = "; ".join(each if len(proven) == 1 else f"{each} {times}" for each, times in proven.most_common())
    return f"| `{name}` | {share(alone)} | {how} | {others(alone)} | {seconds(alone)} |"


def others(outcomes: Sequence[Outcome]) -> str:
    """What else was named in singles, the most frequent first."""
    wrong = Counter(other for outcome in outcomes for other in outcome.named if not outcome.means(other, outcome.alike[0]))
    return ", ".join(f"`{other}` {times}" for other, times in wrong.most_common())


def seconds(outcomes: Sequence[Outcome]) -> str:
    """The mean time of a diagnosis."""
    return f"{sum(outcome.seconds for outcome in outcomes) / len(outcomes):.1f}"


def share(outcomes: Sequence[Outcome]) -> str:
    """How many of these were named first."""
    return f"{sum(outcome.first for outcome in outcomes)}/{len(outcomes)}"


def notes(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What counts as one fault, and what cannot be seen on these images."""
    alone = [outcome for outcome in outcomes if outcome.kind in {"single", "file"}]
    for outcome in alone:
        also = [f"`{name}`" for name in outcome.alike[0] if name not in outcome.faults]
        if also:
            same = "detections are" if outcome.kind == "single" else "file is"
            yield f"- `{outcome.planted[0]}` may also be named {' and '.join(also)}: the {same} the same"
        if outcome.stand_ins:
            given = ", ".join(f"`{name}`" for name in outcome.stand_ins)
            yield f"- `{outcome.planted[0]}` is named {given}, which these images cannot tell from it; both names are given"
    for outcome in alone:
        if not outcome.visible:
            yield f"- `{outcome.planted[0]}` changes no detection here{' in a file' * (outcome.kind == 'file')}" + (
                f"; hidden on {outcome.hidden_on}" if outcome.hidden_on else ""
            )
