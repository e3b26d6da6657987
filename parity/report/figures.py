"""The numbers of a page: accuracy of both sides with its intervals, what latency and size cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from parity.accuracy import F1, Accuracy
from parity.latency import Latency
from parity.report.charts import Strip, strips
from parity.report.text import UNDEFINED, number
from parity.statistics import METRICS, ClassEstimate, Estimate
from parity.verdict import ConfigResult, Result

TITLES = {"AP": "AP 50-95", "APs": "AP small", "APm": "AP medium", "APl": "AP large", "AP50": "AP 50", "AP75": "AP 75", F1: "F1 deployed"}
SIZES = ("small", "medium", "large")
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Change:
    """A difference and its interval, in words."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One number of both sides, and how sure its change is."""

    title: str
    objects: str
    reference: str
    candidate: str
    change: str
    interval: str
    strip: Strip | None
    sizes: tuple[Change, ...] = ()  # of a class


@dataclass(frozen=True, slots=True)
class AccuracyView:
    """Both sides of one configuration on labelled data; ``basis`` says what the intervals are taken from."""

    config: str
    basis: str
    worst: str
    metrics: tuple[NumberRow, ...]
    classes: tuple[NumberRow, ...]


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one configuration costs in time and bytes."""

    config: str
    reference_ms: str
    candidate_ms: str
    speedup: str
    interval: str
    reference_mb: str
    candidate_mb: str


def accuracy_views(result: Result) -> Iterator[AccuracyView]:
    """The accuracy of every configuration with labels."""
    for config in result.configs:
        if config.accuracy is not None:
            yield accuracy_view(config.id, config.accuracy)


def accuracy_view(config: str, accuracy: Accuracy) -> AccuracyView:
    """The numbers over all classes, then every class, the largest loss first."""
    statistics = accuracy.statistics
    names = [name for name in (*METRICS, F1) if name in statistics.metrics]
    overall = number_rows([(TITLES[name], "", statistics.metrics[name]) for name in names])
    whole = sorted((each for each in statistics.classes if each.size == "all"), key=loss, reverse=True)
    by_size = {(each.name, each.size): each.ap for each in statistics.classes}
    rows = number_rows([(each.name, str(each.objects), each.ap) for each in whole])
    sizes = [tuple(change(by_size.get((each.name, size))) for size in SIZES) for each in whole]
    classes = tuple(replace(row, sizes=changes) for row, changes in zip(rows, sizes, strict=True))
    return AccuracyView(config, basis(accuracy), worst(accuracy), overall, classes)


def loss(each: ClassEstimate) -> float:
    """What a class lost; what is undefined lost nothing."""
    return -(each.ap.delta or 0.0)


def number_rows(rows: Sequence[tuple[str, str, Estimate]]) -> tuple[NumberRow, ...]:
    """Rows whose intervals are drawn on one scale."""
    drawn = strips([(each.delta, each.ci95) for _, _, each in rows])
    return tuple(
        NumberRow(
            title, objects, number(each.reference, ".4f"), number(each.candidate, ".4f"), signed(each.delta), interval(each.ci95), strip
        )
        for (title, objects, each), strip in zip(rows, drawn, strict=True)
    )


def change(found: Estimate | None) -> Change:
    """Candidate minus reference; a class without objects of a size has none."""
    if found is None:
        return Change(UNDEFINED, "")
    return Change(signed(found.delta), "" if found.ci95 is None else interval(found.ci95))


def signed(value: float | None) -> str:
    """A difference; one that is nothing has no sign."""
    return UNDEFINED if value is None else f"{value:+.4f}" if round(value, 4) else "0.0000"


def interval(ends: tuple[float, float] | None) -> str:
    """A 95 % interval, a dash where too little is known."""
    return UNDEFINED if ends is None else f"{signed(ends[0])} to {signed(ends[1])}"


def basis(accuracy: Accuracy) -> str:
    """What the intervals stand on."""
    statistics = accuracy.statistics
    units, least = statistics.units, statistics.bootstrap.min_images
    if units < least:
        return f"{units} images or groups of images: fewer than {least} give no interval"
    return f"95 % intervals: {statistics.bootstrap.resamples} resamples of {units} images or groups of images, both sides drawn together"


def worst(accuracy: Accuracy) -> str:
    """The class and size with the strongest evidence of a loss, in words."""
    found = accuracy.worst
    if found is None:
        return "No class lost anything"
    sure = "" if found.ap.ci95 is None else f", 95 % interval {interval(found.ap.ci95)}"
    return f"Worst line: {found.title}, AP {signed(found.ap.delta)}{sure}, {found.objects} objects on {found.units} images"


def cost_rows(result: Result, sizes: dict[str, int]) -> Iterator[CostRow]:
    """Latency and file sizes; ``sizes`` are bytes by path."""
    own = megabytes(sizes.get(result.reference.path))
    for config in result.configs:
        theirs = megabytes(sizes.get(config.candidate.path))
        times = latency_words(config)
        if config.latency_ms is not None or theirs != UNDEFINED:
            yield CostRow(config.id, *times, own, theirs)


def latency_words(config: ConfigResult) -> tuple[str, str, str, str]:
    """Milliseconds of both sides, the speedup and its interval."""
    latency = config.latency_ms
    if latency is None:
        return (UNDEFINED,) * 4
    low, high = latency.speedup.ci95
    sides = (milliseconds(latency.reference), milliseconds(latency.candidate))
    return *sides, f"{latency.speedup.value:.2f}x", f"{low:.2f} to {high:.2f}"


def milliseconds(side: Latency) -> str:
    """The median, and the 95th percentile where there are runs enough."""
    return f"{side.median:.1f}" if side.p95 is None else f"{side.median:.1f} (p95 {side.p95:.1f})"


def megabytes(size: int | None) -> str:
    """A file size."""
    return UNDEFINED if size is None else f"{size / MEGABYTE:.1f}"
