"""What charts of a result draw, as numbers: read off the result and its exhibits, nothing measured or evaluated again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.detections import Detections
from parity.exhibits import Exhibit
from parity.latency import Latency, LatencyComparison
from parity.limits import Profile
from parity.request import size_label
from parity.verdict import ConfigResult, Delta, MetricComparison, Result

REFERENCE_LABEL = "reference"
NUMBERS = {"AP": "AP 50-95", "AP50": "AP 50", "AP75": "AP 75", "APs": "AP small", "APm": "AP medium", "APl": "AP large"}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SideSeries:
    """One side on every image (n,): how many detections, and their lowest, median and highest score, NaN where there are none."""

    label: str
    counts: NDArray[np.int64]
    lowest: Floats
    median: Floats
    highest: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SizeSeries:
    """All sides at one size, the reference first."""

    size: str
    sides: tuple[SideSeries, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSeries:
    """All sizes on the same images in one order: those first on which the first reference has most detections."""

    images: tuple[str, ...]
    sizes: tuple[SizeSeries, ...]


@dataclass(frozen=True, slots=True)
class ParityRate:
    """How many images agree, of one candidate at one size."""

    label: str
    size: str
    agreeing: int
    images: int

    @property
    def share(self) -> float:
        """The rate, from 0 to 1."""
        return self.agreeing / self.images


@dataclass(frozen=True, slots=True)
class Pair:
    """A number of both sides, and the candidate's as the 95 % interval of its change allows it; ``None`` where it is undefined."""

    reference: float | None
    candidate: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """One configuration: ``NUMBERS`` in their order."""

    title: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """One configuration whose networks were timed."""

    title: str
    latency: LatencyComparison


@dataclass(frozen=True, slots=True)
class Point:
    """One network at one size, as fast and as accurate as it is; the ``interval`` is that of ``Pair``."""

    label: str
    size: str
    latency: Latency
    ap: float
    interval: tuple[float, float] | None


def labels(configs: Sequence[ConfigResult]) -> dict[str, str]:
    """What each configuration is called beside its size, by id: backend and precision, or where several share that, its id without size."""
    named = {config.id: backend_of(config) for config in configs}
    alike = Counter((named[config.id], config.imgsz) for config in configs)
    if max(alike.values(), default=0) <= 1:
        return named
    return {config.id: config.id.removesuffix(f"-{size_label(config.imgsz)}") for config in configs}


def backend_of(config: ConfigResult) -> str:
    """The backend, and the precision where the id says that it is not float32."""
    coarser = (f"{config.backend}-{profile}" for profile in Profile if not profile.exact)
    return next((name for name in coarser if f"-{name}-" in f"{config.id}-"), config.backend)


def titles(configs: Sequence[ConfigResult]) -> dict[str, str]:
    """Label and size of each configuration, by id."""
    named = labels(configs)
    return {config.id: f"{named[config.id]} {size_label(config.imgsz)}" for config in configs}


def image_series(result: Result, exhibits: Sequence[Exhibit]) -> ImageSeries:
    """Detections and confidence of every side on every image; the exhibits are in the order of the configurations."""
    named, first = labels(result.configs), exhibits[0]
    counts = np.array([len(comparison.matches.reference) for comparison in first.comparisons])
    order = np.argsort(-counts, kind="stable").tolist()
    by_size: dict[str, list[tuple[str, Exhibit]]] = {}
    for config, exhibit in zip(result.configs, exhibits, strict=True):
        by_size.setdefault(size_label(config.imgsz), []).append((named[config.id], exhibit))
    sizes = (SizeSeries(size, tuple(size_sides(group, order))) for size, group in by_size.items())
    return ImageSeries(tuple(first.images[place].file_name for place in order), tuple(sizes))


def size_sides(named: Sequence[tuple[str, Exhibit]], order: Sequence[int]) -> Iterator[SideSeries]:
    """The reference, and every candidate of its size."""
    _, first = named[0]
    yield side_series(REFERENCE_LABEL, [first.comparisons[place].matches.reference for place in order])
    for label, exhibit in named:
        yield side_series(label, [exhibit.comparisons[place].matches.candidate for place in order])


def side_series(label: str, found: Sequence[Detections]) -> SideSeries:
    """One side on the images in their order."""
    spread = [np.quantile(side.scores, (0.0, 0.5, 1.0)) if len(side) else np.full(3, np.nan) for side in found]
    lowest, median, highest = np.array(spread).T
    return SideSeries(label, np.array([len(side) for side in found], np.int64), lowest, median, highest)


def parity_rates(result: Result) -> tuple[ParityRate, ...]:
    """Images that agree, of every configuration."""
    named = labels(result.configs)
    counts = [(config, config.parity) for config in result.configs]
    return tuple(ParityRate(named[config.id], size_label(config.imgsz), parity.images_agreeing, parity.images) for config, parity in counts)


def accuracy_rows(result: Result) -> tuple[AccuracyRow, ...]:
    """COCO's six AP numbers of both sides, of every configuration on labelled data."""
    titled = titles(result.configs)
    measured = [(config.id, config.metrics) for config in result.configs if config.metrics is not None]
    return tuple(AccuracyRow(titled[name], tuple(pair_of(metrics, number) for number in NUMBERS)) for name, metrics in measured)


def pair_of(metrics: MetricComparison, name: str) -> Pair:
    """One number of both sides."""
    sides = metrics.reference, metrics.candidate
    reference, candidate = (getattr(side, name) for side in sides)
    change = metrics.delta.get(name, Delta(None, None)).ci95
    interval = None if change is None or reference is None else (reference + change[0], reference + change[1])
    return Pair(reference, candidate, interval)


def latency_rows(result: Result) -> tuple[LatencyRow, ...]:
    """Milliseconds of both sides, of every configuration that was timed."""
    titled = titles(result.configs)
    return tuple(LatencyRow(titled[config.id], config.latency_ms) for config in result.configs if config.latency_ms is not None)


def points(result: Result) -> tuple[Point, ...]:
    """Accuracy and latency together: the reference once a size, as its first candidate met it, then each candidate."""
    named, found = labels(result.configs), list[Point]()
    for config in result.configs:
        size, latency, metrics = size_label(config.imgsz), config.latency_ms, config.metrics
        pair = None if metrics is None else pair_of(metrics, "AP")
        if latency is None or pair is None or pair.reference is None or pair.candidate is None:
            continue
        if not any(point.label == REFERENCE_LABEL and point.size == size for point in found):
            found.append(Point(REFERENCE_LABEL, size, latency.reference, pair.reference, None))
        found.append(Point(named[config.id], size, latency.candidate, pair.candidate, pair.interval))
    return tuple(found)
