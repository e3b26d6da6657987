"""The checks of one configuration: each holds one measurement against one limit and says where to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.comparison import ImageComparison
from parity.datasets import DatasetImage
from parity.detections import Detections, name_of
from parity.display import display
from parity.edges import most_edges
from parity.limits import EDGE_QUANTILE, SURE, TYPICAL, Limit, Limits, Profile, Typical
from parity.verdict import Check, Status, judge

SHOWN = 3  # examples in a detail


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One configuration's comparisons, one for each image, and what is needed to speak of them."""

    config: str
    names: Sequence[str]
    images: Sequence[DatasetImage]
    comparisons: Sequence[ImageComparison]
    limits: Limits
    profile: Profile = Profile.FP32


def parity_checks(compared: Compared) -> Iterator[Check]:
    """Whether the candidate detects what the reference detects, and nothing else."""
    limits, comparisons, profile = compared.limits, compared.comparisons, compared.profile
    unanswered = sum(c.absent and (profile.exact or surely_shows(c)) for c in comparisons)
    yield judge("images", compared.config, unanswered, limits.none, detail=where(compared, absent_rows) if unanswered else "")
    yield judge("finite", compared.config, sum(c.non_finite for c in comparisons), limits.none, detail=where(compared, non_finite_rows))
    yield evidence(compared)
    yield from element_checks(compared) if profile.exact else typical_checks(compared, TYPICAL[profile])


def surely_shows(comparison: ImageComparison) -> bool:
    """Whether a side has a detection that rounding does not hide; a list has no row for an image without detections."""
    sides = (comparison.matches.reference, comparison.matches.candidate)
    return any(bool((side.scores >= SURE).any()) for side in sides)


def typical_checks(compared: Compared, typical: Typical) -> Iterator[Check]:
    """Whether most detections have their equal on the other side, where rounding may change any one."""
    comparisons = compared.comparisons
    yield as_share("missed", compared, [len(c.missed) for c in comparisons], typical.missed, rows=missed_rows)
    yield as_share("ghosts", compared, [len(c.ghosts) for c in comparisons], typical.ghosts, rows=ghost_rows)
    yield as_share("class_flips", compared, [len(c.matches.class_flips) for c in comparisons], typical.class_flips, rows=flip_rows)
    yield median("shifted", compared, [c.drift_network_px for c in comparisons], typical.box)
    yield median("rescored", compared, [c.rescore for c in comparisons], typical.score)


def as_share(
    name: str, compared: Compared, counts: Sequence[int], limit: Limit, *, rows: Callable[[ImageComparison, Sequence[str]], Iterator[str]]
) -> Check:
    """A number of detections as a share of the reference's."""
    found, total = sum(counts), sum(len(c.matches.reference) for c in compared.comparisons)
    detail = "; ".join(filter(None, (f"{found} on {total} reference detections", where(compared, rows))))
    return judge(name, compared.config, found / total if total else None, limit, detail=detail)


def median(name: str, compared: Compared, values: Sequence[NDArray[np.float64]], limit: Limit) -> Check:
    """The middle of the differences of matched detections; without any there is nothing to measure."""
    together = np.concatenate([*values, np.empty(0)])
    if not len(together):
        return judge(name, compared.config, None, limit, detail="no detection was matched")
    middle, high = np.quantile(together, (0.5, 0.9)).tolist()
    return judge(name, compared.config, middle, limit, detail=f"of {len(together)} matched, a tenth differ by more than {high:.3g}")


def element_checks(compared: Compared) -> Iterator[Check]:
    """Whether every single detection has its equal on the other side."""
    limits, comparisons = compared.limits, compared.comparisons
    yield judge("missed", compared.config, sum(len(c.missed) for c in comparisons), limits.none, detail=where(compared, missed_rows))
    yield judge("ghosts", compared.config, sum(len(c.ghosts) for c in comparisons), limits.none, detail=where(compared, ghost_rows))
    flips = sum(len(c.matches.class_flips) for c in comparisons)
    yield judge("class_flips", compared.config, flips, limits.none, detail=where(compared, flip_rows))
    drift = np.concatenate([c.drift_network_px for c in comparisons] or [np.empty(0)])
    yield extreme("shifted", compared, drift, limits.box, detail=where(compared, shifted_rows))
    rescore = np.concatenate([c.rescore for c in comparisons] or [np.empty(0)])
    yield extreme("rescored", compared, rescore, limits.score, detail=where(compared, rescored_rows))
    yield edges_check(compared)


def edges_check(compared: Compared) -> Check:
    """Whether noise alone adds and removes no more detections than it did when it was measured.

    What rounding decides at the threshold is not counted: no noise was measured that says how many these may be.
    """
    comparisons, rate = compared.comparisons, compared.limits.edge_rate
    total, edges = sum(len(c.matches.reference) for c in comparisons), [edge for c in comparisons for edge in c.edges]
    by_rounding = sum(edge.by_rounding for edge in edges)
    rounded = f"{by_rounding} more have scores that rounding brings to the threshold, and are not counted" if by_rounding else ""
    origin = f"{rate.origin}; {EDGE_QUANTILE:.1%} of healthy runs have no more on {total} detections"
    limit = Limit(most_edges(rate.value, total), "count", origin)
    detail = "; ".join(filter(None, (excusable(comparisons), rounded, where(compared, edge_rows))))
    return judge("edges", compared.config, len(edges) - by_rounding, limit, detail=detail)


