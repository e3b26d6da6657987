"""What labelled data say of two sides: how sure their difference in COCO's numbers is, and what ships at the deployed threshold."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parity.datasets import Category
from parity.limits import Bootstrap
from parity.margins import worst_line
from parity.metrics import ALL_SIZES, IOU_50, Evaluation
from parity.operating import OperatingPoint, at_best_f1
from parity.records import THRESHOLD_BITS, Records
from parity.resampling import draw_weights, summed
from parity.spec import STRICT
from parity.statistics import ClassEstimate, PairedStatistics, compare_records, estimate, units_of

F1 = "F1"
Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """One side at the deployed threshold, and where its F1 is best; a runtime whose best threshold moved has changed its scores."""

    deployed: OperatingPoint
    best: OperatingPoint | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Two sides on labelled data; the metrics of ``statistics`` are COCO's and, at the deployed threshold, ``F1``.

    ``worst`` is the class and size with the strongest evidence of a loss, if any lost something.
    """

    statistics: PairedStatistics
    worst: ClassEstimate | None
    reference: OperatingPoints
    candidate: OperatingPoints
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One side's records: of the detections that AP is taken from, and of those that ship, above ``confidence``.

    ``curves`` are what COCO's numbers are read off.
    """

    evaluated: Records
    deployed: Records
    confidence: float
    curves: Evaluation


def compare_accuracy(
    reference: Recorded,
    candidate: Recorded,
    categories: Sequence[Category],
    *,
    bootstrap: Bootstrap,
    groups: Sequence[Hashable] | None = None,
) -> Accuracy:
    """Hold two sides against the same truth; images of one group are resampled together."""
    statistics = compare_records(
        reference.evaluated,
        candidate.evaluated,
        categories,
        bootstrap=bootstrap,
        groups=groups,
        curves=(reference.curves, candidate.curves),
    )
    points = operating_points(reference), operating_points(candidate)
    samples = f1_differences(reference.deployed, candidate.deployed, bootstrap=bootstrap, groups=groups)
    shipped = estimate(points[0].deployed.f1, points[1].deployed.f1, samples)
    return Accuracy(replace(statistics, metrics={**statistics.metrics, F1: shipped}), worst_line(statistics), *points)


def operating_points(side: Recorded) -> OperatingPoints:
    """What ships, and the best that another threshold would give."""
    hits, claims, objects = map(int, counts_by_image(side.deployed).sum(0))
    deployed = OperatingPoint.counted(side.confidence, hits=hits, claims=claims, objects=objects)
    best = at_best_f1(side.evaluated)
    unbeaten = best is None or (deployed.f1 or 0.0) >= (best.f1 or 0.0)  # AP may be taken from several classes a box
    return OperatingPoints(deployed, deployed if unbeaten and deployed.f1 else best)


def f1_differences(
    reference: Records, candidate: Records, *, bootstrap: Bootstrap, groups: Sequence[Hashable] | None
) -> NDArray[np.float64] | None:
    """Candidate minus reference in F1 of the detections that ship, in each resample; ``None`` where there are too few images."""
    unit_of_image = units_of(groups, reference.images)
    units = int(unit_of_image.max()) + 1
    if units < bootstrap.min_images:
        return None
    ours, theirs = counts_by_image(reference).T, counts_by_image(candidate).T
    drawn = draw_weights(unit_of_image, bootstrap.resamples, seed=bootstrap.seed)
    return np.concatenate([f1(summed(theirs, weights).T) - f1(summed(ours, weights).T) for weights in drawn])


def counts_by_image(records: Records) -> Counts:
    """True positives, detections that count and objects of every image (images, 3), at IoU 0.5."""
    counts = np.zeros((records.images, 3))
    for category in records.categories:
        hit, skipped = (flags(ALL_SIZES) & THRESHOLD_BITS[IOU_50] != 0 for flags in (category.hits, category.ignored))
        counts[:, 0] += np.bincount(category.images[hit], minlength=records.images)
        counts[:, 1] += np.bincount(category.images[~skipped], minlength=records.images)
        counts[:, 2] += category.objects[ALL_SIZES]
    return counts


def f1(counts: NDArray[np.floating]) -> Counts:
    """F1 of each row of counts (n, 3); NaN where there is neither an object nor a detection."""
    hits, claims, objects = counts.T
    whole = claims + objects
    return np.asarray(np.divide(2 * hits, whole, out=np.full(len(whole), np.nan), where=whole > 0))
