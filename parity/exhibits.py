"""What a report shows of one contest beside its numbers: how the detections of both sides pair up on every image, and PR curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.comparison import ImageComparison
from parity.datasets import DatasetImage
from parity.limits import Limits
from parity.metrics import ALL_SIZES, IOU_50, IOU_75, Evaluation
from parity.spec import ExifPolicy


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecall:
    """Precision at 101 recalls from 0 to 1, the mean over the classes that have objects, at one IoU: (101,) of each side."""

    iou: float
    reference: NDArray[np.float64]
    candidate: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Exhibit:
    """One contest as a report shows it: images and comparisons in one order, class names, limits, and PR curves.

    ``exif`` is how the reference reads the images, which is how its boxes lie on them.
    """

    config: str
    images: tuple[DatasetImage, ...]
    comparisons: tuple[ImageComparison, ...]
    names: tuple[str, ...]
    exif: ExifPolicy
    limits: Limits
    curves: tuple[PrecisionRecall, ...]  # empty without labels


def exhibit_of(
    config: str,
    images: Sequence[DatasetImage],
    comparisons: Sequence[ImageComparison],
    *,
    names: Sequence[str],
    exif: ExifPolicy,
    limits: Limits,
    evaluations: tuple[Evaluation, Evaluation] | None,
) -> Exhibit:
    """The little that a report needs, without observations or an evaluation's arrays."""
    curves = () if evaluations is None else tuple(precision_recall(evaluations))
    return Exhibit(config, tuple(images), tuple(comparisons), tuple(names), exif, limits, curves)


def precision_recall(evaluations: tuple[Evaluation, Evaluation]) -> list[PrecisionRecall]:
    """The curves at IoU 0.5 and 0.75; none where no class has an object."""
    curves = []
    for threshold, place in ((0.5, IOU_50), (0.75, IOU_75)):
        sides = [each.precision[place, :, :, ALL_SIZES] for each in evaluations]
        defined = sides[0][0] > -1  # COCO marks classes without objects by -1, alike on both sides
        if defined.any():
            reference, candidate = (side[:, defined].mean(axis=1) for side in sides)
            curves.append(PrecisionRecall(threshold, reference, candidate))
    return curves
