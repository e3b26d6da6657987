"""What the paired bootstrap says of two sides, and what it does not say of few images or objects."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from oracles.samples import dataset, found, random_boxes, same_classes, truth
from pydantic import TypeAdapter

from parity.datasets import Dataset
from parity.detections import Detections
from parity.limits import BOOTSTRAP
from parity.records import EVERY_THRESHOLD, CategoryRecords, Records, evaluate, record
from parity.resampling import Ranking, draw_weights, resampled_ap
from parity.statistics import (
    METRICS,
    PairedStatistics,
    compare_records,
    difference_at,
    estimate,
    units_of,
)

CATEGORIES = ((0, "box"), (1, "ring"))
QUICK = replace(BOOTSTRAP, resamples=300)


def some_data(images: int, *, seed: int = 0) -> Dataset:
    """Images with some boxes of each of two classes, small ones and larger ones."""
    rng = np.random.default_rng(seed)
    rows = [np.column_stack([random_boxes(rng, 4, side=90), rng.integers(0, 2, 4)]) for _ in range(images)]
    return dataset([truth(*map(tuple, row)) for row in rows], CATEGORIES)


def side(data: Dataset, *, blur: float, seed: int) -> list[Detections]:
    """All objects, moved by ``blur`` pixels, with chance scores."""
    rng = np.random.default_rng(seed)
    answers = []
    for each in data.truths or ():
        boxes = each.boxes + rng.normal(0, blur, each.boxes.shape)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        answers.append(Detections.best_first(boxes, rng.random(len(each)), each.category_ids))
    return answers


def compared(data: Dataset, reference: list[Detections], candidate: list[Detections], **options: object) -> PairedStatistics:
    """The statistics of two sides."""
    records = [record(data, each, same_classes(2)) for each in (reference, candidate)]
    return compare_records(*records, data.categories, **({"bootstrap": QUICK} | options))


def test_the_point_estimates_are_cocos() -> None:
    data = some_data(30)
    reference, candidate = side(data, blur=2, seed=1), side(data, blur=4, seed=2)
    found_out = compared(data, reference, candidate)
    first, second = (evaluate(data, each, same_classes(2)).metrics() for each in (reference, candidate))
    for name in METRICS:
        assert found_out.metrics[name].reference == pytest.approx(getattr(first, name), abs=1e-12)
        assert found_out.metrics[name].candidate == pytest.approx(getattr(second, name), abs=1e-12)


def test_equal_sides_differ_by_nothing_surely() -> None:
    data = some_data(25)
    answers = side(data, blur=3, seed=1)
    assert astuple(compared(data, answers, answers).metrics["AP"])[2:] == (0, (0, 0), 0)


def test_sides_that_rank_alike_are_resampled_as_if_they_did_not() -> None:
    data = some_data(8)
    (one, *_) = record(data, side(data, blur=3, seed=1), same_classes(2)).categories
    lots = next(draw_weights(np.arange(8), 200, seed=1))
    ap = resampled_ap(Ranking.of(one, 0), one.objects[0], lots)
    np.testing.assert_array_equal(difference_at(0, one, one, lots), ap - ap)


def test_one_other_hit_does_not_rank_alike() -> None:
    data = some_data(8)
    (one, *_) = record(data, side(data, blur=3, seed=1), same_classes(2)).categories
    kinds = np.concatenate([one.kinds, one.kinds[one.codes[:1]]])
    kinds[-1, 0, 0] ^= 1
    codes = np.array([len(one.kinds), *one.codes[1:]], np.uint16)
    assert Ranking.of(one, 0).equals(Ranking.of(one, 0))
    assert not Ranking.of(one, 0).equals(Ranking.of(replace(one, codes=codes, kinds=kinds), 0))


def ranked(*rows: tuple[int, bool]) -> CategoryRecords:
    """Detections, best first: the image of each, and whether it is a hit at all sizes and thresholds."""
    images, hits = np.array([image for image, _ in rows], np.int32), np.array([hit for _, hit in rows], np.uint8)
    kinds = np.zeros((2, 2, 4), np.uint16)
    kinds[1, 0] = EVERY_THRESHOLD
    scores, objects = np.linspace(0.9, 0.1, len(rows)), np.ones((4, 5), np.int32)
    return CategoryRecords(scores, images, np.zeros(len(rows), np.uint8), hits, kinds, objects)


def test_false_positives_rank_alike_in_any_order_between_two_hits_and_behind_the_last() -> None:
    one = ranked((0, True), (1, False), (2, False), (3, True), (4, False))
    other = ranked((0, True), (2, False), (1, False), (3, True), (1, False), (1, False))
    weights = next(draw_weights(np.arange(5), 300, seed=1))
    first, second = (resampled_ap(Ranking.of(each, 0), each.objects[0], weights) for each in (one, other))
    assert Ranking.of(one, 0).equals(Ranking.of(other, 0))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "other",
    [
        ranked((0, True), (1, False), (3, True), (2, False), (4, False)),
        ranked((0, True), (1, False), (1, False), (3, True), (4, False)),
        ranked((0, True), (1, False), (2, False), (2, False), (3, True), (4, False)),
    ],
    ids=["behind the next hit", "on another image", "one more"],
)
def test_they_do_not_otherwise(other: CategoryRecords) -> None:
    one = ranked((0, True), (1, False), (2, False), (3, True), (4, False))
    weights = next(draw_weights(np.arange(5), 300, seed=1))
    first, second = (resampled_ap(Ranking.of(each, 0), each.objects[0], weights) for each in (one, other))
    assert not Ranking.of(one, 0).equals(Ranking.of(other, 0))
    assert (first != second).any()


def test_a_worse_side_is_below_with_certainty() -> None:
    data = some_data(60)
    ap = compared(data, side(data, blur=1, seed=1), side(data, blur=5, seed=2)).metrics["AP"]
    assert ap.ci95 is not None
    assert ap.delta is not None
    assert ap.ci95[0] < ap.delta < ap.ci95[1] < -0.1


def test_pairing_is_worth_more_than_a_side_on_its_own() -> None:
    data = some_data(60)
    reference = side(data, blur=3, seed=1)
    nearly = [each.take(slice(0, 3)) if i % 10 == 0 else each for i, each in enumerate(reference)]
    paired = compared(data, reference, nearly).metrics["AP"]
    alone = compared(data, [Detections.none()] * 60, reference).metrics["AP"]
    assert paired.standard_error is not None
    assert alone.standard_error is not None
    assert paired.standard_error < alone.standard_error / 2


def test_the_same_seed_gives_the_same_interval_and_another_a_similar_one() -> None:
    data = some_data(25)
    sides = side(data, blur=2, seed=1), side(data, blur=4, seed=2)
    first, again = (compared(data, *sides) for _ in range(2))
    other = compared(data, *sides, bootstrap=replace(QUICK, seed=7)).metrics["AP"]
    assert first == again
    assert other.ci95 != first.metrics["AP"].ci95
    assert other.ci95 == pytest.approx(first.metrics["AP"].ci95, abs=0.03)


def test_groups_that_repeat_one_image_are_no_more_than_that_image() -> None:
    data = some_data(25)
    reference, candidate = side(data, blur=2, seed=1), side(data, blur=4, seed=2)
    copies = dataset([each for each in data.truths or () for _ in range(4)], CATEGORIES)
    repeated = [[each for each in answers for _ in range(4)] for answers in (reference, candidate)]
    single, alone = compared(data, reference, candidate), compared(copies, *repeated)
    grouped = compared(copies, *repeated, groups=[i // 4 for i in range(100)])
    assert (grouped.images, grouped.units) == (100, 25)
    assert grouped.metrics["AP"].standard_error == pytest.approx(single.metrics["AP"].standard_error, rel=0.02)
    assert alone.metrics["AP"].standard_error == pytest.approx(single.metrics["AP"].standard_error / 2, rel=0.2)


def test_groups_are_numbered_in_their_order() -> None:
    assert units_of(["b", "a", "b", "c"], 4).tolist() == [0, 1, 0, 2]
    assert units_of(None, 3).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="4 images but 2 groups"):
        units_of([1, 2], 4)


def test_every_class_and_size_that_has_objects_has_its_line() -> None:
    data = dataset([truth((0, 0, 10, 10, 0), (0, 0, 50, 50, 1)), *[truth((0, 0, 10, 10, 0))] * 29], CATEGORIES)
    answers = [found((0, 0, 10, 10, 0.9, 0))] * 30
    lines = {(line.name, line.size): line for line in compared(data, answers, answers).classes}
    assert set(lines) == {("box", "all"), ("box", "small"), ("ring", "all"), ("ring", "medium")}
    assert (lines["box", "small"].objects, lines["box", "small"].units) == (30, 30)
    assert (lines["ring", "all"].objects, lines["ring", "all"].units) == (1, 1)


def test_few_objects_get_a_difference_and_no_interval() -> None:
    data = dataset([truth((0, 0, 10, 10, 0), (20, 20, 40, 40, 1) if i < 9 else (20, 20, 30, 30, 0)) for i in range(30)], CATEGORIES)
    answers = side(data, blur=1, seed=1)
    box, _, ring, _ = compared(data, answers, [Detections.none()] * 30).classes
    assert (ring.name, ring.objects, ring.ap.ci95, ring.ap.standard_error) == ("ring", 9, None, None)
    assert ring.ap.delta is not None
    assert ring.ap.delta < 0
    assert box.ap.ci95 is not None


def test_few_images_get_differences_and_no_interval() -> None:
    data = some_data(19)
    found_out = compared(data, side(data, blur=1, seed=1), side(data, blur=5, seed=2))
    assert {each.ci95 for each in found_out.metrics.values()} == {None}
    assert {line.ap.ci95 for line in found_out.classes} == {None}
    assert found_out.metrics["AP"].delta is not None


def test_few_groups_are_as_little_as_few_images() -> None:
    data = some_data(40)
    grouped = compared(data, side(data, blur=1, seed=1), side(data, blur=5, seed=2), groups=[i // 4 for i in range(40)])
    assert grouped.metrics["AP"].ci95 is None


def test_what_no_object_defines_is_none() -> None:
    data = dataset([truth((0, 0, 10, 10, 0))] * 25, CATEGORIES)
    answers = side(data, blur=1, seed=1)
    assert astuple(compared(data, answers, answers).metrics["APl"]) == (None,) * 5
    nothing = dataset([truth()] * 25, CATEGORIES)
    empty = compared(nothing, [Detections.none()] * 25, [Detections.none()] * 25)
    assert {astuple(each) for each in empty.metrics.values()} == {(None,) * 5}
    assert empty.classes == ()


def test_resamples_without_an_object_do_not_count() -> None:
    spread = estimate(0.5, 0.4, np.array([np.nan, -0.2, -0.1, np.nan, 0.0]))
    assert spread.ci95 == pytest.approx((-0.195, -0.005))
    assert spread.standard_error == pytest.approx(0.1)


def test_sides_of_different_images_are_refused() -> None:
    data = some_data(25)
    whole = record(data, side(data, blur=1, seed=1), same_classes(2))
    with pytest.raises(ValueError, match="same images and categories"):
        compare_records(whole, Records(whole.category_ids, whole.categories, 24), data.categories, bootstrap=QUICK)


def test_statistics_travel_as_json_and_back() -> None:
    data = some_data(25)
    statistics = compared(data, side(data, blur=2, seed=1), side(data, blur=4, seed=2))
    adapter = TypeAdapter(PairedStatistics)
    assert adapter.validate_json(adapter.dump_json(statistics)) == statistics
