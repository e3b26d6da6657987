"""What surrounds COCO's numbers: classes by name, precision and recall, what is undefined. The numbers: ``tests/oracles``."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from oracles.samples import Row, dataset, found, same_classes, truth

from parity.datasets import Category
from parity.detections import Detections
from parity.errors import BadInput
from parity.metrics import METRIC_NAMES, defined_mean, map_classes, per_class, precision_recall
from parity.records import evaluate

CATEGORIES = ((0, "a"), (1, "b"), (2, "never there"))
HIT: Row = (0, 0, 10, 10, 0.9, 0)
FAR: Row = (500, 500, 510, 510, 0.8, 0)
CLASSES = same_classes(3)


def test_the_twelve_numbers_have_cocos_names() -> None:
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
    assert names == METRIC_NAMES


def test_classes_are_mapped_by_name() -> None:
    classes = map_classes(["dog", "cat", "emu"], [Category(7, "cat"), Category(3, "dog"), Category(9, "yak")], source="data")
    assert classes.category_of == {0: 3, 1: 7}
    assert classes.index_of == {3: 0, 7: 1}
    assert (classes.only_model, classes.only_dataset) == (("emu",), ("yak",))
    assert classes.categories(np.array([1, 0, 2, -1, 99])).tolist() == [7, 3, -1, -1, -1]
    assert classes.categories(np.array([], np.int64)).shape == (0,)


def test_no_class_in_common_is_refused() -> None:
    with pytest.raises(BadInput, match="shares no class with the model; found model: dog; data set: cat") as caught:
        map_classes(["dog"], [Category(1, "cat")], source="data.yaml")
    assert caught.value.exit_code == 10


def test_nan_boxes_are_counted_before_they_reach_coco() -> None:
    detections = Detections.best_first([[0, 0, 10, 10], [np.nan, 0, 1, 1]], [0.9, 0.95], [0, 0])
    evaluation = evaluate(dataset([truth((0, 0, 10, 10, 0))], CATEGORIES), [detections], CLASSES)
    assert detections.non_finite == 1
    assert pytest.approx(1) == evaluation.metrics().AP


def test_detections_of_classes_that_the_data_has_not_do_not_count() -> None:
    data = dataset([truth((0, 0, 10, 10, 0))], CATEGORIES)
    with_stranger, without = ([found(HIT, (*HIT[:4], 0.99, 77))], [found(HIT)])
    assert astuple(evaluate(data, with_stranger, CLASSES).metrics()) == astuple(evaluate(data, without, CLASSES).metrics())


def test_data_without_labels_is_refused() -> None:
    with pytest.raises(BadInput, match="has no labels"):
        evaluate(dataset(None, CATEGORIES, names=["a.jpg"]), [Detections.none()], CLASSES)


def test_the_mean_of_nothing_defined_is_none() -> None:
    assert defined_mean(np.array([-1.0, -1.0])) is None
    assert defined_mean(np.array([-1.0, 0.0, 0.5])) == 0.25


@pytest.mark.parametrize(
    ("deployed", "precision", "recall"),
    [
        ([HIT], 1.0, 0.5),
        ([HIT, FAR], 0.5, 0.5),
        ([HIT, (*HIT[:4], 0.8, 0)], 0.5, 0.5),
        ([(*HIT[:5], 1)], 0.0, 0.0),
        ([], None, 0.0),
        ([HIT, (100, 100, 110, 110, 0.5, 1)], 1.0, 1.0),
    ],
)
def test_precision_and_recall_count_each_object_once(deployed: list[Row], precision: float | None, recall: float) -> None:
    data = dataset([truth((0, 0, 10, 10, 0), (100, 100, 110, 110, 1))], CATEGORIES)
    assert precision_recall(data, [found(*deployed)], CLASSES) == (precision, recall)


@pytest.mark.parametrize(
    ("inside", "precision"),
    [
        ((10, 10, 30, 30, 0.9, 0), None),  # within the region of its class: ignored
        ((90, 10, 109, 30, 0.9, 0), None),  # over half of it
        ((90, 10, 120, 30, 0.9, 0), 0.0),  # less than half of it
        ((10, 10, 30, 30, 0.9, 1), 0.0),  # of another class
    ],
)
def test_a_detection_within_a_crowd_region_does_not_count(inside: Row, precision: float | None) -> None:
    data = dataset([truth((0, 0, 101, 101, 0), crowd=[0])], CATEGORIES)
    assert precision_recall(data, [found(inside)], CLASSES) == (precision, None)


def test_every_category_has_its_row() -> None:
    data = dataset([truth((0, 0, 10, 10, 0), (100, 100, 110, 110, 1)), truth((0, 0, 10, 10, 0))], CATEGORIES)
    deployed = [found(HIT), found(FAR)]
    first, second, third = per_class(data, evaluate(data, deployed, CLASSES), deployed, CLASSES)
    assert (first.name, first.objects, first.precision, first.recall) == ("a", 2, 0.5, 0.5)
    assert (second.AP, second.AP50, second.precision, second.recall) == (0, 0, None, 0)
    assert (third.objects, third.AP, third.precision, third.recall) == (0, None, None, None)
