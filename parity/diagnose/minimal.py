"""Minimal evidence: the smallest set of images that still shows every check that failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from parity.comparison import ImageComparison, Rounding
from parity.datasets import DatasetImage
from parity.limits import Limits
from parity.pipeline import Shipped
from parity.spec import Suppress

# the checks that single images show, and how often one does
COUNTS: Mapping[str, Callable[[ImageComparison], int]] = MappingProxyType(
    {
        "images": lambda image: int(image.absent),
        "finite": lambda image: image.non_finite,
        "missed": lambda image: len(image.missed),
        "ghosts": lambda image: len(image.ghosts),
        "class_flips": lambda image: len(image.matches.class_flips),
        "shifted": lambda image: len(image.shifted),
        "rescored": lambda image: len(image.rescored),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Witness:
    """An image that shows failing checks, how often each, and what both sides say about it."""

    image: DatasetImage
    shows: dict[str, int]
    reference: Shipped
    candidate: Shipped


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """The witnesses of one failed contest, and how both sides were compared."""

    witnesses: tuple[Witness, ...]
    thresholds: Suppress
    rounding: Rounding
    limits: Limits


def shows(comparison: ImageComparison) -> dict[str, int]:
    """The checks that an image shows, each with the number of differences."""
    counts = {name: count(comparison) for name, count in COUNTS.items()}
    return {name: number for name, number in counts.items() if number}


def smallest_set(comparisons: Sequence[ImageComparison], failing: Collection[str]) -> tuple[int, ...]:
    """The places of the fewest images that together show every failing check that any image shows.

    A greedy cover may take one too many. There are few checks, so the smallest cover of every combination of them is kept instead:
    at most 128. Among images that show the same checks, the one with the fewest detections is the easiest to look at.
    """
    kinds: dict[frozenset[str], int] = {}
    for place in sorted(range(len(comparisons)), key=lambda place: detections_on(comparisons[place])):
        kinds.setdefault(frozenset(shows(comparisons[place])).intersection(failing), place)
    covers: dict[frozenset[str], tuple[int, ...]] = {frozenset(): ()}
    for kind, place in kinds.items():
        for covered, chosen in list(covers.items()):
            wider = covered | kind
            if wider not in covers or len(chosen) + 1 < len(covers[wider]):
                covers[wider] = (*chosen, place)
    return tuple(sorted(covers[frozenset[str]().union(*kinds)]))


def detections_on(comparison: ImageComparison) -> int:
    """How many detections both sides have on an image."""
    return len(comparison.matches.reference) + len(comparison.matches.candidate)
