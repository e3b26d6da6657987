"""What the statistics cost on 5,000 images, 80 classes and 36 detections an image: ``tox run -e bench``.

Not collected by name, since it takes minutes. Limits are for two cores; one is used.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from benchmarks.large_data import CLASSES, answers, large_dataset
from oracles.samples import same_classes

from parity.datasets import Dataset
from parity.detections import Detections
from parity.limits import BOOTSTRAP
from parity.records import Records, evaluation, record
from parity.resampling import Ranking, draw_weights, resampled_ap
from parity.statistics import compare_records

IMAGES = 5_000
Sides = tuple[Dataset, list[Detections], list[Detections]]
Pair = tuple[Dataset, Records, Records]


def sides(images: int) -> Sides:
    """A data set and what two models say of it."""
    data = large_dataset(images)
    return data, answers(data, blur=0.06, seed=1), answers(data, blur=0.07, seed=2)


def recorded(given: Sides) -> Pair:
    """Both sides matched with the truth."""
    data, *answered = given
    first, second = (record(data, each, same_classes(CLASSES)) for each in answered)
    return data, first, second


@pytest.fixture(scope="module")
def large() -> Sides:
    return sides(IMAGES)


@pytest.fixture(scope="module")
def pair(large: Sides) -> Pair:
    return recorded(large)


def once(benchmark: Any, work: Any, *given: Any) -> float:
    """Seconds of one run."""
    benchmark.pedantic(work, args=given, rounds=1, iterations=1)
    return float(benchmark.stats["mean"])


def all_sizes_together(first: Records, second: Records) -> list[np.ndarray]:
    """Both sides' resampled AP of every category, without that by size."""
    categories = [category for each in (first, second) for category in each.categories]
    drawn = draw_weights(np.arange(IMAGES), BOOTSTRAP.resamples, seed=BOOTSTRAP.seed)
    return [resampled_ap(Ranking.of(category, 0), category.objects[0], weights) for weights in drawn for category in categories]


def compared(data: Dataset, first: Records, second: Records) -> object:
    """Everything that the statistics say."""
    return compare_records(first, second, data.categories, bootstrap=BOOTSTRAP)


def test_both_sides_are_matched_within_10_seconds(benchmark: Any, large: Sides) -> None:
    assert once(benchmark, recorded, large) <= 10


def test_the_coco_numbers_of_a_side_take_3_seconds(benchmark: Any, pair: Pair) -> None:
    assert once(benchmark, evaluation, pair[1]) <= 3


def test_the_bootstrap_of_all_sizes_together_takes_15_seconds(benchmark: Any, pair: Pair) -> None:
    assert once(benchmark, all_sizes_together, *pair[1:]) <= 15


def test_the_bootstrap_of_every_size_takes_40_seconds(benchmark: Any, pair: Pair) -> None:
    assert once(benchmark, compared, *pair) <= 40


def test_128_images_take_less_than_2_seconds_matching_included(benchmark: Any) -> None:
    few = sides(128)
    assert once(benchmark, lambda: compared(*recorded(few))) <= 2


def test_the_bootstrap_needs_less_than_a_gigabyte(pair: Pair) -> None:
    tracemalloc.start()
    compared(*pair)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"\npeak memory of the bootstrap: {peak / 1e6:.0f} MB")  # noqa: T201 - what this is run for
    assert peak <= 1e9
