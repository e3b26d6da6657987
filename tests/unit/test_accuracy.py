"""Two sides on labelled data: what ships, where it would be best, and how sure their difference in F1 is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import Row, dataset, found, same_classes, seeds, truth
from oracles.test_coco_metrics import CLASSES, random_sample

from parity.accuracy import F1, Accuracy, Recorded, compare_accuracy, counts_by_image, f1
from parity.detections import Detections
from parity.limits import BOOTSTRAP
from parity.metrics import precision_recall
from parity.operating import at_best_f1
from parity.records import evaluation, record

CATEGORIES = ((0, "a"), (1, "b"))
RIGHT: Row = (0, 0, 10, 10, 0.9, 0)
WRONG: Row = (500, 500, 510, 510, 0.8, 0)
LOW: Row = (500, 500, 510, 510, 0.1, 0)
DATA = dataset([truth((0, 0, 10, 10, 0))] * 40, CATEGORIES)


def side(*rows: Row, low: tuple[Row, ...] = (), confidence: float = 0.25) -> Recorded:
    """A side that detects the same on all images; what is ``low`` enters AP alone."""
    deployed = [found(*rows)] * len(DATA)
    evaluated = record(DATA, [found(*rows, *low)] * len(DATA), same_classes(2))
    return Recorded(evaluated, record(DATA, deployed, same_classes(2)), confidence, evaluation(evaluated))


def compared(reference: Recorded, candidate: Recorded, **others: object) -> Accuracy:
    """Both sides."""
    return compare_accuracy(reference, candidate, DATA.categories, bootstrap=BOOTSTRAP, **others)


def test_what_ships_is_counted_at_the_deployed_threshold() -> None:
    accuracy = compared(side(RIGHT), side(RIGHT, WRONG))
    assert accuracy.reference.deployed == accuracy.reference.best
    assert (accuracy.candidate.deployed.precision, accuracy.candidate.deployed.recall) == (0.5, 1.0)
    assert accuracy.candidate.best.confidence == pytest.approx(0.85)
    assert accuracy.statistics.metrics[F1].delta == pytest.approx(2 / 3 - 1)
    assert accuracy.statistics.metrics[F1].ci95 == pytest.approx((2 / 3 - 1, 2 / 3 - 1))


def test_a_deployed_threshold_that_does_best_is_the_best() -> None:
    points = compared(side(RIGHT, low=(LOW,)), side(RIGHT)).reference
    assert points.best == points.deployed


def test_a_side_without_detections_has_recall_and_no_precision() -> None:
    accuracy = compared(side(RIGHT), side())
    assert (accuracy.candidate.deployed.precision, accuracy.candidate.deployed.recall, accuracy.candidate.best) == (None, 0.0, None)
    assert accuracy.statistics.metrics[F1].delta == -1.0


def test_too_few_images_give_f1_without_an_interval() -> None:
    accuracy = compared(side(RIGHT), side(RIGHT, WRONG), groups=[0, 1] * 20)
    assert (accuracy.statistics.metrics[F1].ci95, accuracy.statistics.units) == (None, 2)


def test_the_interval_of_f1_is_that_of_drawing_images_one_by_one() -> None:
    rows = [(RIGHT,) if number % 4 else (RIGHT, WRONG) for number in range(40)]
    shown = record(DATA, [found(*each) for each in rows], same_classes(2))
    accuracy = compared(side(RIGHT), replace(side(RIGHT), deployed=shown))
    drawn = np.random.default_rng(1).integers(0, 40, (4000, 40))
    false = (drawn % 4 == 0).sum(1)
    expected = np.quantile(80 / (80 + false) - 1, [0.025, 0.975])
    assert accuracy.statistics.metrics[F1].ci95 == pytest.approx(expected, abs=0.01)


@given(seeds)
def test_counts_are_those_of_precision_and_recall(seed: int) -> None:
    data, detections = random_sample(np.random.default_rng(seed))
    hits, claims, objects = counts_by_image(record(data, detections, CLASSES)).sum(0)
    precision, recall = precision_recall(data, detections, CLASSES)
    assert hits <= min(claims, objects)
    assert (claims == 0, objects == 0) == (precision is None, recall is None)
    assert recall is None or hits / objects == pytest.approx(recall, abs=2 / objects)  # theirs is the optimum, COCO's is greedy


def test_f1_of_nothing_is_undefined() -> None:
    assert np.isnan(f1(np.zeros((1, 3)))).all()
    assert at_best_f1(record(DATA, [Detections.none()] * 40, same_classes(2))) is None
