"""Suppression keeps exactly what ``torchvision.ops.nms`` keeps, at the threshold too."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from oracles.samples import seeds

from parity.spec import Suppress
from parity.suppress import non_maximum_suppression

if find_spec("torchvision") is None:
    pytest.skip("the oracle is torchvision, which is not installed", allow_module_level=True)

import torch
from torchvision.ops import batched_nms, nms

any_number = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e-38, 3e38, -3e38])


def kept_by_both(boxes: np.ndarray, iou: float) -> tuple[list[int], list[int]]:
    """What torchvision keeps of rows that are best first, and what we keep."""
    scores = np.linspace(1, 0, len(boxes), dtype=np.float32)
    ours = non_maximum_suppression(boxes, scores, np.zeros(len(boxes), np.int64), Suppress(iou=iou, max_detections=len(boxes)))
    return nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou).tolist(), ours.tolist()


def crowd(seed: int, n: int, *, whole: bool) -> np.ndarray:
    """Boxes that overlap much; whole numbers make overlaps that are exact fractions."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 12, (n, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 12, (n, 2))], axis=1).astype(np.float32)
    return np.ceil(boxes) if whole else boxes


@given(seeds, st.integers(1, 80), st.booleans(), st.sampled_from([0.0, 0.2, 0.25, 1 / 3, 0.5, 0.6, 0.7, 0.75, 1.0]))
def test_the_same_boxes_are_kept(seed: int, n: int, whole: bool, iou: float) -> None:  # noqa: FBT001 - hypothesis draws it
    theirs, ours = kept_by_both(crowd(seed, n, whole=whole), iou)
    assert ours == theirs


@pytest.mark.parametrize("iou", [0.0, 1e-4, 0.3, 0.7, 0.95])
@pytest.mark.parametrize(("n", "spread"), [(1_500, 60.0), (600, 4_000.0)])
def test_many_boxes_are_kept_alike(n: int, spread: float, iou: float) -> None:
    rng = np.random.default_rng(n)
    corners = rng.uniform(0, spread, (n, 2))
    boxes = np.concatenate([corners, corners + rng.exponential([[spread / 8, 5.0]], (n, 2))], axis=1).astype(np.float32)
    theirs, ours = kept_by_both(boxes, iou)
    assert ours == theirs


@pytest.mark.parametrize(
    ("second", "iou", "kept"),
    [
        ([0, 0, 10, 5], 0.5, [0, 1]),  # 1/2 at 0.5
        ([0, 0, 10, 5], 0.4999999, [0]),
        ([0, 0, 10, 7], 0.7, [0, 1]),  # float32(0.7) < 0.7
        ([0, 0, 10, 6], 0.6, [0]),  # float32(0.6) > 0.6
        ([0, 0, 10, 10], 1.0, [0, 1]),
    ],
)
def test_an_overlap_exactly_at_the_threshold_falls_as_in_torchvision(second: list[int], iou: float, kept: list[int]) -> None:
    theirs, ours = kept_by_both(np.array([[0, 0, 10, 10], second], np.float32), iou)
    assert (theirs, ours) == (kept, kept)


@given(seeds, st.integers(1, 40), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_boxes_of_exchanged_corners_and_of_no_size_are_kept_alike(seed: int, n: int, iou: float) -> None:
    theirs, ours = kept_by_both(np.random.default_rng(seed).integers(0, 6, (n, 4)).astype(np.float32), iou)
    assert ours == theirs


@given(npst.arrays(np.float32, st.tuples(st.integers(1, 12), st.just(4)), elements=any_number), st.sampled_from([0.0, 1e-30, 0.5, 1.0]))
def test_boxes_of_any_numbers_are_kept_alike(boxes: np.ndarray, iou: float) -> None:
    theirs, ours = kept_by_both(boxes, iou)
    assert ours == theirs


def test_empty_boxes_on_one_place_are_both_kept() -> None:
    theirs, ours = kept_by_both(np.zeros((2, 4), np.float32), 0.5)
    assert ours == theirs == [0, 1]


@given(seeds)
def test_classes_are_kept_apart_as_by_batched_nms(seed: int) -> None:
    boxes, labels = crowd(seed, 40, whole=False), np.random.default_rng(seed).integers(0, 3, 40)
    scores = np.linspace(1, 0, 40, dtype=np.float32)
    theirs = batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(labels), 0.5)
    ours = non_maximum_suppression(boxes, scores, labels, Suppress(iou=0.5))
    assert set(theirs.tolist()) ^ set(ours.tolist()) == set()
