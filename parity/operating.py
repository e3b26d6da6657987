"""Precision, recall and F1 at one confidence threshold, and the threshold where F1 is best, from records at IoU 0.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parity.hits import Reals
from parity.metrics import ALL_SIZES, IOU_50, ratio
from parity.records import THRESHOLD_BITS, Records
from parity.spec import STRICT


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
    """The scores of the detections that count, (n,), and those of the hits among them, both rising; and how many objects there are."""

    scores: Reals
    hits: Reals
    objects: int


def at_confidence(records: Records, confidence: float, *, category_id: int | None = None) -> OperatingPoint:
    """The operating point at a threshold, over all classes together or of one."""
    claims = claims_of(records, category_id)
    kept, hits = (len(each) - int(np.searchsorted(each, confidence, side="right")) for each in (claims.scores, claims.hits))
    return OperatingPoint.counted(confidence, hits=hits, claims=kept, objects=claims.objects)


def at_best_f1(records: Records, *, category_id: int | None = None) -> OperatingPoint | None:
    """The operating point with the largest F1, of equal ones the highest; ``None`` where nothing is found or nothing is there.

    Its threshold lies midway between the scores that it parts; the lower of those that pass is a hit's.
    """
    claims = claims_of(records, category_id)
    lowest = np.unique(claims.hits)[::-1]
    if not len(lowest):
        return None
    passed, hits = (np.searchsorted(each, lowest) for each in (claims.scores, claims.hits))  # equal scores pass together
    kept, right = len(claims.scores) - passed, len(claims.hits) - hits
    best = int(np.argmax(2 * right / (kept + claims.objects)))
    below = claims.scores[passed[best] - 1] if passed[best] else 0.0
    confidence = min((lowest[best] + below) / 2, np.nextafter(lowest[best], -np.inf))
    return OperatingPoint.counted(float(confidence), hits=int(right[best]), claims=int(kept[best]), objects=claims.objects)


def claims_of(records: Records, category_id: int | None) -> Claims:
    """The detections of one category or of all; those in crowd regions do not count."""
    pairs = zip(records.category_ids, records.categories, strict=True)
    chosen = [category for number, category in pairs if category_id in {None, number}]
    if not chosen:
        raise ValueError(f"no category {category_id} is on record")
    bit = THRESHOLD_BITS[IOU_50]
    scores = np.concatenate([category.scores[category.ignored(ALL_SIZES) & bit == 0] for category in chosen], dtype=np.float64)
    hits = np.concatenate([category.scores[category.hits(ALL_SIZES) & bit != 0] for category in chosen], dtype=np.float64)
    scores.sort()
    hits.sort()
    return Claims(scores, hits, sum(int(category.objects[ALL_SIZES].sum()) for category in chosen))
