"""How sure the difference of two sides on labelled data is: a paired bootstrap over images.

Both sides are evaluated on the same resamples, so what makes an image hard for both cancels. Percentile intervals with multinomial
weights cover as they should in simulation (``tox run -e statistics``); the means of resamples are biased, since rare classes drop out
of some, and are not used.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.datasets import Category
from parity.hits import IOU_THRESHOLDS, Indices
from parity.limits import CONFIDENCE, Bootstrap
from parity.metrics import AREAS, IOU_50, IOU_75, CocoMetrics, Evaluation, defined_mean
from parity.records import CategoryRecords, Records, evaluation
from parity.resampling import Counts, Ranking, draw_weights, drawn, resampled_ap
from parity.spec import STRICT

METRICS = ("AP", "APs", "APm", "APl", "AP50", "AP75")  # what is resampled of each category, the sizes in the order of AREAS
Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of both sides and how sure their difference is; ``None`` where it is undefined or too little is known to say.

    ``delta`` is candidate minus reference, ``ci95`` its percentile interval, ``standard_error`` its standard deviation over resamples.
    """

    reference: float | None
    candidate: float | None
    delta: float | None
    ci95: tuple[float, float] | None
    standard_error: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class ClassEstimate:
    """AP of one class within one size (a name of ``AREAS``); ``units`` are the images, or groups of images, that hold its objects."""

    name: str
    size: str
    objects: int
    units: int
    ap: Estimate
    __pydantic_config__ = STRICT

    @property
    def title(self) -> str:
        """The class and, where it is one, the size."""
        return self.name if self.size == "all" else f"{self.name} {self.size}"


@dataclass(frozen=True, slots=True)
class PairedStatistics:
    """Two sides on the same images: the numbers over all classes by name, and every class and size that has objects.

    ``units`` are what was resampled: images, or groups of images that belong together; where they are too few, nothing was.
    """

    images: int
    units: int
    bootstrap: Bootstrap
    metrics: dict[str, Estimate]
    classes: tuple[ClassEstimate, ...]
    __pydantic_config__ = STRICT


def compare_records(
    reference: Records,
    candidate: Records,
    categories: Sequence[Category],
    *,
    bootstrap: Bootstrap,
    groups: Sequence[Hashable] | None = None,
    curves: tuple[Evaluation, Evaluation] | None = None,
) -> PairedStatistics:
    """Estimate every difference; images of one group, such as the frames of a video, are drawn together.

    ``curves`` are what the numbers of both records are read off, where that is known.
    """
    if reference.category_ids != candidate.category_ids or reference.images != candidate.images:
        raise ValueError("the two sides must be recorded on the same images and categories")
    unit_of_image = units_of(groups, reference.images)
    units = int(unit_of_image.max()) + 1
    samples = resampled_differences(reference, candidate, unit_of_image, bootstrap) if units >= bootstrap.min_images else None
    sides = curves or (evaluation(reference), evaluation(candidate))
    return PairedStatistics(
        images=reference.images,
        units=units,
        bootstrap=bootstrap,
        metrics=over_classes(sides[0].metrics(), sides[1].metrics(), samples),
        classes=tuple(by_class(reference, sides, categories, samples, unit_of_image, bootstrap)),
    )


def units_of(groups: Sequence[Hashable] | None, images: int) -> Indices:
    """The number of the group that each image is of, counted from 0; without groups each is its own."""
    if groups is None:
        return np.arange(images)
    if len(groups) != images:
        raise ValueError(f"{images} images but {len(groups)} groups")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.intp)


def resampled_differences(reference: Records, candidate: Records, unit_of_image: Indices, bootstrap: Bootstrap) -> Samples:
    """Candidate minus reference of each category and of each of ``METRICS``, (categories, 6, resamples); NaN where nothing defines it."""
    pairs = list(zip(reference.categories, candidate.categories, strict=True))
    lots = draw_weights(unit_of_image, bootstrap.resamples, seed=bootstrap.seed)
    parts = [[resampled_difference(ours, theirs, weights) for ours, theirs in pairs] for weights in lots]
    return np.concatenate(parts, axis=-1)


def resampled_difference(reference: CategoryRecords, candidate: CategoryRecords, weights: Counts) -> Samples:
    """Candidate minus reference of one category in the ``METRICS``, (6, resamples)."""
    by_size = [difference_at(size, reference, candidate, weights) for size in range(len(AREAS))]
    return np.stack([*(each.mean(0) for each in by_size), by_size[0][IOU_50], by_size[0][IOU_75]])


def difference_at(size: int, reference: CategoryRecords, candidate: CategoryRecords, weights: Counts) -> Samples:
    """Candidate minus reference in AP at each IoU threshold, (10, resamples): 0 in every resample with objects where both rank alike."""
    objects, (ours, theirs) = reference.objects[size], (Ranking.of(side, size) for side in (reference, candidate))
    if ours.equals(theirs):
        defined = drawn(np.flatnonzero(objects), weights, np.float32) > 0
        return np.tile(np.where(defined, 0.0, np.nan), (len(IOU_THRESHOLDS), 1))
    first, second = (resampled_ap(ranking, objects, weights).astype(np.float64) for ranking in (ours, theirs))
    return second - first


def over_classes(reference: CocoMetrics, candidate: CocoMetrics, samples: Samples | None) -> dict[str, Estimate]:
    """The numbers over all classes; a class counts in the resamples that have objects of it."""
    rows = [None] * len(METRICS) if samples is None else defined_means(samples)
    return {name: estimate(getattr(reference, name), getattr(candidate, name), row) for name, row in zip(METRICS, rows, strict=True)}


def defined_means(samples: Samples) -> Samples:
    """The mean over the categories that are defined in a resample; NaN where none is."""
    defined = ~np.isnan(samples)
    means = np.where(defined, samples, 0).sum(0) / np.maximum(defined.sum(0), 1)
    return np.where(defined.any(0), means, np.nan)


def by_class(
    reference: Records,
    sides: tuple[Evaluation, Evaluation],
    categories: Sequence[Category],
    samples: Samples | None,
    unit_of_image: Indices,
    bootstrap: Bootstrap,
) -> Iterator[ClassEstimate]:
    """Every class and size that has objects; those with few get no interval."""
    names = {category.id: category.name for category in categories}
    for k, (category_id, category) in enumerate(zip(reference.category_ids, reference.categories, strict=True)):
        for size, objects in enumerate(category.objects):
            total = int(objects.sum())
            units = len(np.unique(unit_of_image[objects > 0]))
            row = None if samples is None or total < bootstrap.min_objects else samples[k, size]
            first, second = (defined_mean(side.precision[:, :, k, size]) for side in sides)
            if total:
                yield ClassEstimate(names[category_id], AREAS[size], total, units, estimate(first, second, row))


def estimate(reference: float | None, candidate: float | None, samples: Samples | None) -> Estimate:
    """Both sides' numbers, and the spread of the resampled differences, (resamples,), of which some may be undefined."""
    if reference is None or candidate is None:
        return Estimate(reference, candidate, None, None, None)
    if samples is None:
        return Estimate(reference, candidate, candidate - reference, None, None)
    defined = samples[~np.isnan(samples)]
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return Estimate(reference, candidate, candidate - reference, (low, high), float(defined.std(ddof=1)))
