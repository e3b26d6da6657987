"""The records give every number of pycocotools, and no record depends on anything but its own image."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import dataset, found, random_boxes, same_classes, seeds, truth
from oracles.test_coco_metrics import CATEGORIES, CLASSES, plain, random_sample, theirs

from parity.datasets import Dataset, Truth
from parity.detections import Detections
from parity.metrics import AREAS
from parity.records import EVERY_THRESHOLD, CategoryRecords, Kinds, Recorder, evaluation, flags_of, record

EXACTLY = {"rtol": 0, "atol": 1e-12}


def few_scores(sample: tuple[Dataset, list[Detections]]) -> tuple[Dataset, list[Detections]]:
    """The same with scores of one decimal, so that many are equal."""
    data, detections = sample
    return data, [Detections.best_first(each.boxes, each.scores.round(1), each.classes) for each in detections]


def crowded(seed: int) -> tuple[Dataset, list[Detections]]:
    """An image with more than a hundred detections of each class, and an empty one."""
    rng = np.random.default_rng(seed)
    real = Truth(random_boxes(rng, 150, side=900), rng.choice([3, 7], 150), rng.uniform(50, 20_000, 150), rng.random(150) < 0.1)
    boxes = np.concatenate([real.boxes, real.boxes + rng.normal(0, 4, (150, 4)), random_boxes(rng, 100, side=900)])
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    data = dataset([real, truth()], CATEGORIES)
    return data, [Detections.best_first(boxes, rng.random(400).round(2), rng.choice([1, 2], 400)), Detections.none()]


def assert_pycocotools_agrees(data: Dataset, detections: list[Detections]) -> None:
    """The twelve numbers of everything, and AP, AP50, AP75 and AP by size of every category."""
    ours = evaluation(record(data, detections, CLASSES))
    np.testing.assert_allclose(plain(astuple(ours.metrics())), plain(theirs(data, detections, CLASSES)), **EXACTLY)
    by_class = [plain(class_numbers(ours.precision[:, :, k])) for k in range(len(CATEGORIES))]
    expected = [plain(theirs(data, detections, CLASSES, category=category)[:6]) for category, _ in CATEGORIES]
    np.testing.assert_allclose(by_class, expected, **EXACTLY)


def class_numbers(precision: np.ndarray) -> list[float | None]:
    """AP, AP50, AP75, APs, APm, APl of one category from its precision (10, 101, 4)."""
    means = precision.mean(1)
    numbers = [means[:, 0].mean(), means[0, 0], means[5, 0], *means[:, 1:].mean(0)]
    return [None if number < 0 else float(number) for number in numbers]


@given(seeds)
def test_all_numbers_equal_pycocotools(seed: int) -> None:
    assert_pycocotools_agrees(*random_sample(seed))


@given(seeds)
def test_they_do_with_many_equal_scores(seed: int) -> None:
    assert_pycocotools_agrees(*few_scores(random_sample(seed)))


@given(seeds)
def test_they_do_with_more_than_a_hundred_detections(seed: int) -> None:
    assert_pycocotools_agrees(*crowded(seed))


@pytest.mark.parametrize(("field", "value"), [("hits", False), ("hits", True), ("ignored", True)])
def test_one_flag_that_is_wrong_is_seen_by_that_comparison(field: str, value: bool) -> None:  # noqa: FBT001 - a value of the table
    data, detections = random_sample(5)
    records = record(data, detections, CLASSES)
    category = records.categories[0]
    kinds = np.array(category.kinds)
    kinds[:, ["hits", "ignored"].index(field), 0] = value * EVERY_THRESHOLD
    changed = type(records)(records.category_ids, (replace(category, kinds=kinds), *records.categories[1:]), records.images)
    ours = plain(astuple(evaluation(changed).metrics()))
    assert not np.allclose(ours, plain(theirs(data, detections, CLASSES)), **EXACTLY)


def test_a_record_names_its_image_its_score_and_what_was_to_be_found() -> None:
    data = dataset([truth((0, 0, 10, 10, 0)), truth(), truth((0, 0, 50, 50, 0), (60, 60, 70, 70, 0))], ((0, "a"),))
    detections = [found((0, 0, 10, 10, 0.5, 0)), found((0, 0, 9, 9, 0.7, 0)), found((0, 0, 50, 40, 0.6, 0), (60, 60, 70, 70, 0.4, 0))]
    (category,) = record(data, detections, same_classes(1)).categories
    assert category.scores.tolist() == [0.7, 0.6, 0.5, 0.4]
    assert category.images.tolist() == [1, 2, 0, 2]
    assert category.ranks.tolist() == [0, 0, 0, 1]
    assert flags_of(category.hits(0))[0].tolist() == [False, True, True, True]
    assert flags_of(category.hits(0)).sum(0).tolist() == [0, 7, 10, 10]  # an overlap of 0.8 passes 0.50 to 0.80
    assert category.objects.tolist() == [[1, 0, 2], [1, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert flags_of(category.ignored(AREAS.index("small")))[0].tolist() == [False, True, False, False]


@given(seeds)
def test_the_order_of_images_changes_no_number_where_scores_differ(seed: int) -> None:
    data, detections = random_sample(seed)
    backwards = dataset((data.truths or ())[::-1], CATEGORIES)
    first, second = (evaluation(record(*pair, CLASSES)).metrics() for pair in ((data, detections), (backwards, detections[::-1])))
    np.testing.assert_allclose(plain(astuple(first)), plain(astuple(second)), **EXACTLY)


def test_a_data_set_without_objects_or_without_detections_has_its_records() -> None:
    empty = record(dataset([truth(), truth()], CATEGORIES), [Detections.none(), Detections.none()], CLASSES)
    assert astuple(evaluation(empty).metrics()) == (None,) * 12
    nothing_found = record(dataset([truth((0, 0, 10, 10, 3))], CATEGORIES), [Detections.none()], CLASSES)
    assert evaluation(nothing_found).metrics().AP == 0


def test_records_that_do_not_fit_are_refused() -> None:
    kinds, numbers, objects = np.zeros((1, 2, 4), np.uint16), np.zeros(2, np.uint8), np.zeros((4, 3), np.int32)
    falling, rising = np.array([0.5, 0.4]), np.array([0.4, 0.5])
    with pytest.raises(ValueError, match="shapes do not fit"):
        CategoryRecords(falling, numbers, numbers, numbers, kinds[..., :3], objects)
    for scores, codes in ((rising, numbers), (falling, numbers[:1])):
        with pytest.raises(ValueError, match="scores must fall"):
            CategoryRecords(scores, numbers, numbers, codes, kinds, objects)


@given(seeds)
def test_records_are_the_same_however_few_are_matched_or_summed_at_once(seed: int) -> None:
    data, detections = random_sample(seed)
    whole = record(data, detections, CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("records.LARGEST_LOT", "records.LARGEST_CURVE", "hits.LARGEST_BATCH"):
            patch.setattr(f"parity.{name}", 1)
        parts = record(data, detections, CLASSES)
        numbers = evaluation(parts)
    for one, other in zip(whole.categories, parts.categories, strict=True):
        for name in ("scores", "images", "ranks", "objects"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for size in range(len(AREAS)):
            np.testing.assert_array_equal(one.hits(size), other.hits(size))
            np.testing.assert_array_equal(one.ignored(size), other.ignored(size))
    np.testing.assert_array_equal(numbers.precision, evaluation(whole).precision)
    np.testing.assert_array_equal(numbers.recall, evaluation(whole).recall)


def test_an_image_that_was_not_added_is_missed() -> None:
    recorder = Recorder.of(dataset([truth(), truth()], CATEGORIES), CLASSES)
    recorder.add(Detections.none())
    with pytest.raises(ValueError, match="1 images were added of 2"):
        recorder.records()


def test_a_detection_takes_few_bytes() -> None:
    data, detections = random_sample(5)
    singles = [Detections(each.boxes, each.scores.astype(np.float32).astype(float), each.classes) for each in detections]
    for said, width in ((singles, 4), (detections, 8)):  # what a network says is in single precision; a file may say more
        for category in record(data, said, CLASSES).categories:
            rows = (category.scores, category.images, category.ranks, category.codes)
            assert [each.itemsize for each in rows] == [width, 1, 1, 1]


def test_more_kinds_than_a_byte_numbers_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    hits, ignored = (rng.integers(0, EVERY_THRESHOLD, (4, 700)).astype(np.uint16) for _ in range(2))
    kinds = Kinds()
    codes = np.concatenate([kinds.codes(hits[:, part], ignored[:, part]) for part in (slice(0, 400), slice(200, 700))])
    again = np.r_[0:400, 200:700]
    np.testing.assert_array_equal(kinds.table()[codes], np.stack([hits, ignored]).transpose(2, 0, 1)[again])
    assert len(kinds.table()) == 700
