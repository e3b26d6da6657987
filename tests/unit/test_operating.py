"""Precision, recall and F1 at a threshold, and the threshold where F1 is best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import Row, dataset, found, same_classes, seeds, truth
from oracles.test_coco_metrics import CLASSES, random_sample

from parity.metrics import precision_recall
from parity.operating import OperatingPoint, at_best_f1, at_confidence, claims_of
from parity.records import record

CATEGORIES = ((0, "a"), (1, "b"), (2, "never there"))
HIT: Row = (0, 0, 10, 10, 0.9, 0)
FAR: Row = (500, 500, 510, 510, 0.8, 0)
OTHER: Row = (100, 100, 110, 110, 0.5, 1)
DATA = dataset([truth((0, 0, 10, 10, 0), (100, 100, 110, 110, 1))], CATEGORIES)


def recorded(*rows: Row) -> object:
    """The records of one image."""
    return record(DATA, [found(*rows)], same_classes(3))


@pytest.mark.parametrize("rows", [[HIT], [HIT, FAR], [HIT, (*HIT[:4], 0.8, 0)], [(*HIT[:5], 1)], [], [HIT, OTHER]])
def test_precision_and_recall_are_those_of_the_deployed_detections(rows: list[Row]) -> None:
    point = at_confidence(recorded(*rows), 0.25)
    assert (point.precision, point.recall) == precision_recall(DATA, [found(*rows)], same_classes(3))


def test_a_detection_within_a_crowd_region_does_not_count() -> None:
    data = dataset([truth((0, 0, 101, 101, 0), (200, 200, 210, 210, 0), crowd=[0])], CATEGORIES)
    records = record(data, [found((10, 10, 30, 30, 0.9, 0), (200, 200, 210, 210, 0.8, 0))], same_classes(3))
    assert at_confidence(records, 0.25) == OperatingPoint(0.25, 1.0, 1.0, 1.0)


def test_only_scores_above_the_threshold_count() -> None:
    records = recorded(HIT, FAR, OTHER)
    assert at_confidence(records, 0.5) == OperatingPoint(0.5, 0.5, 0.5, 0.5)
    assert at_confidence(records, 0.49) == OperatingPoint(0.49, 2 / 3, 1.0, 0.8)
    assert at_confidence(records, 0.9) == OperatingPoint(0.9, None, 0.0, 0.0)


def test_scores_in_single_precision_are_calculated_with_as_the_numbers_they_are() -> None:
    hit, beside = float(np.float32(0.3)), float(np.float32(0.2))
    records = recorded((*HIT[:4], hit, 0), (*FAR[:4], beside, 0))
    assert hit > 0.3
    assert at_confidence(records, 0.3).precision == 1.0
    best = at_best_f1(records)
    assert best is not None
    assert best.confidence == (hit + beside) / 2


def test_a_class_has_its_own_point() -> None:
    records = recorded(HIT, FAR, OTHER)
    assert at_confidence(records, 0.25, category_id=0) == OperatingPoint(0.25, 0.5, 1.0, 2 / 3)
    assert at_confidence(records, 0.25, category_id=2) == OperatingPoint(0.25, None, None, None)
    with pytest.raises(ValueError, match="no category 7"):
        at_confidence(records, 0.25, category_id=7)


def test_the_best_threshold_parts_the_last_hit_that_pays_from_what_follows() -> None:
    assert at_best_f1(recorded(HIT, (*OTHER[:4], 0.6, 1), (*FAR[:4], 0.4, 0))) == OperatingPoint(0.5, 1.0, 1.0, 1.0)
    assert at_best_f1(recorded(HIT)) == OperatingPoint(0.45, 1.0, 0.5, 2 / 3)


def test_nothing_right_has_no_best_threshold() -> None:
    assert at_best_f1(recorded(FAR)) is None
    assert at_best_f1(recorded()) is None
    assert at_best_f1(recorded(HIT), category_id=2) is None


@given(seeds)
def test_no_threshold_is_better_than_the_best(seed: int) -> None:
    data, detections = random_sample(seed)
    records = record(data, detections, CLASSES)
    best = at_best_f1(records)
    tried = [at_confidence(records, float(score)).f1 or 0.0 for score in [-1.0, *claims_of(records, None).scores]]
    assert (best.f1 if best else 0.0) == pytest.approx(max(tried))
    assert best is None or at_confidence(records, best.confidence) == best


def test_equal_scores_pass_together() -> None:
    rows = [HIT, (*FAR[:4], 0.9, 0), (*OTHER[:4], 0.9, 1)]
    best = at_best_f1(recorded(*rows))
    assert best is not None
    assert (best.precision, best.recall) == (2 / 3, 1.0)
    assert np.isclose(best.confidence, 0.45)
