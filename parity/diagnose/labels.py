"""Class faults, read off the map from the reference's class indices to the candidate's on detections of equal score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from parity.diagnose.evidence import Evidence
from parity.diagnose.fingerprint import tolerance
from parity.diagnose.suspects import Hypothesis, Suspect, relabelling

STEADY = 0.98  # of the detections of a class that must have one other class, so that a table can be read off
# category ids of COCO in the order of the 80 class indices
COCO_IDS = tuple(number for number in range(1, 91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83})


def label_suspect(evidence: Evidence, hypothesis: Hypothesis, indices: Sequence[int]) -> Suspect | None:
    """The table between both sides' classes as a fault, ``None`` where they agree or no table holds."""
    pairs = Counter(pair for index in indices for pair in pairs_of_labels(evidence, hypothesis, index))
    table: dict[int, int] = {}
    for label in {one for one, _ in pairs}:
        counts = Counter({other: count for (one, other), count in pairs.items() if one == label})
        (table[label], most), total = counts.most_common(1)[0], counts.total()
        if most < STEADY * total:
            return None
    if all(one == other for one, other in table.items()) or len(set(table.values())) < len(table):
        return None
    return named(table, len(hypothesis.spec.names), evidence.category_of)


def pairs_of_labels(evidence: Evidence, hypothesis: Hypothesis, index: int) -> list[tuple[int, int]]:
    """Classes of the one anchor and the one detection that have the same score."""
    raw, found = evidence.candidates(hypothesis, index), evidence.candidate[index]
    if not len(raw.scores) or not len(found):
        return []
    best = raw.scores.argmax(axis=1)
    rows = np.arange(len(best))
    near = np.abs(raw.scores[rows, best][:, None] - found.scores[None]) <= tolerance(evidence, found.scores)
    labels = raw.labels[rows, best]
    own = [np.unique(labels[near[:, column]]) for column in range(len(found))]
    return [(int(one[0]), int(other)) for one, other in zip(own, found.classes, strict=True) if len(one) == 1]


def named(table: Mapping[int, int], classes: int, category_of: Mapping[int, int]) -> Suspect:
    """A table as a shift, as a mix of COCO's 80 indices and 91 ids, or as another list of names."""
    seen = {label: written(other, category_of) for label, other in table.items()}
    own = {label: written(label, category_of) for label in range(classes)}
    shifts = {seen[label] - own[label] for label in seen}, {seen[label] - label for label in seen}
    rules: dict[float | str, dict[int, int]] = {
        **{shift: {label: category + shift for label, category in own.items()} for shift in shifts[0]},
        **{f"indices + {shift} for ids": {label: label + shift for label in own} for shift in shifts[1]},
        "COCO's 91 ids for indices": dict(enumerate(COCO_IDS[:classes])),
    }
    for offset, rule in rules.items():
        if all(rule.get(label) == category for label, category in seen.items()):
            index_of = {category: label for label, category in own.items()}
            full = tuple(index_of.get(rule.get(label, label), read_back(rule.get(label, label), category_of)) for label in own)
            return relabelling(full, "class_map_80_91_or_offset", offset=offset)
    return relabelling(tuple(table.get(label, label) for label in own), "class_names_order")


def written(label: int, category_of: Mapping[int, int]) -> int:
    """The category id that a class index stands for in the candidate's file; one that no class has is kept as -1 - id."""
    return category_of.get(label, -1 - label if label < 0 and category_of else label)


def read_back(category: int, category_of: Mapping[int, int]) -> int:
    """The class index of a category id that no class has."""
    return -1 - category if category_of else category
