"""Does a model get slowly worse over its checkpoints? Trends over the runs of a history that can be compared.

A trend is told where Kendall's rank correlation with the order of the runs is beyond chance (the test of Mann and Kendall; exact for few
runs without ties, else by the normal distribution) and the move over all runs, by the slope of Theil and Sen, is larger than its limit.
The level is shared among all trends of a listing, so that a history of many configurations that differ by chance alone is as quiet as one
of a single configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from scipy.stats import kendalltau, theilslopes

from parity.history import Entry
from parity.limits import CONFIDENCE, DRIFT, DRIFT_ERROR, MIN_DRIFT_RUNS, MOST_DRIFT_RUNS, Limit, Profile
from parity.spec import STRICT

HISTORY_SCHEMA = 1


class Move(StrEnum):
    """What a measure does over the runs; ``small`` is a trend within its limit, ``unknown`` too few runs to tell."""

    FALLS = "falls"
    RISES = "rises"
    SMALL = "small"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is followed over the runs: its name, its value of a run, and which way is better (1 up, -1 down).

    ``relative`` says that its limit is a share of the first value. One that the files decide (``timed`` is not) tells nothing new when the
    same files are run again.
    """

    name: str
    value: Callable[[Entry], float | None]
    better: int = 1
    relative: bool = False
    timed: bool = False

    @property
    def limit(self) -> Limit:
        """How far it may move."""
        return DRIFT[self.name]


def change_of(entry: Entry) -> float | None:
    """Candidate minus reference in AP."""
    return entry.ap_change.value if entry.ap_change else None


def latency_of(entry: Entry) -> float | None:
    """Milliseconds of the candidate."""
    return entry.latency.candidate_ms if entry.latency else None


MEASURES = (
    Measure("AP", lambda entry: entry.ap),
    Measure("AP change", change_of),
    Measure("agreement", lambda entry: entry.agreement),
    Measure("latency", latency_of, better=-1, relative=True, timed=True),
)


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over the runs that can be compared, oldest first, the latest thousand at most.

    ``slope`` is its move from one run to the next, ``ci95`` the interval of that; ``p_value`` how often chance alone orders as many runs so
    strictly. ``None`` where there are too few runs, or nothing was measured. ``left_out`` are runs on other machines than the latest.
    """

    measure: str
    unit: str
    runs: int
    left_out: int
    first: float | None
    best: float | None
    latest: float | None
    slope: float | None
    ci95: tuple[float, float] | None
    p_value: float | None
    move: Move
    worse: bool
    __pydantic_config__ = STRICT

    @property
    def shift(self) -> float | None:
        """The move over all runs."""
        return None if self.slope is None else self.slope * (self.runs - 1)


@dataclass(frozen=True, slots=True)
class Line:
    """What may be compared over time: one configuration at one operating point on the same images."""

    config: str
    conf: float
    iou: float | None
    profile: Profile
    dataset_sha256: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of a line: how many, of how many checkpoints, on which data, and what each measure does."""

    line: Line
    dataset: str
    images: int
    runs: int
    checkpoints: int
    trends: tuple[Trend, ...]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class History:
    """Runs in the order in which they were added, and what they say together.

    ``as_one`` says that checkpoints of all names were taken for one model's.
    """

    file: str
    entries: tuple[Entry, ...]
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    as_one: bool = False
    schema: int = HISTORY_SCHEMA
    __pydantic_config__ = STRICT

    def name_of(self, entry: Entry) -> str:
        """The configuration that an entry is of, here."""
        return entry.setting if self.as_one else entry.config

    @property
    def worse(self) -> bool:
        """Whether anything drifts the wrong way."""
        return any(trend.worse for each in self.series for trend in each.trends)


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The values of a measure that can be compared, one for each run that tells something new."""

    measure: Measure
    values: Sequence[float]
    left_out: int

    @property
    def tells(self) -> bool:
        """Whether a trend can be looked for."""
        return len(self.values) >= MIN_DRIFT_RUNS and min(self.values) < max(self.values)


def history_of(file: str, entries: Sequence[Entry], *, as_one: bool = False) -> History:
    """What runs say together; ``as_one`` takes checkpoints of all names for one model's."""
    lines: dict[Line, list[Entry]] = {}
    for entry in entries:
        lines.setdefault(line_of(entry, as_one=as_one), []).append(entry)
    observed = {line: [observe(measure, runs) for measure in MEASURES] for line, runs in lines.items()}
    tested = sum(each.tells for found in observed.values() for each in found)
    series = tuple(series_of(line, lines[line], found, level=DRIFT_ERROR / max(tested, 1)) for line, found in observed.items())
    return History(file, tuple(entries), series, tuple(notes_on(entries, as_one=as_one)), as_one)