def excusable(comparisons: Sequence[ImageComparison]) -> str:
    """The price of the rule: how many of the reference's detections it would excuse if they were missed."""
    known = [c for c in comparisons if c.excusable is not None]
    total = sum(len(c.matches.reference) for c in known)
    if not total:
        return "the share of detections that noise decides is not known: the reference's boxes before suppression are not"
    decided = sum(c.excusable or 0 for c in known)
    return f"noise decides {decided} of {total} reference detections ({decided / total:.2%}), which would be excused"


def evidence(compared: Compared) -> Check:
    """Agreement on nothing proves nothing: the reference must detect something."""
    total = sum(len(c.matches.reference) for c in compared.comparisons)
    broken = sum(c.matches.reference.non_finite for c in compared.comparisons)
    status = Status.PASS if total and not broken else Status.INCONCLUSIVE
    detail = f"{total} reference detections on {len(compared.comparisons)} images"
    if not total:
        detail += ": give images on which the reference detects something, or a lower --conf"
    if broken:
        detail += f"; {broken} outputs of the reference are NaN or infinite, so it cannot judge"
    return Check("evidence", compared.config, status, total, None, "at least one detection", detail)


def extreme(name: str, compared: Compared, values: NDArray[np.float64], limit: Limit, *, detail: str) -> Check:
    """The largest of the values against the limit; without values there is nothing to measure."""
    if not len(values):
        return judge(name, compared.config, None, limit, detail="no detection was matched")
    beyond = int((~(values <= limit.value)).sum())
    largest = float(values.max())
    summary = f"{beyond} of {len(values)} beyond; {largest:.3g} {limit.unit} would have passed"
    return judge(name, compared.config, largest, limit, detail="; ".join(filter(None, (summary, detail))))


def where(compared: Compared, rows: Callable[[ImageComparison, Sequence[str]], Iterator[str]]) -> str:
    """The first few differences in words, with the name of their image."""
    shown_rows: list[str] = []
    for image, comparison in zip(compared.images, compared.comparisons, strict=True):
        shown_rows += [f"{display(image.file_name)}: {row}" for row in rows(comparison, compared.names)]
        if len(shown_rows) > SHOWN:
            return "; ".join([*shown_rows[:SHOWN], "…"])
    return "; ".join(shown_rows)


def absent_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """An image for which the candidate has nothing on record."""
    del names
    if comparison.absent:
        yield f"not on record, and the reference has {len(comparison.matches.reference)} detections there"


def non_finite_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """Outputs that are no numbers."""
    del names
    if comparison.non_finite:
        yield f"{comparison.non_finite} outputs are NaN or infinite"


def missed_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """What only the reference has."""
    return (describe(comparison.matches.reference, index, names) for index in comparison.missed)


def ghost_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """What only the candidate has."""
    return (describe(comparison.matches.candidate, index, names) for index in comparison.ghosts)


def flip_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """Same place, other class."""
    matches = comparison.matches
    for first, second in matches.class_flips:
        yield f"{describe(matches.reference, first, names)} became {class_name(matches.candidate.classes[second], names)}"


def shifted_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """Boxes that moved."""
    for pair in comparison.shifted:
        first = describe(comparison.matches.reference, comparison.matches.pairs[pair, 0], names)
        yield f"{first} moved by {comparison.matches.drift_px[pair]:.3g} px"


def rescored_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """Scores that changed."""
    for pair in comparison.rescored:
        first, second = comparison.matches.pairs[pair]
        yield f"{describe(comparison.matches.reference, first, names)} became {comparison.matches.candidate.scores[second]:.6f}"


def edge_rows(comparison: ImageComparison, names: Sequence[str]) -> Iterator[str]:
    """What noise alone keeps from the other side, why, and how near that was."""
    for edge in comparison.edges:
        side = comparison.matches.reference if edge.of_reference else comparison.matches.candidate
        near = "follows from another" if edge.margin is None else f"at {edge.margin:.2g} of the margin"
        yield f"{describe(side, edge.index, names)} only in the {'reference' if edge.of_reference else 'candidate'}: {edge.cause}, {near}"


def describe(side: Detections, index: int, names: Sequence[str]) -> str:
    """A detection in words."""
    box = ", ".join(f"{value:.1f}" for value in side.boxes[index])
    return f"{class_name(side.classes[index], names)} {side.scores[index]:.6f} at ({box})"


def class_name(index: int, names: Sequence[str]) -> str:
    """A class by name, or its index where the model has no such class."""
    return display(name_of(names, index))
