"""A folder of photos without labels: what both sides find on each, and how that goes together. The shape of the JSON files of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parity.boxes import iou
from parity.comparison import ImageComparison, ParityCounts, count
from parity.detections import Detections, name_of
from parity.exhibits import Exhibit
from parity.match import at_least_a_pixel
from parity.spec import STRICT

PHOTOS_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class PhotoSide:
    """One side: ``role`` is reference or candidate, ``model`` its file or name, ``sha256`` its content (``None`` for code)."""

    role: str
    backend: str
    model: str
    sha256: str | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PhotoSettings:
    """What was compared: the configuration, its thresholds, and its network size as height and width (``None`` where there is none)."""

    config: str
    conf: float
    iou: float | None
    imgsz: tuple[int, int] | None
    __pydantic_config__ = STRICT


# What one side finds: detections.json


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One detection; ``box_xyxy`` is x1, y1, x2, y2 in pixels of the photo as the reference reads it."""

    class_index: int
    class_name: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PhotoDetections:
    """One photo: its name in the folder, the picture that was drawn of it, its size in pixels, and its objects, best score first.

    ``non_finite`` counts outputs that were NaN or infinite and are left out.
    """

    file_name: str
    picture: str
    width: int
    height: int
    detections: tuple[FoundObject, ...]
    non_finite: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class SideDetections:
    """Everything that one side finds."""

    side: PhotoSide
    settings: PhotoSettings
    images: tuple[PhotoDetections, ...]
    schema: int = PHOTOS_SCHEMA
    __pydantic_config__ = STRICT


# How both sides go together: comparison_results.json


