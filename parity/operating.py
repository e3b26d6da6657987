"""Precision, recall and F1 at one confidence threshold, and the threshold where F1 is best, from records at IoU 0.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.metrics import AREAS, IOU_50, ratio
from parity.records import Flags, Reals, Records
from parity.spec import STRICT

ALL_SIZES = AREAS.index("all")


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What is right of the detections with a score above ``confidence``: of all classes together, or of one."""

    confidence: float
    precision: float | None
    recall: float | None
    f1: float | None
    __pydantic_config__ = STRICT

    @classmethod
    def counted(cls, confidence: float, *, hits: int, claims: int, objects: int) -> OperatingPoint:
        """From true positives, detections that count and objects; what has nothing to be a share of is ``None``."""
        return cls(confidence, ratio(hits, claims), ratio(hits, objects), ratio(2 * hits, claims + objects))


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """The detections that count, best score first, which of them are hits, (n,) each, and how many objects there are."""

    scores: Reals
    hits: Flags
    objects: int


def at_confidence(records: Records, confidence: float, *, category_id: int | None = None) -> OperatingPoint:
    """The operating point at a threshold, over all classes together or of one."""
    claims = claims_of(records, category_id)
    kept = int((claims.scores > confidence).sum())
    return OperatingPoint.counted(confidence, hits=int(claims.hits[:kept].sum()), claims=kept, objects=claims.objects)


def at_best_f1(records: Records, *, category_id: int | None = None) -> OperatingPoint | None:
    """The operating point with the largest F1, of equal ones the highest; ``None`` where nothing is found or nothing is there.

    Its threshold lies midway between the scores that it parts.
    """
    claims = claims_of(records, category_id)
    kept = np.flatnonzero(np.diff(claims.scores, append=-np.inf)) + 1  # equal scores pass together
    hits = np.cumsum(claims.hits)[kept - 1]
    if not hits.any():
        return None
    best = int(np.argmax(2 * hits / (kept + claims.objects)))
    lowest, below = claims.scores[kept[best] - 1], np.append(claims.scores, 0.0)[kept[best]]
    confidence = min((lowest + below) / 2, np.nextafter(lowest, -np.inf))
    return OperatingPoint.counted(float(confidence), hits=int(hits[best]), claims=int(kept[best]), objects=claims.objects)


def claims_of(records: Records, category_id: int | None) -> Claims:
    """The detections of one category or of all; those in crowd regions do not count."""
    pairs = zip(records.category_ids, records.categories, strict=True)
    chosen = [category for number, category in pairs if category_id in {None, number}]
    if not chosen:
        raise ValueError(f"no category {category_id} is on record")
    counted = [~category.ignored[ALL_SIZES, IOU_50] for category in chosen]
    scores = np.concatenate([category.scores[which] for category, which in zip(chosen, counted, strict=True)])
    hits = np.concatenate([category.hits[ALL_SIZES, IOU_50, which] for category, which in zip(chosen, counted, strict=True)])
    order = np.argsort(-scores, kind="stable")
    return Claims(scores[order], hits[order], sum(int(category.objects[ALL_SIZES].sum()) for category in chosen))
