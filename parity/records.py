"""What COCO's evaluation knows of every detection, once for each side: hit or not at every IoU threshold and size, and on which image.

All of COCO's numbers are sums over these records, so a resample of the images needs no second matching, and boxes need not be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parity.datasets import Dataset
from parity.detections import Detections
from parity.hits import AREA_RANGES, IOU_THRESHOLDS, Flags, Hits, Reals, find_hits, table_of_objects
from parity.metrics import MAX_DETECTIONS, ClassMap, Evaluation, truths_of

RECALL_THRESHOLDS = np.linspace(0, 1, 101)
THRESHOLD_BITS = 1 << np.arange(len(IOU_THRESHOLDS), dtype=np.uint16)
EVERY_THRESHOLD = THRESHOLD_BITS.sum(dtype=np.uint16)
LARGEST_LOT = 16_384  # detections that wait to be matched together
LARGEST_CURVE = 200_000  # places of detections and thresholds that are summed at once: some 8 MB

Patterns = NDArray[np.uint16]  # a bit for each IoU threshold, the lowest for 0.50


@dataclass(frozen=True, slots=True, eq=False)
class CategoryRecords:
    """One category: its detections on all images, best score first (d of them), in as few bytes as hold them.

    ``images`` (d,) are places in the data set, ``ranks`` (d,) places among the detections of an image. What is said of a detection at
    each size is the row of ``kinds`` (kinds, 2, 4) that its place in ``codes`` (d,) has: ``hits`` and ``ignored``, with a bit for each IoU
    threshold. They exclude each other, and what is neither is a false positive; ``objects`` (4, images) counts what is there to be found.
    """

    scores: NDArray[np.floating]
    images: NDArray[np.integer]
    ranks: NDArray[np.uint8]
    codes: NDArray[np.unsignedinteger]
    kinds: Patterns
    objects: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Check shapes and order, and make the arrays read-only."""
        if self.kinds.shape[1:] != (2, len(AREA_RANGES)) or self.objects.shape[:-1] != self.kinds.shape[2:]:
            raise ValueError(f"shapes do not fit: kinds {self.kinds.shape}, objects {self.objects.shape}")
        if not len(self.scores) == len(self.images) == len(self.ranks) == len(self.codes) or (np.diff(self.scores) > 0).any():
            raise ValueError("scores must fall, with an image, a rank and a code for each")
        for array in (self.scores, self.images, self.ranks, self.codes, self.kinds, self.objects):
            array.flags.writeable = False

    def hits(self, size: int) -> Patterns:
        """At which IoU thresholds each detection hits an object at a place in ``metrics.AREAS``, (d,)."""
        return self.kinds[:, 0, size].take(self.codes)

    def ignored(self, size: int) -> Patterns:
        """At which it does not count there, (d,)."""
        return self.kinds[:, 1, size].take(self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """One side on labelled data; ``categories`` are in the order of ``category_ids``, which rise."""

    category_ids: tuple[int, ...]
    categories: tuple[CategoryRecords, ...]
    images: int


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The detections of one category on some images, as the fields of ``CategoryRecords`` have them, but image by image."""

    scores: NDArray[np.floating]
    images: NDArray[np.integer]
    ranks: NDArray[np.uint8]
    codes: NDArray[np.unsignedinteger]


@dataclass(slots=True, eq=False)
class Kinds:
    """All that was ever said of a detection, (2, 4) each, in the order in which it was first said: few things, of very many detections."""

    numbers: dict[bytes, int] = field(default_factory=dict)

    def codes(self, hits: Patterns, ignored: Patterns) -> NDArray[np.unsignedinteger]:
        """The number of what is said of each detection at each size, (4, n) both."""
        rows = np.ascontiguousarray(np.concatenate([hits, ignored]).T)
        mine, theirs = (np.unique(half, return_inverse=True)[1] for half in rows.view(np.uint64).T)
        _, first, places = np.unique(mine * (len(theirs) + 1) + theirs, return_index=True, return_inverse=True)
        numbers = [self.numbers.setdefault(row.tobytes(), len(self.numbers)) for row in rows[first]]
        return np.array(numbers, np.min_scalar_type(len(self.numbers)))[places]

    def table(self) -> Patterns:
        """The rows, (kinds, 2, 4)."""
        return np.frombuffer(b"".join(self.numbers), np.uint16).reshape(len(self.numbers), 2, len(AREA_RANGES))


@dataclass(slots=True, eq=False)
class Recorder:
    """Takes the detections of one side image by image, in the order of the data set, and keeps of them no more than records."""

    dataset: Dataset
    classes: ClassMap
    parts: dict[int, list[Part]]  # by category, in the order of ids
    kinds: Kinds = field(default_factory=Kinds)
    waiting: list[Detections] = field(default_factory=list)
    settled: int = 0  # images
    weight: int = 0  # detections that wait

    @classmethod
    def of(cls, dataset: Dataset, classes: ClassMap) -> Self:
        """A recorder that has seen nothing; classes that the data set has not do not count."""
        return cls(dataset, classes, {number: [] for number in sorted(category.id for category in dataset.categories)})

    def add(self, detections: Detections) -> None:
        """Take the detections of the next image."""
        self.waiting.append(detections)
        self.weight += len(detections)
        if self.weight >= LARGEST_LOT:
            self.settle()

    def settle(self) -> None:
        """Match what waits."""
        images, ids = slice(self.settled, self.settled + len(self.waiting)), tuple(self.parts)
        found = find_hits(truths_of(self.dataset)[images], self.waiting, self.classes, ids)
        for number, part in zip(ids, self.parts_of(found, len(ids)), strict=True):
            self.parts[number].append(part)
        self.waiting, self.settled, self.weight = [], images.stop, 0

    def parts_of(self, found: Hits, categories: int) -> Iterator[Part]:
        """What is kept of the images that wait, for each category."""
        table, images = found.found, len(self.waiting)
        places = (table.cells % images + self.settled).astype(np.min_scalar_type(len(self.dataset)))
        ranks, scores = table.ranks.astype(np.uint8), narrow(table.scores)
        codes = self.kinds.codes(patterns(found.hits), patterns(found.ignored))
        for start, stop in pairwise(table.starts(np.arange(categories + 1) * images)):
            rows = np.arange(start, stop)  # by which the rest is let go
            yield Part(scores[rows], places[rows], ranks[rows], codes[rows])

    def records(self) -> Records:
        """The records of all images, which the recorder hands over; raises ``ValueError`` where some have not been added."""
        if self.waiting:
            self.settle()
        if self.settled != len(self.dataset):
            raise ValueError(f"{self.settled} images were added of {len(self.dataset)}")
        ids = tuple(self.parts)
        counts = count_objects(self.dataset, ids)
        kinds = self.kinds.table()
        categories = tuple(category_records(self.parts.pop(number), kinds, objects) for number, objects in zip(ids, counts, strict=True))
        return Records(ids, categories, len(self.dataset))


def record(dataset: Dataset, detections: Iterable[Detections], classes: ClassMap) -> Records:
    """Match the detections of every image with its truth; classes that the data set has not do not count."""
    recorder = Recorder.of(dataset, classes)
    for each in detections:
        recorder.add(each)
    return recorder.records()


def narrow(scores: Reals) -> NDArray[np.floating]:
    """Scores in single precision where that holds them, as it does what a network says."""
    single = scores.astype(np.float32)
    return single if (single == scores).all() else scores


def category_records(parts: Sequence[Part], kinds: Patterns, objects: NDArray[np.int32]) -> CategoryRecords:
    """The rows of a category, best score first; of equal scores the earlier image leads."""

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    order = np.argsort(-joined("scores"), kind="stable")
    scores, images, ranks, codes = (joined(name)[order] for name in ("scores", "images", "ranks", "codes"))
    return CategoryRecords(scores, images, ranks, codes, kinds, objects)


def count_objects(dataset: Dataset, category_ids: Sequence[int]) -> NDArray[np.int32]:
    """How many objects of each category and size every image has, (categories, 4, images)."""
    objects, cells = table_of_objects(truths_of(dataset), category_ids), len(category_ids) * len(dataset)
    counts = [np.bincount(objects.cells[counted], minlength=cells).astype(np.int32) for counted in ~objects.ignored]
    return np.stack([each.reshape(len(category_ids), len(dataset)) for each in counts], axis=1)


def patterns(flags: ArrayLike) -> Patterns:
    """Flags at each IoU threshold (..., 10, n) as the bits of a number, (..., n)."""
    return np.asarray(np.einsum("t,...tn->...n", THRESHOLD_BITS, np.asarray(flags, np.uint16)))


def flags_of(numbers: Patterns) -> Flags:
    """The flags (10, n) at each IoU threshold whose bits the numbers (n,) are."""
    return np.asarray((numbers & THRESHOLD_BITS[:, None]) != 0)


def evaluate(dataset: Dataset, detections: Sequence[Detections], classes: ClassMap) -> Evaluation:
    """The arrays that all of COCO's numbers are read off, of one side's detections."""
    return evaluation(record(dataset, detections, classes))


def evaluation(records: Records) -> Evaluation:
    """The arrays that all of COCO's numbers are read off."""
    shape = (len(IOU_THRESHOLDS), len(records.categories), len(AREA_RANGES))
    precision, recall = -np.ones((shape[0], len(RECALL_THRESHOLDS), *shape[1:])), -np.ones((*shape, len(MAX_DETECTIONS)))
    for k, category in enumerate(records.categories):
        for a, objects in enumerate(category.objects.sum(1)):
            if objects:
                hits = category.hits(a)
                precision[:, :, k, a] = curves(hits, category.ignored(a), int(objects))
                among = [hits[category.ranks < most] for most in MAX_DETECTIONS]
                recall[:, k, a] = np.stack([flags_of(each[each != 0]).sum(1) for each in among], axis=1) / objects
    return Evaluation(precision, recall, records.category_ids)


def curves(hits: Patterns, ignored: Patterns, objects: int) -> Reals:
    """The largest precision at or beyond each recall threshold, (10, 101)."""
    upto = int(np.flatnonzero(hits).max(initial=-1)) + 1  # behind the last hit lies neither
    lots = -(-upto * len(THRESHOLD_BITS) // LARGEST_CURVE) or 1
    bits = np.array_split(THRESHOLD_BITS[:, None], min(lots, len(THRESHOLD_BITS)))
    return np.concatenate([curves_at(hits[:upto] & each != 0, ignored[:upto] & each != 0, objects) for each in bits])


def curves_at(hits: Flags, ignored: Flags, objects: int) -> Reals:
    """The same at some IoU thresholds, from flags (thresholds, n)."""
    found, claims = np.cumsum(hits, axis=1), np.cumsum(~ignored, axis=1)
    envelope = np.zeros((len(hits), hits.shape[1] + 1))  # the last place is for recall that is not reached
    envelope[:, :-1] = np.maximum.accumulate((found / np.maximum(claims, 1))[:, ::-1], axis=1)[:, ::-1]
    reached = np.stack([np.searchsorted(row, RECALL_THRESHOLDS) for row in found / objects])
    return np.take_along_axis(envelope, reached, axis=1)