@dataclass(frozen=True, slots=True)
class Spread:
    """What some numbers range over."""

    lowest: float
    median: float
    mean: float
    highest: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class ObjectCount:
    """How often a class is found."""

    class_index: int
    class_name: str
    count: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class SideCounts:
    """What one side finds in numbers; ``objects`` the most frequent first, ``confidence`` ``None`` where it finds nothing."""

    detections: int
    objects: tuple[ObjectCount, ...]
    confidence: Spread | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """A detection of both sides, by its place in either list of detections, and how far the two are apart."""

    reference: int
    candidate: int
    class_index: int
    class_name: str
    iou: float
    box_px: float
    score: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Differences:
    """What is beyond a limit; ``shifted`` and ``rescored`` are among the matched. ``edges`` are excused: noise alone decides them."""

    missed: int
    ghosts: int
    class_flips: int
    shifted: int
    rescored: int
    edges: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which classes are found at all, by name."""

    both: tuple[str, ...]
    only_reference: tuple[str, ...]
    only_candidate: tuple[str, ...]
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PhotoComparison:
    """One photo; ``on_record`` is false where recorded detections lack it, ``iou`` is of the matched pairs."""

    file_name: str
    agrees: bool
    on_record: bool
    reference: SideCounts
    candidate: SideCounts
    classes: Coverage
    iou: Spread | None
    pairs: tuple[MatchedPair, ...]
    differences: Differences
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class AllPhotos:
    """All photos together; ``parity`` are the counts that the verdict stands on."""

    reference: SideCounts
    candidate: SideCounts
    classes: Coverage
    iou: Spread | None
    parity: ParityCounts
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PhotosComparison:
    """Both sides on every photo, in the order of the folder."""

    reference: PhotoSide
    candidate: PhotoSide
    settings: PhotoSettings
    images: tuple[PhotoComparison, ...]
    total: AllPhotos
    schema: int = PHOTOS_SCHEMA
    __pydantic_config__ = STRICT


# Values of them


def found_objects(detections: Detections, names: Sequence[str]) -> tuple[FoundObject, ...]:
    """The detections of one side on one photo."""
    rows = zip(detections.classes.tolist(), detections.scores.tolist(), detections.boxes.tolist(), strict=True)
    return tuple(FoundObject(index, name_of(names, index), score, (x1, y1, x2, y2)) for index, score, (x1, y1, x2, y2) in rows)


def compare_photos(exhibit: Exhibit, *, reference: PhotoSide, candidate: PhotoSide, settings: PhotoSettings) -> PhotosComparison:
    """Both sides on every photo of an exhibit, and on all together."""
    images = tuple(
        compare_photo(image.file_name, comparison, exhibit.names)
        for image, comparison in zip(exhibit.images, exhibit.comparisons, strict=True)
    )
    one = [comparison.matches.reference for comparison in exhibit.comparisons]
    other = [comparison.matches.candidate for comparison in exhibit.comparisons]
    total = AllPhotos(
        reference=side_counts(one, exhibit.names),
        candidate=side_counts(other, exhibit.names),
        classes=coverage(one, other, exhibit.names),
        iou=spread([pair.iou for image in images for pair in image.pairs]),
        parity=count(exhibit.comparisons),
    )
    return PhotosComparison(reference, candidate, settings, images, total)


def compare_photo(file_name: str, comparison: ImageComparison, names: Sequence[str]) -> PhotoComparison:
    """Both sides on one photo."""
    reference, candidate = [comparison.matches.reference], [comparison.matches.candidate]
    pairs = matched_pairs(comparison, names)
    return PhotoComparison(
        file_name=file_name,
        agrees=comparison.agrees,
        on_record=not comparison.absent,
        reference=side_counts(reference, names),
        candidate=side_counts(candidate, names),
        classes=coverage(reference, candidate, names),
        iou=spread([pair.iou for pair in pairs]),
        pairs=pairs,
        differences=differences_of(comparison),
    )


def side_counts(side: Iterable[Detections], names: Sequence[str]) -> SideCounts:
    """The numbers of one side over some photos."""
    found = list(side)
    scores = np.concatenate([each.scores for each in found] or [np.empty(0)])
    counts = class_counts(found)
    frequent = sorted(counts, key=lambda index: (-counts[index], index))
    objects = tuple(ObjectCount(index, name_of(names, index), counts[index]) for index in frequent)
    return SideCounts(len(scores), objects, spread(scores))


def class_counts(side: Iterable[Detections]) -> dict[int, int]:
    """How often one side finds each class, by index."""
    classes = np.concatenate([each.classes for each in side] or [np.empty(0, np.int64)])
    indices, numbers = np.unique(classes, return_counts=True)
    return dict(zip(indices.tolist(), numbers.tolist(), strict=True))


def coverage(reference: Iterable[Detections], candidate: Iterable[Detections], names: Sequence[str]) -> Coverage:
    """Which classes either side finds, in the order of their indices."""
    one, other = set(class_counts(reference)), set(class_counts(candidate))
    parts = (one & other, one - other, other - one)
    both, only_reference, only_candidate = (tuple(name_of(names, index) for index in sorted(part)) for part in parts)
    return Coverage(both, only_reference, only_candidate)


def spread(values: ArrayLike) -> Spread | None:
    """What numbers range over, ``None`` where there are none."""
    numbers = np.asarray(values, np.float64)
    if not numbers.size:
        return None
    return Spread(float(numbers.min()), float(np.median(numbers)), float(numbers.mean()), float(numbers.max()))


def matched_pairs(comparison: ImageComparison, names: Sequence[str]) -> tuple[MatchedPair, ...]:
    """The pairs of the same class, also those beyond a limit; in the order of the reference."""
    matches = comparison.matches
    overlaps = pair_overlaps(matches.reference.boxes, matches.candidate.boxes, matches.pairs)
    rows = zip(matches.pairs.tolist(), overlaps.tolist(), matches.drift_px.tolist(), matches.score_change.tolist(), strict=True)
    classes = matches.reference.classes.tolist()
    found = (
        MatchedPair(reference, candidate, classes[reference], name_of(names, classes[reference]), overlap, drift, change)
        for (reference, candidate), overlap, drift, change in rows
    )
    return tuple(sorted(found, key=lambda pair: pair.reference))


def pair_overlaps(reference: NDArray[np.float64], candidate: NDArray[np.float64], pairs: NDArray[np.intp]) -> NDArray[np.float64]:
    """Intersection over union of every pair, as pairs are found by: of boxes of at least a pixel."""
    return np.diagonal(iou(at_least_a_pixel(reference[pairs[:, 0]]), at_least_a_pixel(candidate[pairs[:, 1]])))


def differences_of(comparison: ImageComparison) -> Differences:
    """How much is beyond a limit on one photo."""
    return Differences(
        missed=len(comparison.missed),
        ghosts=len(comparison.ghosts),
        class_flips=len(comparison.matches.class_flips),
        shifted=len(comparison.shifted),
        rescored=len(comparison.rescored),
        edges=len(comparison.edges),
    )
