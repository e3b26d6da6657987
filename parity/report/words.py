"""The verdict, its checks and its causes in words, the same on a page, on a terminal and in CI."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar

from parity.verdict import Check, ConfigResult, Diagnosis, Status, Verdict

T = TypeVar("T")
NAMED = 4  # checks that a sentence names
MANY = 100  # times the noise: beyond, only the order of magnitude matters
OPEN = (Status.FAIL, Status.INCONCLUSIVE)
# checks of differences between detections, which a cause explains; any other has a reason of its own
EXPLAINABLE = frozenset(
    {"names", "missed", "ghosts", "class_flips", "shifted", "rescored", "edges", "ap_reference", "ap_classes", "f1_deployed", "ap_baseline"}
)


class Judged(Protocol):
    """What was found out about some configurations: a gate's result, or that of a suite."""

    @property
    def verdict(self) -> Verdict:
        """What all checks say together."""

    @property
    def configs(self) -> tuple[ConfigResult, ...]:
        """The configurations."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks of all configurations."""

    @property
    def diagnosis(self) -> tuple[Diagnosis, ...]:
        """The named causes."""


def reason(result: Judged) -> str:
    """Why the verdict is what it is, in one sentence."""
    failed, open_, waived = (of_status(result, status) for status in (Status.FAIL, Status.INCONCLUSIVE, Status.WAIVED))
    total = len(result.checks)
    if failed:
        said, causes = f"{len(failed)} of {total} checks failed", told_causes(result)
        return f"{first_cause(causes[0][0])}: {said} ({named(failed)})." if causes else f"{said}: {named(failed)}."
    if result.verdict is Verdict.INCONCLUSIVE:
        return f"There is not enough evidence to pass: {named(open_) or 'nothing was checked'}."
    unchecked = of_status(result, Status.NOT_CHECKED)
    others = (("waived", waived), ("not checked", unchecked))
    rest = "".join(f", {len(checks)} {word} ({named(checks)})" for word, checks in others if checks)
    return f"The candidate detects what the reference detects: {len(of_status(result, Status.PASS))} of {total} checks passed{rest}."


def first_cause(cause: Diagnosis) -> str:
    """The first sentence of a cause, which says what happened; one that leaves something over says so."""
    sentence = cause.message.split(". ")[0].removesuffix(".") or cause.fault
    return sentence if cause.status == "confirmed" else f"{sentence} ({cause.status})"


def of_status(result: Judged, *statuses: Status) -> list[Check]:
    """The checks of some statuses, in that order of statuses."""
    return [check for status in statuses for check in result.checks if check.status is status]


def named(checks: Sequence[Check]) -> str:
    """The names of checks, each once, and how many more there are."""
    names = list(dict.fromkeys(check.name.replace("_", " ") for check in checks))
    listed = ", ".join(names[:NAMED])
    return f"{listed} and {len(names) - NAMED} more" if len(names) > NAMED else listed


def amount(value: float) -> str:
    """A count as it is, any other measurement to four digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def floors(check: Check) -> str:
    """The measurement as a multiple of the measured noise."""
    if check.measured is None or not check.floor:
        return ""
    multiple = check.measured / check.floor
    return f"{multiple:,.0f} x" if multiple >= MANY else f"{multiple:.2g} x"


def unexplained(result: Judged) -> list[Check]:
    """The checks that did not pass and that no confirmed cause explains."""
    confirmed = {cause.config for cause in result.diagnosis if cause.status == "confirmed"}

    def is_explained(check: Check) -> bool:
        return check.status is Status.FAIL and check.name in EXPLAINABLE and check.config in confirmed

    return [check for check in of_status(result, *OPEN) if not is_explained(check)]


def alike(items: Sequence[T], words: Callable[[T], Hashable]) -> list[list[T]]:
    """What says the same of several configurations together, in the order of the first of each."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(words(item), []).append(item)
    return list(groups.values())


def same_cause(cause: Diagnosis) -> Hashable:
    """What must agree for two causes to be told as one; how much they explain may differ."""
    return (cause.fault, cause.stage, cause.status, cause.method, cause.message, cause.fix, cause.alternatives)


def told_causes(result: Judged) -> list[tuple[Diagnosis, str]]:
    """Every cause of a failure once, by its least share, and the configurations it was found in; what it explained may be waived."""
    explained = {check.config for check in result.checks if check.status in OPEN and check.name in EXPLAINABLE}
    groups = alike([cause for cause in result.diagnosis if cause.config in explained], same_cause)
    return [(min(group, key=lambda cause: cause.explains), where(group, total=len(result.configs))) for group in groups]


def where(group: Sequence[Check] | Sequence[Diagnosis], *, total: int) -> str:
    """The configurations that something is said of."""
    return "all configurations" if len(group) == total > 1 else ", ".join(one.config for one in group)
