"""Both sides' boxes over one picture: what kind of difference each is, where it is drawn, and which images differ most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from parity.comparison import ImageComparison
from parity.detections import Detections, name_of
from parity.display import display

LONGEST_NAME = 24  # characters of a class name beside a box
MOST_BOXES = 80  # drawn one by one on each side of an image, best score first
MOST_LABELS = 10  # beyond which only letters stand beside the boxes: words would hide what they name
Boxes = NDArray[np.float64]


class Kind(StrEnum):
    """How a detection stands to the other side."""

    MISSED = "missed"
    GHOST = "ghost"
    CLASS_FLIP = "flip"
    SHIFTED = "shifted"
    RESCORED = "rescored"
    EDGE = "edge"
    MATCHED = "matched"

    @property
    def words(self) -> str:
        """What people call it."""
        return "class flip" if self is Kind.CLASS_FLIP else self.value

    @property
    def letter(self) -> str:
        """What marks it where colours do not tell."""
        return {Kind.CLASS_FLIP: "C", Kind.MATCHED: ""}.get(self, self.value[0].upper())

    @property
    def meaning(self) -> str:
        """What it is, for the legend."""
        return MEANINGS[self]


MEANINGS = {
    Kind.MISSED: "only the reference has it",
    Kind.GHOST: "only the candidate has it",
    Kind.CLASS_FLIP: "same place, another class",
    Kind.SHIFTED: "the box moved by more than its limit",
    Kind.RESCORED: "the score changed by more than its limit",
    Kind.EDGE: "noise alone adds or removes it; excused",
    Kind.MATCHED: "agrees within the limits",
}
DIFFERENT = tuple(kind for kind in Kind if kind is not Kind.MATCHED)
WEIGHTS = {Kind.MISSED: 4, Kind.GHOST: 4, Kind.CLASS_FLIP: 4, Kind.SHIFTED: 2, Kind.RESCORED: 1}  # of one, in the rank of an image


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """One box that differs: its kind, class index, path in units of the picture, what stands beside it and where, and what it is.

    ``rescored_too`` says that a box which moved has another score as well.
    """

    kind: Kind
    label: int
    path: str
    mark: str
    text: str
    x: int
    y: int
    rescored_too: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """All matched boxes of one class, as one path."""

    label: int
    path: str


@dataclass(frozen=True, slots=True)
class Layer:
    """What one side has on one image; ``left_out`` boxes that differ are not drawn."""

    boxes: tuple[DrawnBox, ...]
    matched: tuple[Quiet, ...]
    left_out: int


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """The detections of one side: the kind of each, and which of those that moved have another score as well."""

    side: Detections
    kinds: tuple[Kind, ...]
    rescored_too: frozenset[int]


def sort_sides(comparison: ImageComparison) -> tuple[Sorted, Sorted]:
    """Which kind every detection of either side is of."""
    matches = comparison.matches
    reference, candidate = [Kind.MATCHED] * len(matches.reference), [Kind.MATCHED] * len(matches.candidate)
    for index in comparison.missed.tolist():
        reference[index] = Kind.MISSED
    for index in comparison.ghosts.tolist():
        candidate[index] = Kind.GHOST
    for kind, rows in paired(comparison):
        for first, second in rows.tolist():
            reference[first] = candidate[second] = kind
    for edge in comparison.edges:
        (reference if edge.of_reference else candidate)[edge.index] = Kind.EDGE
    both = matches.pairs[np.intersect1d(comparison.shifted, comparison.rescored)]
    return (
        Sorted(matches.reference, tuple(reference), frozenset(both[:, 0].tolist())),
        Sorted(matches.candidate, tuple(candidate), frozenset(both[:, 1].tolist())),
    )


def paired(comparison: ImageComparison) -> Iterator[tuple[Kind, NDArray[np.intp]]]:
    """The kinds that both sides have part in; a box that moved and has another score counts as moved."""
    yield Kind.RESCORED, comparison.matches.pairs[comparison.rescored]
    yield Kind.SHIFTED, comparison.matches.pairs[comparison.shifted]
    yield Kind.CLASS_FLIP, comparison.matches.class_flips


def counts(comparison: ImageComparison) -> dict[Kind, int]:
    """How many differences of each kind an image has, as the result counts them: a pair may be shifted and rescored."""
    found = {
        Kind.MISSED: len(comparison.missed),
        Kind.GHOST: len(comparison.ghosts),
        Kind.CLASS_FLIP: len(comparison.matches.class_flips),
        Kind.SHIFTED: len(comparison.shifted),
        Kind.RESCORED: len(comparison.rescored),
        Kind.EDGE: len(comparison.edges),
    }
    return {kind: number for kind, number in found.items() if number}


def disagreement(comparison: ImageComparison) -> tuple[float, float, float]:
    """How much an image differs, to rank by: what is beyond a limit first, then edges, then the largest movement of a box."""
    found = counts(comparison)
    broken = 1000.0 * (comparison.absent + (comparison.non_finite > 0))
    weight = broken + sum(WEIGHTS.get(kind, 0) * number for kind, number in found.items())
    return weight, float(found.get(Kind.EDGE, 0)), float(comparison.drift_network_px.max(initial=0.0))


def layer(sorted_side: Sorted, names: Sequence[str], *, scale: float, size: tuple[int, int]) -> Layer:
    """One side of one image; ``scale`` is picture units for one image pixel, ``size`` the picture's (width, height)."""
    different = [index for index, kind in enumerate(sorted_side.kinds) if kind is not Kind.MATCHED]
    crowded = len(different) > MOST_LABELS
    drawn = tuple(drawn_box(sorted_side, index, names, scale=scale, size=size, crowded=crowded) for index in different[:MOST_BOXES])
    return Layer(drawn, tuple(quiet(sorted_side.side, sorted_side.kinds, scale=scale)), len(different) - len(drawn))


def drawn_box(sorted_side: Sorted, index: int, names: Sequence[str], *, scale: float, size: tuple[int, int], crowded: bool) -> DrawnBox:
    """One box that differs, with its letter above it, or within where there is no room, and where it is not crowded what it is."""
    side, kind = sorted_side.side, sorted_side.kinds[index]
    box, label = side.boxes[index] * scale, int(side.classes[index])
    x, y = int(np.clip(box[0], 2, max(size[0] - 60, 2))), int(np.clip(box[1] - 4, 11, size[1] - 3))
    text = f"{class_name(names, label)} {side.scores[index]:.2f}"
    mark = kind.letter if crowded else f"{kind.letter} {text}"
    return DrawnBox(kind, label, box_path(box), mark, text, x, y, index in sorted_side.rescored_too)


def quiet(side: Detections, kinds: Sequence[Kind], *, scale: float) -> Iterator[Quiet]:
    """The boxes that agree, class by class."""
    agreeing = np.array([kind is Kind.MATCHED for kind in kinds], np.bool_)
    for label in np.unique(side.classes[agreeing]).tolist():
        rows = side.boxes[agreeing & (side.classes == label)] * scale
        yield Quiet(label, "".join(map(box_path, rows)))


def box_path(box: Boxes) -> str:
    """An xyxy box as a closed path; a network's garbage may lie far outside, and is drawn no further than anybody sees."""
    x1, y1, x2, y2 = (f"{value:.1f}".removesuffix(".0") for value in np.clip(box, -9999, 9999).tolist())
    return f"M{x1} {y1}H{x2}V{y2}H{x1}z"


def class_name(names: Sequence[str], label: int) -> str:
    """The name of a class index on one line, cut where it is long; a class beyond the names is shown by its number."""
    name = display(name_of(names, label))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
