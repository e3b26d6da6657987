"""What the suite tells the CI that runs it: all configurations of all processes together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.report.annotations import annotated
from parity.report.ci import append_summary, is_annotated
from parity.report.summary import summary, title_of
from parity.report.words import Judged
from parity.spec import STRICT
from parity.verdict import Check, ConfigResult, Diagnosis, Result, Status, Verdict, conclude
from parity.wire import from_json, to_json

STOPPED = "pytest"  # in place of a check: a gate makes none of this name


@dataclass(frozen=True, slots=True)
class Told:
    """What one test has judged of a configuration."""

    config: ConfigResult
    checks: tuple[Check, ...]
    causes: tuple[Diagnosis, ...]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """All configurations that were judged."""

    configs: tuple[ConfigResult, ...]
    checks: tuple[Check, ...]
    diagnosis: tuple[Diagnosis, ...]

    @property
    def verdict(self) -> Verdict:
        """What all checks say together."""
        return conclude(self.checks)


def as_text(told: Told | Result) -> str:
    """One as JSON, to travel between processes; what is not UTF-8 in a name is replaced, since JSON has no place for it."""
    return to_json(told).encode(errors="replace").decode()


def together(texts: Iterable[str], *, exit_status: int) -> SuiteResult:
    """All that was judged, in the order of the names; a run that failed for another reason than a check is no pass."""
    told = sorted((from_json(Told, text, source="a process of pytest") for text in texts), key=lambda each: each.config.id)
    configs = {each.config.id: each.config for each in told}
    causes = {each.config.id: each.causes for each in told}
    checks = tuple(check for each in told for check in each.checks)
    if exit_status and conclude(checks) is Verdict.PASS:
        detail = "a test failed for a reason that is none of these checks: its failure is in the log"
        checks += (Check(STOPPED, "all", Status.INCONCLUSIVE, exit_status, 0, "the exit status of pytest", detail),)
    return SuiteResult(tuple(configs.values()), checks, tuple(cause for each in causes.values() for cause in each))


def tell(judged: Judged, title: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Append to the summary of the job; the annotations, and what could not be written."""
    if is_annotated(environ):
        yield from annotated(judged, title)
    problem = append_summary(summary(judged, title), environ)
    if problem is not None:
        yield f"parity: note: {problem}"


def tell_all(own: Mapping[str, Any], names: Sequence[str], environ: Mapping[str, str], *, exit_status: int) -> Iterator[str]:
    """What the suite has judged, then what tests of people's own have gated."""
    if own["told"]:
        yield from tell(together(own["told"], exit_status=exit_status), ", ".join(names), environ)
    for text in own["gated"]:
        result = from_json(Result, text, source="a process of pytest")
        yield from tell(result, title_of(result), environ)
