"""The images of a report: ranked by how much the sides disagree on them, as many as there is room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from parity.comparison import ImageComparison
from parity.exhibits import Exhibit
from parity.report.overlays import DIFFERENT, Kind, Layer, class_name, counts, disagreement, layer, sort_sides
from parity.report.thumbnails import Thumbnail
from parity.spec import ExifPolicy

MOST_IMAGES = 128
Picture = Callable[[Path, ExifPolicy], Thumbnail]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One image of one configuration with both sides' boxes; ``picture`` is its number, which figures of one image share."""

    config: str
    file_name: str
    picture: int
    owns_picture: bool
    thumbnail: Thumbnail
    found: tuple[tuple[Kind, int], ...]
    remark: str
    measured: str
    reference: Layer
    candidate: Layer


@dataclass(frozen=True, slots=True)
class Choice:
    """What a filter offers."""

    value: str
    title: str


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The figures, the most different first; ``left_out`` images are not shown, on ``left_out_different`` of which the sides differ."""

    figures: tuple[Figure, ...]
    left_out: int
    left_out_different: int
    totals: tuple[tuple[Kind, int], ...]
    classes: tuple[Choice, ...]
    configs: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """One image of one exhibit."""

    exhibit: Exhibit
    place: int

    @property
    def comparison(self) -> ImageComparison:
        """How its detections pair up."""
        return self.exhibit.comparisons[self.place]


def ranked(exhibits: Sequence[Exhibit]) -> list[Ranked]:
    """All images of all configurations, the most different first; equal ones in their order."""
    every = [Ranked(exhibit, place) for exhibit in exhibits for place in range(len(exhibit.images))]
    return sorted(every, key=lambda each: disagreement(each.comparison), reverse=True)


def gallery(exhibits: Sequence[Exhibit], *, most: int, picture: Picture) -> Gallery:
    """The figures of the ``most`` images that differ most; ``picture`` makes the thumbnail of a file."""
    every = ranked(exhibits)
    shown, rest = every[:most], every[most:]
    figures = list(figures_of(shown, picture))
    totals: Counter[Kind] = Counter()
    for each in every:
        totals.update(counts(each.comparison))
    return Gallery(
        figures=tuple(figures),
        left_out=len(rest),
        left_out_different=sum(not each.comparison.agrees or bool(counts(each.comparison)) for each in rest),
        totals=tuple((kind, totals[kind]) for kind in DIFFERENT),
        classes=class_choices(figures, exhibits),
        configs=tuple(exhibit.config for exhibit in exhibits),
    )


def figures_of(shown: Sequence[Ranked], picture: Picture) -> Iterator[Figure]:
    """The figures in their order; the first of several of one image holds its picture for all."""
    numbers: dict[tuple[Path, ExifPolicy], int] = {}
    thumbnails: list[Thumbnail] = []
    for each in shown:
        key = each.exhibit.images[each.place].path, each.exhibit.exif
        owns = key not in numbers
        if owns:
            numbers[key] = len(thumbnails)
            thumbnails.append(picture(*key))
        yield figure(each, numbers[key], thumbnails[numbers[key]], owns=owns)


def figure(each: Ranked, number: int, thumbnail: Thumbnail, *, owns: bool) -> Figure:
    """One image with both layers."""
    exhibit, comparison = each.exhibit, each.comparison
    size = thumbnail.width, thumbnail.height
    reference, candidate = (layer(side, exhibit.names, scale=thumbnail.scale, size=size) for side in sort_sides(comparison))
    return Figure(
        config=exhibit.config,
        file_name=exhibit.images[each.place].file_name,
        picture=number,
        owns_picture=owns,
        thumbnail=thumbnail,
        found=tuple(counts(comparison).items()),
        remark=remark(comparison),
        measured=measured(comparison),
        reference=reference,
        candidate=candidate,
    )


def remark(comparison: ImageComparison) -> str:
    """What no box can show."""
    said = ["one side has nothing on record for this image"] if comparison.absent else []
    said += [f"{comparison.non_finite} outputs are NaN or infinite"] if comparison.non_finite else []
    return "; ".join(said)


def measured(comparison: ImageComparison) -> str:
    """The largest differences of the pairs of an image."""
    if not len(comparison.drift_network_px):
        return f"{len(comparison.matches.reference)} against {len(comparison.matches.candidate)} detections, none matched"
    drift, score = float(comparison.drift_network_px.max()), float(comparison.rescore.max())
    return f"{len(comparison.drift_network_px)} matched, apart by at most {drift:.2g} network px and {score:.2g} of score"


def class_choices(figures: Sequence[Figure], exhibits: Sequence[Exhibit]) -> tuple[Choice, ...]:
    """The classes of the boxes that are drawn, by name."""
    layers = [side for each in figures for side in (each.reference, each.candidate)]
    labels = {box.label for side in layers for box in side.boxes} | {group.label for side in layers for group in side.matched}
    names = exhibits[0].names if exhibits else ()
    return tuple(sorted((Choice(str(label), class_name(names, label)) for label in labels), key=lambda choice: choice.title))
