"""AP of a resample equals the AP of a data set in which the images are really repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import dataset, seeds
from oracles.test_coco_metrics import CATEGORIES, CLASSES, plain, random_sample, theirs

from parity.metrics import AREAS
from parity.records import EVERY_THRESHOLD, RECALL_THRESHOLDS, CategoryRecords, evaluation, record
from parity.resampling import EXACT, LATE, PARTS, Counts, Ranking, Sums, Weights, draw_weights, resampled_ap, runs


def ap_at(category: CategoryRecords, size: int, weights: Counts) -> Weights:
    """AP of a category at a place in AREAS."""
    return resampled_ap(Ranking.of(category, size), category.objects[size], weights)


def double_ap_at(category: CategoryRecords, size: int, weights: Counts) -> Weights:
    """The same in double precision."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parity.resampling.EXACT", 0)
        return ap_at(category, size, weights)


def repeated(seed: int, weights: np.ndarray) -> list[float | None]:
    """What pycocotools says of copies of the images under names of their own."""
    data, detections = random_sample(seed)
    numbers = np.repeat(np.arange(len(data)), weights.astype(int)).tolist()
    copies = dataset([(data.truths or ())[i] for i in numbers], CATEGORIES)
    return theirs(copies, [detections[i] for i in numbers], CLASSES)


def resampled(seed: int, weights: np.ndarray) -> list[float]:
    """AP, APs, APm and APl of everything by weights, (images,)."""
    data, detections = random_sample(seed)
    column = weights[:, None].astype(np.uint8)
    records = record(data, detections, CLASSES)
    ap = np.array([[double_ap_at(category, size, column)[:, 0] for size in range(len(AREAS))] for category in records.categories])
    defined = ~np.isnan(ap).all((0, 2))
    return [float(np.nanmean(ap[:, size])) if defined[size] else -1.0 for size in range(len(AREAS))]


@given(seeds)
def test_weights_of_one_give_the_numbers_themselves(seed: int) -> None:
    data, detections = random_sample(seed)
    records = record(data, detections, CLASSES)
    ones = np.ones((len(data), 1), np.uint8)
    ours = np.array([[double_ap_at(category, size, ones)[:, 0] for size in range(len(AREAS))] for category in records.categories])
    precision = evaluation(records).precision.mean(1)  # (10, categories, 4)
    np.testing.assert_allclose(np.nan_to_num(ours, nan=-1), precision.transpose(1, 2, 0), rtol=0, atol=1e-12)


@given(seeds)
def test_a_resample_equals_pycocotools_on_repeated_images(seed: int) -> None:
    images = len(random_sample(seed)[0])
    weights = np.random.default_rng(seed).integers(0, 4, images)
    weights[0] += 1  # at least one image
    expected = plain(repeated(seed, weights))
    np.testing.assert_allclose(resampled(seed, weights), [expected[0], *expected[3:6]], rtol=0, atol=1e-9)


def test_another_weight_is_seen_by_that_comparison() -> None:
    weights = np.ones(len(random_sample(5)[0]), int)
    expected = plain(repeated(5, weights))
    weights[0] = 3
    assert abs(resampled(5, weights)[0] - expected[0]) > 1e-3


@given(seeds)
def test_single_precision_is_enough(seed: int) -> None:
    data, detections = random_sample(seed)
    weights = next(draw_weights(np.arange(len(data)), 50, seed=seed))
    category = record(data, detections, CLASSES).categories[0]
    single, exact = ap_at(category, 0, weights), double_ap_at(category, 0, weights)
    assert (single.dtype, exact.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single, exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("objects", [7, 10, 20, 94, 100, 1000, 9999])
def test_recall_thresholds_are_reached_when_pycocotools_says_so(objects: int) -> None:
    hits = np.arange(1, objects + 1)
    none = np.zeros((1, objects), np.float32)
    sums = Sums(none, none, none[0], np.full(objects, objects, np.float32))
    expected = np.searchsorted(RECALL_THRESHOLDS, hits / objects, side="right")
    assert sums.recall_thresholds((hits * PARTS).astype(np.float32)[None])[0].tolist() == expected.tolist()


def test_the_thresholds_that_lie_late_are_those_known() -> None:
    assert np.flatnonzero(LATE).tolist() == [35, 41, 47, 57, 69, 70, 82, 83, 94, 95]


def test_each_resample_draws_as_many_as_there_are() -> None:
    (weights,) = draw_weights(np.arange(30), 500, seed=1)
    assert weights.shape == (30, 500)
    assert (weights.sum(0) == 30).all()
    assert weights.var() == pytest.approx(29 / 30, abs=0.05)  # multinomial: 1 - 1 / n


def test_images_of_one_unit_are_drawn_together() -> None:
    (weights,) = draw_weights(np.array([0, 1, 0, 2, 1]), 50, seed=1)
    np.testing.assert_array_equal(weights[[0, 1]], weights[[2, 4]])
    assert (weights[[0, 1, 3]].sum(0) == 3).all()
    assert weights.flags.c_contiguous


def test_the_seed_decides_and_the_lots_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = draw_weights(np.arange(30), 50, seed=1)
    (other,) = draw_weights(np.arange(30), 50, seed=2)
    monkeypatch.setattr("parity.resampling.LARGEST_DRAW", 30 * 7)
    lots = list(draw_weights(np.arange(30), 50, seed=1))
    assert len(lots) == 8
    np.testing.assert_array_equal(np.concatenate(lots, axis=1), first)
    assert (other != first).any()


def test_flags_with_a_gap_make_two_runs() -> None:
    assert runs(0b0000000000) == ()
    assert runs(0b1111111111) == (slice(0, 10),)
    assert runs(0b1000001101) == (slice(0, 1), slice(2, 4), slice(9, 10))


def test_resampled_ap_is_the_same_however_few_weights_are_summed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data, detections = random_sample(5)
    weights = next(draw_weights(np.arange(len(data)), 50, seed=1))
    category = record(data, detections, CLASSES).categories[0]
    whole = ap_at(category, 0, weights)
    monkeypatch.setattr("parity.resampling.LARGEST_SUM", 1)
    np.testing.assert_array_equal(ap_at(category, 0, weights), whole)
    assert whole.any()


@pytest.mark.parametrize(("objects", "held_in"), [(EXACT // PARTS // 200, np.float32), (EXACT // PARTS // 200 + 1, np.float64)])
def test_sums_are_held_in_what_holds_them_exactly(objects: int, held_in: type) -> None:
    ranking = Ranking(np.zeros(1, np.int32), np.full(1, EVERY_THRESHOLD), np.zeros(1, np.uint16))
    assert resampled_ap(ranking, np.full(1, objects, np.int32), np.full((1, 1), 200, np.uint8)).dtype == held_in
    assert held_in(objects * 200 * PARTS) - held_in(1) == objects * 200 * PARTS - 1
