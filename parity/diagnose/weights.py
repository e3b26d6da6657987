"""The weights of a candidate against the reference checkpoint's: another state, another training, or a few wrong layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

import numpy as np

Layers = Mapping[str, tuple[np.ndarray, np.ndarray]]  # place: the reference's and the candidate's numbers, flat
MOST_LAYERS = 0.5  # of all layers: with more the whole network is another
RELATED = 0.5  # cosine: two states of one training have 0.9 and more, two trainings about 0
CHANGED = 1e-4  # of a layer's norm
SCALED = 1e-4


class Kind(StrEnum):
    """How weights differ."""

    EQUAL = "equal"
    ANOTHER_STATE = "another state"
    ANOTHER_TRAINING = "another training"
    SCALED = "scaled"
    FEW = "few"


STATE_FAULTS = {
    Kind.ANOTHER_STATE: ("stale_artifact", "ema_vs_raw_weights"),
    Kind.ANOTHER_TRAINING: ("wrong_checkpoint",),
    Kind.SCALED: ("reparam_or_fuse_wrong",),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """What the comparison of all layers says; ``changed`` are the places, ``cosine`` the median likeness of these."""

    kind: Kind
    changed: tuple[str, ...]
    layers: int
    cosine: float
    factor: float = 1.0

    @property
    def said(self) -> str:
        """The comparison in words."""
        where = f"{len(self.changed)} of {self.layers} layers differ (median cosine {self.cosine:.4f})"
        few = f": {', '.join(self.changed[:3])}" if self.kind in {Kind.SCALED, Kind.FEW} else ""
        return f"{where}{few}" + (f", by a factor of {self.factor:.4g}" if self.kind is Kind.SCALED else "")


def compare_weights(layers: Layers) -> Weights:
    """How the candidate's layers differ from the reference's."""
    changed = {place: pair for place, pair in layers.items() if relative(*pair) > CHANGED}
    if not changed:
        return Weights(Kind.EQUAL, (), len(layers), 1.0)
    cosine = float(np.median([likeness(*pair) for pair in changed.values()]))
    if len(changed) > MOST_LAYERS * len(layers):
        kind = Kind.ANOTHER_STATE if cosine >= RELATED else Kind.ANOTHER_TRAINING
        return Weights(kind, tuple(changed), len(layers), cosine)
    factors = [float(np.linalg.norm(other) / max(float(np.linalg.norm(own)), 1e-30)) for own, other in changed.values()]
    scaled = all(likeness(*pair) > 1 - SCALED for pair in changed.values())
    kind = Kind.SCALED if scaled and one_module(tuple(changed)) else Kind.FEW
    return Weights(kind, tuple(changed), len(layers), cosine, float(np.median(factors)))


def relative(own: np.ndarray, other: np.ndarray) -> float:
    """The norm of the difference as a share of the reference's."""
    return float(np.linalg.norm(own - other)) / max(float(np.linalg.norm(own)), 1e-30)


def likeness(own: np.ndarray, other: np.ndarray) -> float:
    """The cosine of two layers."""
    norm = float(np.linalg.norm(own)) * float(np.linalg.norm(other))
    return float(own @ other) / norm if norm else 0.0


def one_module(places: Sequence[str]) -> bool:
    """Whether all places lie in one of the network's modules, such as ``/model.22`` or ``model.22``."""
    parts = [place.strip("/").replace("/", ".").split(".")[:2] for place in places]
    return len(list(takewhile(lambda part: part == parts[0], parts))) == len(parts)
