"""Faults between images are read off which images have whose detections."""

from __future__ import annotations

import numpy as np
import pytest

from parity.detections import Detections
from parity.diagnose.order import batch_order, image_order


def photographs(count: int, seed: int = 0) -> list[Detections]:
    """Detections of so many images, no two alike; the sixth has none."""
    random = np.random.default_rng(seed)
    images = [
        Detections.best_first(random.uniform(0, 90, (n, 4)), random.uniform(0.3, 1, n), random.integers(0, 3, n))
        for n in range(3, 3 + count)
    ]
    images[5] = Detections.none()
    return images


def kept(images: list[Detections], size: int, after: int) -> list[Detections]:
    """Only the first ``after`` of every batch have detections."""
    return [found if index % size < after else Detections.none() for index, found in enumerate(images)]


@pytest.mark.parametrize(("size", "after", "fault"), [(4, 1, "batch_gt1_broken"), (2, 1, "batch_gt1_broken"), (6, 4, "nms_time_limit")])
def test_a_batch_that_loses_its_later_images_is_found_with_its_size(size: int, after: int, fault: str) -> None:
    images = photographs(24)
    found = batch_order(images, kept(images, size, after))
    assert found is not None
    assert (found.suspect.fault, dict(found.suspect.parameters)) == (fault, {"batch": size})
    assert all(index % size < after for index in found.telling)


def test_copies_of_the_first_image_are_as_good_as_none() -> None:
    images = photographs(12)
    found = batch_order(images, [images[index - index % 3] for index in range(12)])
    assert found is not None
    assert (found.suspect.fault, dict(found.suspect.parameters)) == ("batch_gt1_broken", {"batch": 3})


@pytest.mark.parametrize("lost", [[23], [3, 9, 10], []], ids=["one image", "no pattern", "nothing"])
def test_images_that_lost_their_detections_otherwise_are_no_batch(lost: list[int]) -> None:
    images = photographs(24)
    assert batch_order(images, [Detections.none() if index in lost else found for index, found in enumerate(images)]) is None


@pytest.mark.parametrize("lost", [(2, 3), (1, 3)])
def test_a_pattern_that_chance_makes_is_no_batch(lost: tuple[int, int]) -> None:
    telling = (2, 7, 11, 17)
    images = [found if index in telling else Detections.none() for index, found in enumerate(photographs(24))]
    gone = {telling[place] for place in lost}
    assert batch_order(images, [Detections.none() if index in gone else found for index, found in enumerate(images)]) is None


def test_images_that_the_reference_does_not_tell_apart_are_no_copies() -> None:
    pairs = [found for found in photographs(12) for _ in range(2)]
    assert batch_order(pairs, pairs) is None


def test_results_under_other_images_are_brought_home() -> None:
    images = photographs(9)
    moved = [images[(index + 2) % 9] for index in range(9)]
    found = image_order(images, moved)
    assert found is not None
    assert found.suspect.fault == "eval_image_order"
    assert [images[source] for source in found.source] == moved
    assert found.left == pytest.approx(0)


def test_other_scores_are_no_other_order() -> None:
    assert image_order(photographs(9), photographs(9, seed=1)) is None
    assert image_order(photographs(9), photographs(9)) is None
