"""Which detections hit an object, at every size and IoU threshold: COCO's matching, of many images at once.

The semantics are those of ``pycocotools.cocoeval``: at most 100 detections of a category on an image, best score first; each takes the
free object that it overlaps most, the last of equals, and an object that is ignored (a crowd region, or of another size) only where no
other is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.boxes import xyxy_to_corner_size
from parity.datasets import Truth
from parity.detections import Detections
from parity.metrics import MAX_DETECTIONS, ClassMap

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
LARGEST_AREA = 1e10
AREA_RANGES = np.array([[0, LARGEST_AREA], [0, 32**2], [32**2, 96**2], [96**2, LARGEST_AREA]])  # in the order of metrics.AREAS
LEAST_OVERLAP = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)  # pycocotools lets an overlap of 1 pass whatever its rounding
LARGEST_BATCH = 100_000  # places of objects, sizes and thresholds that are matched at once: some 5 MB

Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Boxes of all images, sorted by their cell (category and image); corner and size (n, 4), area (n,) in square pixels."""

    cells: Indices
    boxes: Reals
    areas: Reals

    def starts(self, cells: Indices) -> Indices:
        """Where the rows of each cell begin."""
        return np.searchsorted(self.cells, cells)

    def counts(self, cells: Indices) -> Indices:
        """How many rows each cell has."""
        return np.searchsorted(self.cells, cells, side="right") - self.starts(cells)


@dataclass(frozen=True, slots=True, eq=False)
class Found(Table):
    """The detections, best score first in each cell; ``ranks`` (n,) are their places there."""

    scores: Reals
    ranks: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Objects(Table):
    """What is truly there; ``ignored`` (4, n) are crowd regions and objects of another size."""

    crowd: Flags
    ignored: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The detections of some images, and for each size and IoU threshold (4, 10, n) which hit an object, and which do not count.

    ``ignored`` are those that took an ignored object, or took none and are of another size; no detection is both.
    """

    found: Found
    hits: Flags
    ignored: Flags


def find_hits(truths: Sequence[Truth], detections: Sequence[Detections], classes: ClassMap, category_ids: Sequence[int]) -> Hits:
    """Match the detections of every image with its truth; classes that are none of the categories, which rise, do not count."""
    found, objects = table_of_found(detections, classes, category_ids), table_of_objects(truths, category_ids)
    matched, ignored = match_cells(found, objects)
    ignored |= ~matched & outside(found.areas)[:, None, :]
    return Hits(found, matched & ~ignored, ignored)


def table_of_objects(truths: Sequence[Truth], category_ids: Sequence[int]) -> Objects:
    """The truth of all images."""
    labels = np.concatenate([truth.category_ids for truth in truths])
    cells = cells_of(labels, [len(truth) for truth in truths], category_ids)
    order = np.argsort(cells, kind="stable")[int((cells < 0).sum()) :]
    boxes, areas, crowd = (
        np.concatenate([np.asarray(getattr(truth, name)) for truth in truths])[order] for name in ("boxes", "areas", "crowd")
    )
    return Objects(cells[order], xyxy_to_corner_size(boxes), areas, crowd, outside(areas) | crowd)


def table_of_found(detections: Sequence[Detections], classes: ClassMap, category_ids: Sequence[int]) -> Found:
    """The detections of all images whose class the data set has, at most 100 in a cell."""
    labels = classes.categories(np.concatenate([found.classes for found in detections]))
    cells = cells_of(labels, [len(found) for found in detections], category_ids)
    order = np.argsort(cells, kind="stable")[int((cells < 0).sum()) :]
    ranks = np.arange(len(order)) - np.searchsorted(cells[order], cells[order])
    order, ranks = order[ranks < MAX_DETECTIONS[-1]], ranks[ranks < MAX_DETECTIONS[-1]]
    boxes: Reals = xyxy_to_corner_size(np.concatenate([found.boxes for found in detections])[order])
    scores = np.concatenate([found.scores for found in detections])[order]
    return Found(cells[order], boxes, boxes[:, 2] * boxes[:, 3], scores, ranks)


def cells_of(labels: NDArray[np.int64], lengths: Sequence[int], category_ids: Sequence[int]) -> Indices:
    """A number for each category and image, category first; -1 where the data set has no such category."""
    images = np.repeat(np.arange(len(lengths)), lengths)
    places = np.minimum(np.searchsorted(category_ids, labels), len(category_ids) - 1)
    known = np.asarray(category_ids)[places] == labels
    return np.where(known, places * len(lengths) + images, -1)


def outside(areas: Reals) -> Flags:
    """Which areas lie outside each of COCO's ranges, (4, n)."""
    return np.asarray((areas < AREA_RANGES[:, :1]) | (areas > AREA_RANGES[:, 1:]))


