"""The limits as Markdown tables, from ``parity/limits.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from parity.limits import BY_FAMILY, CEILINGS, FLOAT32, MARGINS, TYPICAL, Limit

CHECKS = {
    "box": "`shifted`: how far a matched box moved",
    "score": "`rescored`: how much a matched score changed",
    "logit": "how near a threshold noise decides",
    "edge_rate": "`edges`: those that noise makes",
    "ap_reference": "`ap_reference`: AP against the reference",
    "ap_baseline": "`ap_baseline`: AP against the stored result",
    "none": "`missed`, `ghosts`, `class_flips`, `images`, `finite`",
}
MOST = {
    "box": "`shifted`: the median move",
    "score": "`rescored`: the median change",
    "missed": "`missed`",
    "ghosts": "`ghosts`",
    "class_flips": "`class_flips`",
}
LOST = {
    "ap": "`ap_reference`: AP over all classes",
    "per_class": "`ap_classes`: any one class or size",
    "f1": "`f1_deployed`: F1 at the threshold",
}
HEADER = ("| what is held | at most | origin |", "|---|---|---|")


def limit_tables() -> str:
    """Every table of limits."""
    return "\n".join(parts())


def parts() -> Iterator[str]:
    """The tables, each below its title."""
    yield from titled("Float32: every detection is held", rows(FLOAT32, CHECKS))
    yield from titled("FasterRCNN in float32, where it differs", (line(CHECKS["box"], BY_FAMILY["torchvision"].box),))
    for profile, typical in TYPICAL.items():
        yield from titled(f"{profile.name}: what most detections may do", rows(typical, MOST))
    for name, margins in MARGINS.items():
        yield from titled(f"{name.upper()}: what may be lost", rows(margins, LOST))
    ceilings = (line(f"a calibrated limit of {CHECKS[name].split(':')[0]}", limit) for name, limit in CEILINGS.items())
    yield from titled("The largest that a calibrated limit may be", ceilings)


def titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A table below its title."""
    yield from (f"### {title}", "", *HEADER, *lines, "")


def rows(limits: Any, names: dict[str, str]) -> Iterator[str]:
    """A line for every limit of a set; one without a name here is an error."""
    return (line(names[field.name], getattr(limits, field.name)) for field in fields(limits))


def line(what: str, limit: Limit) -> str:
    """One limit."""
    unit = "" if limit.unit == "count" else f" {limit.unit}"
    return f"| {what} | {limit.value:g}{unit} | {limit.origin} |"
