"""All that a page shows, in words and figures: pure functions of a result and of what was kept for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from parity.exhibits import Exhibit
from parity.report.causes import answer_text
from parity.report.charts import Chart, difference_histogram, precision_recall_chart, score_scatter
from parity.report.figures import AccuracyView, CostRow, accuracy_views, cost_rows, signed
from parity.report.gallery import Gallery
from parity.report.next_steps import next_step
from parity.report.pooled import pooled
from parity.report.rerun import Reproduction, reproduction
from parity.report.text import UNDEFINED, number, same_words, thresholds
from parity.report.words import amount, floors, reason, unexplained
from parity.request import GateRequest
from parity.verdict import Check, ConfigResult, Diagnosis, Result, Status, Verdict

SYMBOLS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "waived": "w", "not_checked": "-"}
ROWS = (Status.FAIL, Status.INCONCLUSIVE, Status.WAIVED, Status.PASS, Status.NOT_CHECKED)  # in which order checks are listed


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that everybody looks for."""

    title: str
    value: str
    below: str
    good: bool | None  # ``None``: neither


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Checks that say the same of several configurations, as one row.

    It is ``open``, its details shown before anybody asks and followed by what to do next, where no confirmed cause explains it.
    """

    status: Status
    symbol: str
    name: str
    where: tuple[str, ...]
    measured: str
    limit: str
    floors: str
    origin: str
    details: tuple[str, ...]
    next_step: str
    open: bool

    @property
    def word(self) -> str:
        """The status for people."""
        return self.status.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Answer:
    """Why one configuration differs: its named causes, or why there are none."""

    config: str
    causes: tuple[Diagnosis, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChartGroup:
    """The charts of one configuration."""

    config: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Everything on the page, in its order."""

    verdict: Verdict
    symbol: str
    reason: str
    reference: str
    dataset: str
    images: int
    made: str
    tiles: tuple[Tile, ...]
    configs: tuple[ConfigResult, ...]
    thresholds: str
    checks: tuple[CheckRow, ...]
    answers: tuple[Answer, ...]
    accuracy: tuple[AccuracyView, ...]
    costs: tuple[CostRow, ...]
    charts: tuple[ChartGroup, ...]
    gallery: Gallery
    reproduction: Reproduction


def page(request: GateRequest, result: Result, exhibits: Sequence[Exhibit], *, shown: Gallery, sizes: dict[str, int], made: str) -> Page:
    """The page of a result; ``sizes`` are bytes by path, ``made`` the date."""
    return Page(
        verdict=result.verdict,
        symbol=SYMBOLS[result.verdict],
        reason=reason(result),
        reference=result.reference.path,
        dataset=result.dataset.name,
        images=result.dataset.images,
        made=made,
        tiles=tuple(tiles(result)),
        configs=result.configs,
        thresholds=thresholds(result.configs),
        checks=tuple(check_rows(result)),
        answers=tuple(answers(result)),
        accuracy=tuple(accuracy_views(result)),
        costs=tuple(cost_rows(result, sizes)),
        charts=tuple(ChartGroup(each.config, tuple(charts(each))) for each in exhibits),
        gallery=shown,
        reproduction=reproduction(request, result),
    )


def tiles(result: Result) -> Iterator[Tile]:
    """The numbers that everybody looks for, over all configurations."""
    if not result.configs:
        return
    counts = [config.parity for config in result.configs]
    agreeing, images = sum(each.images_agreeing for each in counts), sum(each.images for each in counts)
    yield Tile("Images that agree", f"{agreeing} / {images}", share(agreeing, images), agreeing == images)
    matched, total = sum(each.matched for each in counts), sum(each.reference_detections for each in counts)
    extra = sum(each.ghosts for each in counts)
    yield Tile("Detections matched", f"{matched} / {total}", f"{share(matched, total)}, {extra} ghosts", None)
    changes = [(config.metrics.delta["AP"].value, config) for config in result.configs if config.metrics]
    known = [(value, config) for value, config in changes if value is not None]
    if known:
        change, worst = min(known, key=lambda pair: pair[0])
        sides = worst.metrics
        both = "" if sides is None else f"{number(sides.reference.AP, '.4f')} to {number(sides.candidate.AP, '.4f')}"
        yield Tile("AP change" if len(known) == 1 else "Lowest AP change", signed(change), both, None)
    speeds = [config.latency_ms.speedup.value for config in result.configs if config.latency_ms]
    if speeds:
        yield Tile(
            "Speed",
            " to ".join(dict.fromkeys(f"{each:.2f}x" for each in (min(speeds), max(speeds)))),
            "reference time / candidate time",
            None,
        )


def share(part: int, whole: int) -> str:
    """A part in per cent, never rounded up to the whole."""
    if not whole:
        return "nothing to compare"
    percent = 100 * part / whole
    return f"{min(percent, 99.9) if part < whole else percent:.1f} %"


# Checks and causes


def check_rows(result: Result) -> list[CheckRow]:
    """Every check, failures first; those that say the same of several configurations once."""
    places = {id(check): place for place, check in enumerate(result.checks)}
    grouped = [list(group) for _, group in groupby(sorted(result.checks, key=same_words), key=same_words)]
    grouped.sort(key=lambda group: (ROWS.index(group[0].status), min(places[id(check)] for check in group)))
    left = {id(check) for check in unexplained(result)}
    return [check_row(group, total=len(result.configs), opened=any(id(check) in left for check in group)) for group in grouped]


def check_row(group: Sequence[Check], *, total: int, opened: bool) -> CheckRow:
    """One row."""
    check = group[0]
    each = tuple(one.config for one in group) if total > 1 else ()
    where = ("all configurations",) if len(group) == total > 1 else each
    unknown = "" if check.status is Status.NOT_CHECKED else "no number"
    return CheckRow(
        check.status,
        SYMBOLS[check.status],
        check.name.replace("_", " "),
        where,
        unknown if check.measured is None else amount(check.measured),
        UNDEFINED if check.limit is None else amount(check.limit),
        floors(check),
        check.origin,
        tuple("and more" if part == "…" else part for part in check.detail.split("; ") if part),
        next_step(check) if opened else "",
        opened,
    )


def answers(result: Result) -> Iterator[Answer]:
    """Why each configuration differs, or why nothing is said."""
    for config in result.configs:
        causes = tuple(cause for cause in result.diagnosis if cause.config == config.id)
        yield Answer(config.id, causes, () if causes else tuple(answer_text(result, config).splitlines()))


# Charts


def charts(exhibit: Exhibit) -> Iterator[Chart]:
    """How far pairs are apart, their scores, and what that does to precision and recall."""
    together = pooled(exhibit.comparisons)
    limits = exhibit.limits
    yield difference_histogram(together.drift_network_px, limits.box.value, title="Boxes: how far apart", unit=limits.box.unit)
    yield difference_histogram(together.rescore, limits.score.value, title="Scores: how far apart", unit=limits.score.unit)
    yield score_scatter(
        together.reference_scores,
        together.candidate_scores,
        missed=together.missed_scores,
        ghosts=together.ghost_scores,
        limit=limits.score.value,
    )
    yield from map(precision_recall_chart, exhibit.curves)