def line_of(entry: Entry, *, as_one: bool) -> Line:
    """Which runs an entry can be compared with."""
    return Line(entry.setting if as_one else entry.config, entry.conf, entry.iou, entry.profile, entry.dataset.sha256)


def series_of(line: Line, runs: Sequence[Entry], found: Iterable[Observed], *, level: float) -> Series:
    """What the runs of a line say."""
    latest, checkpoints = runs[-1], len({run.reference.sha256 for run in runs})
    trends = tuple(trend_of(each, level=level) for each in found)
    return Series(line, latest.dataset.name, latest.dataset.images, len(runs), checkpoints, trends)


def observe(measure: Measure, runs: Sequence[Entry]) -> Observed:
    """The values that can be compared: latency of the latest machine, anything else without what is measured again of the same files."""
    measured = [run for run in runs if measure.value(run) is not None]
    compared = [run for run in measured if not measure.timed or same_machine(run, measured[-1])]
    told = [run for before, run in zip([None, *compared], compared, strict=False) if measure.timed or not repeats(run, before, measure)]
    values = [float(value) for run in told[-MOST_DRIFT_RUNS:] if (value := measure.value(run)) is not None]
    return Observed(measure, values, len(measured) - len(compared))


def same_machine(one: Entry, other: Entry) -> bool:
    """Whether the times of two runs can be compared."""
    return (one.machine, one.threads) == (other.machine, other.threads)


def repeats(run: Entry, before: Entry | None, measure: Measure) -> bool:
    """Whether a run tells nothing that the one before has not: of the same checkpoint the same file, or the same value.

    The file alone would not do: converting a checkpoint again gives other bytes, which hold the time.
    """
    if before is None or run.reference.sha256 != before.reference.sha256:
        return False
    same_file = run.candidate.sha256 is not None and run.candidate.sha256 == before.candidate.sha256
    return same_file or measure.value(run) == measure.value(before)


def trend_of(found: Observed, *, level: float) -> Trend:
    """What the values of a measure do; a trend is told where chance orders them so less often than ``level``."""
    measure, values = found.measure, found.values
    best = (max if measure.better > 0 else min)(values) if values else None
    first, latest = (values[0], values[-1]) if values else (None, None)
    told = partial(Trend, measure.name, measure.limit.unit, len(values), found.left_out, first, best, latest)
    if len(values) < MIN_DRIFT_RUNS:
        return told(None, None, None, Move.UNKNOWN, worse=False)
    if not found.tells:
        return told(0.0, (0.0, 0.0), 1.0, Move.NONE, worse=False)
    slope, low, high = slope_of(values)
    chance = float(kendalltau(range(len(values)), values).pvalue)
    limit = measure.limit.value * (abs(values[0]) if measure.relative else 1.0)
    move = move_of(slope * (len(values) - 1), limit, beyond_chance=chance <= level)
    return told(slope, (low, high), chance, move, worse=move is (Move.FALLS if measure.better > 0 else Move.RISES))


def slope_of(values: Sequence[float]) -> tuple[float, float, float]:
    """The median of the slopes of all pairs (Theil, Sen), and its 95 % interval."""
    found = theilslopes(np.asarray(values), np.arange(len(values)), alpha=CONFIDENCE)
    return float(found.slope), float(found.low_slope), float(found.high_slope)


def move_of(shift: float, limit: float, *, beyond_chance: bool) -> Move:
    """What a shift over all runs is called."""
    if not beyond_chance:
        return Move.NONE
    if abs(shift) <= limit:
        return Move.SMALL
    return Move.FALLS if shift < 0 else Move.RISES


def notes_on(entries: Iterable[Entry], *, as_one: bool) -> Iterator[str]:
    """What a reader should know of how runs were put together."""
    names: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        names.setdefault((entry.setting, entry.dataset.sha256), set()).add(entry.config)
    if not as_one and any(len(configs) > 1 for configs in names.values()):
        yield "models of different names are kept apart; --as-one takes them for checkpoints of one model"