def match_cells(found: Found, objects: Objects) -> tuple[Flags, Flags]:
    """Which detections have an object at each size and threshold, and which of these objects are ignored: (4, 10, n) each."""
    matched = np.zeros((len(AREA_RANGES), len(IOU_THRESHOLDS), len(found.cells)), np.bool_)
    ignored = np.zeros_like(matched)
    for cells in batches(found, objects):
        match_batch(cells, found, objects, matched, ignored)
    return matched, ignored


def batches(found: Found, objects: Objects) -> Iterator[Indices]:
    """The cells with both detections and objects, in lots of a like number of objects, most detections first."""
    cells = np.intersect1d(found.cells, objects.cells)
    cells = cells[np.argsort(objects.counts(cells), kind="stable")]
    sizes = objects.counts(cells) * len(AREA_RANGES) * len(IOU_THRESHOLDS)
    lots = np.cumsum(sizes) // LARGEST_BATCH
    for lot in np.split(cells, np.flatnonzero(np.diff(lots)) + 1):
        yield lot[np.argsort(-found.counts(lot), kind="stable")]


def match_batch(cells: Indices, found: Found, objects: Objects, matched: Flags, ignored: Flags) -> None:
    """Match many cells at once, their best detections first, then the second best …; fills in ``matched`` and ``ignored``."""
    first, counts = found.starts(cells), found.counts(cells)
    sizes = objects.counts(cells)
    backwards = sizes[:, None] - 1 - np.arange(sizes.max(initial=0))  # argmax takes the first of equals, COCO the last
    places = objects.starts(cells)[:, None] + np.maximum(backwards, 0)
    taken = np.zeros((len(cells), len(AREA_RANGES), len(IOU_THRESHOLDS), places.shape[1]), np.bool_)
    for rank in range(counts.max(initial=0)):
        active = int((counts > rank).sum())
        overlaps = np.where(backwards[:active] >= 0, overlap(found, first[:active] + rank, objects, places[:active]), -1)
        near = np.flatnonzero(overlaps.max(1) >= LEAST_OVERLAP[0])
        chosen, done = choose(overlaps[near], taken[near], objects, places[near])
        rows, areas, thresholds = np.nonzero(done)
        takes = chosen[rows, areas, thresholds]
        taken[near[rows], areas, thresholds, takes] = True
        detections = first[near[rows]] + rank
        matched[areas, thresholds, detections] = True
        ignored[areas, thresholds, detections] = objects.ignored[areas, places[near[rows], takes]]


def overlap(found: Found, detections: Indices, objects: Objects, places: Indices) -> Reals:
    """Intersection over union as pycocotools rounds it, of one detection of each cell with each of its objects; (cells, objects).

    Of a crowd region counts the share of the detection that lies in it.
    """
    mine, theirs = found.boxes[detections][:, None, :], objects.boxes[places]
    low = np.maximum(mine[..., :2], theirs[..., :2])
    high = np.minimum(mine[..., :2] + mine[..., 2:], theirs[..., :2] + theirs[..., 2:])
    sides = np.maximum(high - low, 0)
    intersection = sides[..., 0] * sides[..., 1]
    own = mine[..., 2] * mine[..., 3]
    union = np.where(objects.crowd[places], own, own + theirs[..., 2] * theirs[..., 3] - intersection)
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=intersection > 0))


def choose(overlaps: Reals, taken: Flags, objects: Objects, places: Indices) -> tuple[Indices, Flags]:
    """The object that each detection takes at each size and threshold, and whether it takes one: (cells, 4, 10) each."""
    free = np.where(taken & ~objects.crowd[places][:, None, None, :], -1, overlaps[:, None, None, :])
    other = np.moveaxis(objects.ignored[:, places], 0, 1)[:, :, None, :]
    real = np.where(other, -1, free)
    takes_real = real.max(-1) >= LEAST_OVERLAP
    rest = np.where(other, free, -1)
    chosen = np.where(takes_real, real.argmax(-1), rest.argmax(-1))
    return chosen, takes_real | (rest.max(-1) >= LEAST_OVERLAP)
