"""The table of planted faults as people read it, and the shares that the project requires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from diagnose.planting import Outcome


@dataclass(frozen=True, slots=True)
class Requirement:
    """A share of cases that has to be reached."""

    what: str
    kind: str
    least: float
    holds: Callable[[Outcome], bool]


REQUIRED = (
    Requirement("singles named first", "single", 0.95, lambda outcome: outcome.first),
    Requirement("random pairs named fully", "pair", 0.90, lambda outcome: outcome.fully),
    Requirement("singles named first, numbers rounded to three decimals", "rounded", 0.85, lambda outcome: outcome.first),
)


def to_name(outcomes: Iterable[Outcome], kind: str) -> list[Outcome]:
    """The cases of a kind in which something differs."""
    return [outcome for outcome in outcomes if outcome.kind == kind and outcome.visible]


def measured(outcomes: Sequence[Outcome]) -> Iterator[tuple[Requirement, int, int]]:
    """How many of how many cases meet each requirement; none where nothing of the kind was planted."""
    for requirement in REQUIRED:
        cases = to_name(outcomes, requirement.kind)
        if cases:
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
    alone = to_name(outcomes, "single")
    yield f"singles with no other name: {sum(outcome.fully for outcome in alone)} of {len(alone)}"
    yield f"singles named first with their values: {sum(outcome.first and outcome.values_right for outcome in alone)} of {len(alone)}"
    for requirement, _, _ in measured(outcomes):
        for outcome in to_name(outcomes, requirement.kind):
            if not requirement.holds(outcome):
                yield f"  {requirement.kind}: {' + '.join(outcome.planted)} was named {', '.join(outcome.named) or 'nothing'}"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The confusion matrix by planted fault, the totals, and what is not counted."""
    ids = list(dict.fromkeys(name for outcome in outcomes if outcome.kind == "single" for name in outcome.faults))
    header = ("| planted | named first | rounded | in pairs | other names | s |", "|---|---|---|---|---|---|")
    rows = [row(name, [outcome for outcome in outcomes if name in outcome.faults]) for name in ids if visible(name, outcomes)]
    totals = [f"- {requirement.what}: {good} of {total} ({good / total:.1%})" for requirement, good, total in measured(outcomes)]
    return "\n".join((*header, *rows, "", *totals, *notes(outcomes)))


def visible(name: str, outcomes: Sequence[Outcome]) -> bool:
    """Whether any variant of a fault can be named."""
    return any(name in outcome.faults for outcome in to_name(outcomes, "single"))


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """One line of the matrix: how often the fault was named, what else was, and the seconds of a diagnosis."""
    alone, rounded, pairs = (to_name(outcomes, kind) for kind in ("single", "rounded", "pair"))
    wrong = Counter(other for outcome in (*alone, *rounded) for other in outcome.named if not outcome.means(other, outcome.alike[0]))
    others = ", ".join(f"`{other}` {times}" for other, times in wrong.most_common())
    seconds = sum(outcome.seconds for outcome in alone) / len(alone)
    in_pairs = sum(
        any(name in names and any(outcome.means(each, names) for each in outcome.named) for names in outcome.alike) for outcome in pairs
    )
    return f"| `{name}` | {share(alone)} | {share(rounded)} | {in_pairs}/{len(pairs)} | {others} | {seconds:.1f} |"


def share(outcomes: Sequence[Outcome]) -> str:
    """How many of these were named first."""
    return f"{sum(outcome.first for outcome in outcomes)}/{len(outcomes)}"


def notes(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What counts as one fault, and what cannot be seen on these images."""
    alone = [outcome for outcome in outcomes if outcome.kind == "single"]
    for outcome in alone:
        others = [f"`{name}`" for name in outcome.alike[0] if name not in outcome.faults]
        if others:
            yield f"- `{outcome.planted[0]}` may also be named {' and '.join(others)}: the detections are the same"
        if outcome.stand_ins:
            given = ", ".join(f"`{name}`" for name in outcome.stand_ins)
            yield f"- `{outcome.planted[0]}` is named {given}, which these images cannot tell from it; both names are given"
    for outcome in alone:
        if not outcome.visible:
            yield f"- `{outcome.planted[0]}` changes no detection here" + (f"; hidden on {outcome.hidden_on}" if outcome.hidden_on else "")
