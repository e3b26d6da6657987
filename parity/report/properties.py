"""What a configuration gave as names and values, which pytest writes into its JUnit file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

from parity.comparison import ParityCounts
from parity.display import display
from parity.verdict import Check, ConfigResult, Diagnosis, Result, conclude

Property = tuple[str, str]


def properties(config: ConfigResult, checks: Iterable[Check], causes: Iterable[Diagnosis]) -> Iterator[Property]:
    """Verdict, AP of both sides, how the detections pair up, latency, and the named causes; what is not known is left out."""
    yield "configuration", display(config.id)
    yield "verdict", str(conclude(checks))
    if config.metrics is not None:
        yield from known("AP_reference", config.metrics.reference.AP)
        yield from known("AP_candidate", config.metrics.candidate.AP)
        yield from known("AP_change", config.metrics.delta["AP"].value)
    for field in fields(ParityCounts):
        yield from known(field.name, getattr(config.parity, field.name))
    if config.latency_ms is not None:
        yield from known("latency_reference_ms", config.latency_ms.reference.median)
        yield from known("latency_candidate_ms", config.latency_ms.candidate.median)
        yield from known("speedup", config.latency_ms.speedup.value)
    for cause in causes:
        yield "cause", display(cause.title)


def known(name: str, value: float | None) -> Iterator[Property]:
    """A number, if there is one."""
    if value is not None:
        yield name, f"{value:.6g}"


def result_properties(result: Result) -> Iterator[Property]:
    """Those of every configuration of a result, each name with its configuration before it."""
    for config in result.configs:
        checks = [check for check in result.checks if check.config == config.id]
        causes = [cause for cause in result.diagnosis if cause.config == config.id]
        yield from ((f"{display(config.id)}.{name}", value) for name, value in properties(config, checks, causes))
