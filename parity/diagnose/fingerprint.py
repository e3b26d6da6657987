"""Scores as a fingerprint of everything before NMS: they need no boxes and no thresholds, so faults there cannot hide one here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parity.decode import Candidates
from parity.detections import Detections
from parity.diagnose.evidence import Evidence
from parity.spec import PipelineSpec

SAME_SCORE = 1e-4  # between runtimes of one network
FOUND = 0.999  # of the candidate's scores: a fault that shows on one image of many leaves 0.97 of them as they were


def fingerprint(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> float:
    """The share of the candidate's detections whose score some raw anchor of the same class has."""
    known = total = 0
    for index in indices:
        found = evidence.candidate[index]
        known += int((nearest_scores(found, evidence.candidates(spec, index)) <= tolerance(evidence)).sum())
        total += len(found)
    return known / total if total else 0.0


def tolerance(evidence: Evidence) -> float:
    """How far two equal scores may be apart: the runtimes' noise and the rounding of the candidate's file."""
    return SAME_SCORE + evidence.rounding.score / 2


def nearest_scores(found: Detections, raw: Candidates) -> NDArray[np.float64]:
    """How far the score of every detection (n,) is from the nearest one of its class among the anchors."""
    apart = np.full(len(found), np.inf)
    for label in np.unique(found.classes):
        column = np.sort(raw.scores[raw.labels == label].astype(np.float64))
        rows = found.classes == label
        if len(column):
            apart[rows] = distance_to_sorted(found.scores[rows], column)
    return apart


def distance_to_sorted(values: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far every value (n,) is from the nearest of a rising column (m,)."""
    after = np.clip(np.searchsorted(column, values), 1, max(len(column) - 1, 1))
    right = column[np.minimum(after, len(column) - 1)]
    return np.asarray(np.minimum(np.abs(values - column[after - 1]), np.abs(values - right)))


def score_distance(evidence: Evidence, spec: PipelineSpec, indices: Sequence[int]) -> float:
    """How far the sorted scores of every class are from the candidate's, as a share of all: falls as a hypothesis comes nearer."""
    apart = total = 0.0
    for index in indices:
        simulated, found = evidence.simulate(spec, index), evidence.candidate[index]
        for label in np.union1d(simulated.classes, found.classes):
            one, other = (each.scores[each.classes == label] for each in (simulated, found))
            length = max(len(one), len(other))
            apart += float(np.abs(padded(one, length) - padded(other, length)).sum())
            total += float(one.sum() + other.sum())
    return apart / total if total else 1.0


def padded(scores: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Scores (n,) followed by zeros (length,)."""
    return np.concatenate([scores, np.zeros(length - len(scores))])
