"""From a counterfactual to a named cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Literal

from parity.diagnose.heads import Case, Proof
from parity.faults import fault
from parity.verdict import Diagnosis

PARTIAL = 0.9  # of the distance: with less a counterfactual proves nothing
UNPROVEN = Proof(0.0, confirmed=False)
Method = Literal["restore", "reproduce", "inspect"]


@dataclass(frozen=True, slots=True)
class Named:
    """One fault, what was done or read that shows it, and the values that were found."""

    fault: str
    said: str
    parameters: dict[str, float | str] = field(default_factory=dict)
    where: str = ""  # a further sentence: where the networks part
    alternatives: tuple[str, ...] = ()  # faults that cannot be told from it


@dataclass(frozen=True, slots=True)
class Finding:
    """Faults that one counterfactual names together, the first the likeliest; several that cannot be told apart are ``alike``."""

    named: tuple[Named, ...]
    method: Method
    proof: Proof
    enough: float = PARTIAL

    @property
    def holds(self) -> bool:
        """Whether it is proven, or read in the file."""
        return self.method == "inspect" or self.proof.confirmed or self.proof.explains >= self.enough


def alike(faults: Sequence[str], said: str, *, where: str = "") -> tuple[Named, ...]:
    """Faults that one counterfactual cannot tell apart, each with the others in its words."""
    others = {fault: tuple(each for each in faults if each != fault) for fault in faults}
    return tuple(
        Named(fault, f"{said} (the file does not tell this from {' and '.join(rest)})" if rest else said, where=where, alternatives=rest)
        for fault, rest in others.items()
    )


def reordered(own: Sequence[str], other: Sequence[str]) -> Named:
    """Class names in another order than the checkpoint's, by the first class that differs."""
    wrong = next(index for index, pair in enumerate(zip(own, other, strict=True)) if pair[0] != pair[1])
    said = f"its class names taken from the checkpoint (class {wrong} is {own[wrong]}, the file says {other[wrong]})"
    return Named("class_names_order", said)


def best(findings: Sequence[Finding]) -> Finding | None:
    """The finding that explains most; what is only read in the file comes last."""
    held = [finding for finding in findings if finding.holds]
    return max(held, key=lambda finding: (finding.proof.confirmed, finding.proof.explains), default=None)


def diagnoses(case: Case, finding: Finding) -> tuple[Diagnosis, ...]:
    """A finding as the result has it."""
    return tuple(diagnosis(case, finding, named) for named in finding.named)


def diagnosis(case: Case, finding: Finding, named: Named) -> Diagnosis:
    """One cause as the result has it."""
    known = fault(named.fault)
    return Diagnosis(
        config=case.contest.id,
        fault=named.fault,
        stage=known.stage.value,
        parameters=named.parameters,
        explains=finding.proof.explains,
        status="confirmed" if finding.proof.confirmed else "partial",
        method=finding.method,
        message=f"{known.cause} {sentence(finding, named.said)}{named.where}",
        fix=known.fix,
        alternatives=named.alternatives,
    )


def sentence(finding: Finding, said: str) -> str:
    """What was done and what came of it."""
    if finding.method == "inspect":
        return f"Read in the file, not proven by running it: {said}."
    if finding.proof.confirmed:
        return f"Proof: with {said}, both give the same raw output."
    return f"With {said}, {floor(finding.proof.explains * 1000) / 10:g}% of the difference of the raw outputs is gone."
