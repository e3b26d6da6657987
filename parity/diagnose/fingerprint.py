"""Scores as a fingerprint of everything before NMS: they need no boxes and no thresholds, so faults there cannot hide one here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently
from parity.decode import Candidates
from parity.detections import Detections
from parity.diagnose.evidence import Evidence
from parity.diagnose.suspects import Hypothesis
from parity.diagnose.tampering import tampered_labels

SAME_SCORE = 1e-4  # between runtimes of one network, of scores up to 1
SAME_SHARE = 1e-5  # of a larger one
FOUND = 0.999  # of the candidate's scores: a fault that shows on one image of many leaves 0.97 of them as they were


def fingerprint(evidence: Evidence, hypothesis: Hypothesis, indices: Sequence[int], *, labels: bool = True) -> float:
    """The share of the candidate's detections whose score some raw anchor has, of the same class if ``labels`` count."""
    known = total = 0
    for index in indices:
        found = evidence.candidate[index]
        raw = evidence.candidates(hypothesis, index)
        raw = replace(raw, labels=tampered_labels(raw.labels, hypothesis.tampering))
        known += int((nearest_scores(found, raw, labels=labels) <= tolerance(evidence, found.scores)).sum())
        total += len(found)
    return known / total if total else 0.0


def tolerance(evidence: Evidence, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far two equal scores may be apart: the runtimes' noise and the rounding of the candidate's file."""
    return SAME_SCORE + evidence.rounding.score / 2 + SAME_SHARE * np.abs(scores)


def nearest_scores(found: Detections, raw: Candidates, *, labels: bool = True) -> NDArray[np.float64]:
    """How far the score of every detection (n,) is from the nearest one among the anchors, of its class if ``labels`` count."""
    if not labels:
        return distance_to_sorted(found.scores, np.sort(raw.scores.max(axis=1, initial=-np.inf).astype(np.float64)))
    apart = np.full(len(found), np.inf)
    for label in np.unique(found.classes):
        rows = found.classes == label
        apart[rows] = distance_to_sorted(found.scores[rows], np.sort(raw.scores[raw.labels == label].astype(np.float64)))
    return apart


def distance_to_sorted(values: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far every value (n,) is from the nearest of a rising column (m,); infinitely far from none."""
    if not len(column):
        return np.full(len(values), np.inf)
    after = np.clip(np.searchsorted(column, values), 1, max(len(column) - 1, 1))
    right = column[np.minimum(after, len(column) - 1)]
    return np.asarray(np.minimum(np.abs(values - column[after - 1]), np.abs(values - right)))


@silently
def score_distance(evidence: Evidence, hypothesis: Hypothesis, indices: Sequence[int], *, labels: bool = True) -> float:
    """How far the sorted scores of every class are from the candidate's, as a share of all: falls as a hypothesis comes nearer."""
    apart = total = 0.0
    for index in indices:
        one, other = evidence.simulate(hypothesis, index), evidence.candidate[index]
        apart += sum(apart_when_sorted(*pair) for pair in by_label(one, other, labels=labels))
        total += float(np.abs(one.scores).sum() + np.abs(other.scores).sum())
    return apart / total if total else 1.0


def by_label(one: Detections, other: Detections, *, labels: bool) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The falling scores of both sides class by class, or of all classes together."""
    if not labels:
        return [(one.scores, other.scores)]
    every = np.union1d(one.classes, other.classes)
    return [(one.scores[one.classes == label], other.scores[other.classes == label]) for label in every]


def apart_when_sorted(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The sum of differences of two falling rows of scores, the shorter one filled up with zeros."""
    length = max(len(one), len(other))
    return float(np.abs(np.pad(one, (0, length - len(one))) - np.pad(other, (0, length - len(other)))).sum())
