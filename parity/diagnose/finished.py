"""Faults of a candidate whose network hands out finished detections: each is undone in the candidate, and what it then detects compared.

Such a network has no raw head to compare and cannot be simulated from outside, so the only proof is the counterfactual itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import floor
from pathlib import Path

from parity.candidates import ModelDetector
from parity.comparison import Rounding
from parity.contests import Contest
from parity.datasets import DatasetImage
from parity.detections import Detections
from parity.diagnose.finished_specs import declared, misread
from parity.diagnose.naming import PARTIAL, Named, reordered
from parity.diagnose.trials import Restoration, Trial, Variant
from parity.faults import fault
from parity.open_gate import Gate
from parity.verdict import Diagnosis

ONNX = ".onnx"
SEARCHED = 4  # images that restorations are chosen by; the chosen ones are then proven on all that were given
MOST_FAULTS = 4
LEAST_SHARE = 0.02  # of the distance that is left, which a further restoration has to take away


@dataclass(frozen=True, slots=True, eq=False)
class Undone:
    """Restorations that together leave a ``distance``, and whether nothing is left."""

    variant: Variant
    distance: float
    chosen: tuple[Restoration, ...] = field(default=())


class Offered:
    """Restorations that are made when they are first asked for: most searches end before the reference is exported anew."""

    def __init__(self, source: Iterator[Restoration]) -> None:
        self._source, self._made = source, list[Restoration]()

    def __iter__(self) -> Iterator[Restoration]:
        """What has been made, then what is still to be."""
        yield from self._made
        for each in self._source:
            self._made.append(each)
            yield each


def name_finished(
    gate: Gate, contest: Contest, images: Sequence[DatasetImage], reference: Sequence[Detections], rounding: Rounding
) -> tuple[Diagnosis, ...]:
    """The faults of a candidate with finished detections; empty where it detects what the reference does, or nothing can be named.

    ``reference`` are the detections of its own pipeline, one a image.
    """
    sides = contest.reference, contest.candidate
    if gate.checkpoint is None or not images or not all(isinstance(side, ModelDetector) for side in sides):
        return ()
    trial = Trial(gate, contest, images, reference, rounding)
    whole = trial.distance(trial.start, len(images))
    if not whole:
        return tuple(other_names(trial))
    found = search(trial)
    left = trial.distance(found.variant, len(images))
    explains, confirmed = max(0.0, 1 - left / whole), trial.agrees(found.variant)
    if not found.chosen or not (confirmed or explains >= PARTIAL):
        return ()
    return tuple(diagnosis(trial, named, explains, confirmed=confirmed) for each in found.chosen for named in each.named)


def search(trial: Trial) -> Undone:
    """Undo what helps most, and what then helps most, until nothing is left; what is cheap or likely comes first."""
    offered = Offered(chain(declared(trial), in_the_file(trial), misread(trial)))
    best = Undone(trial.start, trial.distance(trial.start, SEARCHED))
    while best.distance and len(best.chosen) < MOST_FAULTS:
        further = better(trial, best, offered)
        if further is None:
            break
        best = further
    return needed(trial, best)


def better(trial: Trial, best: Undone, offered: Iterable[Restoration]) -> Undone | None:
    """The restoration that leaves least behind those that were chosen; ``None`` where none takes enough away."""
    tried: list[Undone] = []
    for each in offered:
        if not any(each.touches & other.touches for other in best.chosen):
            tried.append(undone(trial, (*best.chosen, each)))
            if not tried[-1].distance:
                break
    least = min(tried, key=lambda each: each.distance, default=best)
    return least if least.distance <= (1 - LEAST_SHARE) * best.distance else None


def needed(trial: Trial, found: Undone) -> Undone:
    """The restorations without those that the later ones have made idle."""
    for each in found.chosen[:-1]:
        rest = undone(trial, tuple(other for other in found.chosen if other is not each))
        found = rest if rest.distance <= found.distance else found
    return found


def undone(trial: Trial, chosen: tuple[Restoration, ...]) -> Undone:
    """The candidate with some faults undone."""
    variant = trial.start
    for each in chosen:
        variant = each.undo(variant)
    return Undone(variant, trial.distance(variant, SEARCHED), chosen)


def in_the_file(trial: Trial) -> Iterator[Restoration]:
    """What a file has otherwise than a fresh export of the reference."""
    path = Path(trial.candidate.identity.path)
    if path.suffix.lower() == ONNX:
        from parity.diagnose.finished_graphs import graph_restorations  # noqa: PLC0415 - only an ONNX file needs onnx

        yield from graph_restorations(trial, path)


def other_names(trial: Trial) -> Iterator[Diagnosis]:
    """Class names in another order, where all detections agree by their index."""
    own, other = (side.pipeline.spec.names for side in (trial.reference_side, trial.candidate))
    if trial.contest.has_names and own != other and sorted(own) == sorted(other):
        yield diagnosis(trial, reordered(own, other), 1.0, confirmed=True)


def diagnosis(trial: Trial, named: Named, explains: float, *, confirmed: bool) -> Diagnosis:
    """One cause as the result has it."""
    known = fault(named.fault)
    images = f"{len(trial.images)} images"
    proof = f"Proof: with {named.said}, both give the same detections on {images}."
    part = f"With {named.said}, {floor(explains * 1000) / 10:g}% of the difference of the detections on {images} is gone."
    return Diagnosis(
        config=trial.contest.id,
        fault=named.fault,
        stage=known.stage.value,
        parameters=named.parameters,
        explains=explains,
        status="confirmed" if confirmed else "partial",
        method="restore",
        message=f"{known.cause} {proof if confirmed else part}{named.where}",
        fix=known.fix,
    )
