"""Whatever arrays come in, the stages keep their word: no error but our own, no NaN out, and the laws of each stage hold."""

from __future__ import annotations

import warnings
from contextlib import suppress as quietly

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from oracles.samples import random_detections, rows_of, seeds, wiggled

from parity.boxes import iou
from parity.decode import Candidates, decode
from parity.detections import LARGEST_CLASS, Detections
from parity.errors import BadInput
from parity.limits import MATCH_IOU
from parity.match import match
from parity.preprocess import plan
from parity.restore import restore
from parity.spec import (
    Activation,
    BoxFormat,
    BoxUnits,
    Fit,
    Head,
    HeadLayout,
    PadPosition,
    PadRounding,
    Preprocess,
    Restore,
    Suppress,
    Suppressor,
)
from parity.suppress import suppress

SIZE = (64, 96)
heads = st.builds(
    Head,
    layout=st.sampled_from(HeadLayout),
    box_format=st.sampled_from(BoxFormat),
    box_units=st.sampled_from(BoxUnits),
    activation=st.sampled_from(Activation),
    class_offset=st.integers(-1, 2),
)
settings_of_suppression = st.builds(
    Suppress,
    method=st.sampled_from(Suppressor),
    confidence=st.floats(0, 1),
    iou=st.floats(0, 1),
    class_agnostic=st.booleans(),
    multi_label=st.booleans(),
)
any_float = st.floats(width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 0.0, 1.0])


@st.composite
def fitting_outputs(draw: st.DrawFn, head: Head, classes: int) -> tuple[np.ndarray, ...]:
    """Outputs of the head's shape, full of anything."""
    n = draw(st.integers(0, 6))
    shapes = {
        HeadLayout.CHANNELS_FIRST: [(1, 4 + classes, n)],
        HeadLayout.CHANNELS_LAST: [(1, n, 4 + classes)],
        HeadLayout.OBJECTNESS: [(1, n, 5 + classes)],
        HeadLayout.END_TO_END: [(1, n, 6)],
        HeadLayout.BOXES_LABELS_SCORES: [(n, 4), (n,), (n,)],
        HeadLayout.BOXES_SCORES_LABELS: [(1, n, 4), (1, n), (1, n)],
    }
    return tuple(draw(npst.arrays(np.float32, shape, elements=any_float)) for shape in shapes[head.layout])


@given(st.data(), heads, st.integers(1, 3), settings_of_suppression)
def test_no_output_of_a_network_breaks_the_stages_or_lets_nan_through(
    data: st.DataObject, head: Head, classes: int, settings: Suppress
) -> None:
    outputs = data.draw(fitting_outputs(head, classes))
    geometry, _ = plan((50, 70), Preprocess(size=SIZE))
    candidates = decode(outputs, head, classes=classes, network_size=SIZE)
    detections = restore(suppress(candidates, settings), geometry, Restore())
    assert np.isfinite(candidates.boxes).all()
    assert np.isfinite(candidates.scores).all()
    assert np.isfinite(detections.boxes).all()
    assert len(candidates.boxes) + candidates.non_finite == outputs[0].shape[2 if head.layout is HeadLayout.CHANNELS_FIRST else -2]


@given(st.data(), heads, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7))
def test_an_output_of_any_shape_is_read_or_refused(data: st.DataObject, head: Head, shape: tuple[int, ...]) -> None:
    outputs = tuple(data.draw(st.lists(npst.arrays(np.float32, shape, elements=any_float), min_size=1, max_size=3)))
    with quietly(BadInput):
        assert np.isfinite(decode(outputs, head, classes=2, network_size=SIZE).boxes).all()


def test_that_nan_would_be_noticed() -> None:
    outputs = (np.array([[[1, 1, 1, 1, np.nan], [1, 1, 1, 1, 0.5]]], np.float32),)
    candidates = decode(outputs, Head(layout=HeadLayout.CHANNELS_LAST), classes=1, network_size=SIZE)
    assert (len(candidates.boxes), candidates.non_finite) == (1, 1)


# Suppression


def crowd(seed: int, n: int) -> Candidates:
    """Boxes that overlap, with scores above 0 that differ."""
    some = random_detections(np.random.default_rng(seed), n, classes=3, side=40)
    return Candidates(some.boxes.astype(np.float32), some.scores.astype(np.float32)[:, None] * 0.9 + 0.05, some.classes[:, None])


def overlaps(first: Detections, second: Detections) -> np.ndarray:
    """IoU of every pair of one class, 0 across classes."""
    return iou(first.boxes, second.boxes) * (first.classes[:, None] == second.classes[None, :])


crowds = st.builds(crowd, seeds, st.integers(0, 40))
thresholds = st.sampled_from([0.1, 0.45, 0.7, 0.9])
NOISE = 1e-3  # the class offset of 7680 px rounds float32 coordinates to 1e-3 px


@given(crowds, thresholds)
def test_no_two_kept_boxes_of_a_class_overlap_beyond_the_threshold(candidates: Candidates, limit: float) -> None:
    kept = suppress(candidates, Suppress(confidence=0, iou=limit))
    assert (np.triu(overlaps(kept, kept), 1) <= limit + NOISE).all()


@given(crowds, thresholds)
def test_every_removed_box_overlaps_a_better_kept_one_of_its_class(candidates: Candidates, limit: float) -> None:
    everything = Detections.best_first(candidates.boxes, candidates.scores, candidates.labels)
    kept = suppress(candidates, Suppress(confidence=0, iou=limit))
    removed = everything.take(~np.isin(everything.scores, kept.scores))
    better = kept.scores[None, :] > removed.scores[:, None]
    assert ((overlaps(removed, kept) > limit - NOISE) & better).any(1).all()


@given(crowds, thresholds)
def test_suppressing_twice_is_suppressing_once(candidates: Candidates, limit: float) -> None:
    settings = Suppress(confidence=0, iou=limit)
    once = suppress(candidates, settings)
    again = Candidates(once.boxes.astype(np.float32), once.scores.astype(np.float32)[:, None], once.classes[:, None])
    assert rows_of(suppress(again, settings)).tolist() == rows_of(once).tolist()


@given(crowds, thresholds, seeds)
def test_the_order_of_the_candidates_does_not_matter(candidates: Candidates, limit: float, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(candidates.boxes))
    shuffled = Candidates(candidates.boxes[order], candidates.scores[order], candidates.labels[order])
    first, second = (suppress(each, Suppress(confidence=0, iou=limit)) for each in (candidates, shuffled))
    assert rows_of(first).tolist() == rows_of(second).tolist()


# Geometry

sides = st.integers(1, 4000)
network_sides = st.integers(1, 20).map(lambda n: 32 * n)
fits = st.builds(
    Preprocess,
    size=st.tuples(network_sides, network_sides),
    fit=st.sampled_from(Fit),
    scale_up=st.booleans(),
    pad_position=st.sampled_from(PadPosition),
)


right_paddings = st.sampled_from((PadRounding.APPLIED, PadRounding.EXACT))  # the others are wrong on purpose


@given(st.tuples(sides, sides), fits, right_paddings, seeds)
def test_restoring_undoes_the_geometry(image_size: tuple[int, int], preprocessing: Preprocess, rounding: PadRounding, seed: int) -> None:
    geometry, _ = plan(image_size, preprocessing)
    height, width = image_size
    boxes = np.sort(np.random.default_rng(seed).uniform(0, 1, (5, 2, 2)), axis=1).reshape(5, 4) * [width, height, width, height]
    exact = rounding is PadRounding.EXACT
    pads = (geometry.exact_pad_x, geometry.exact_pad_y) if exact else (geometry.pad_x, geometry.pad_y)
    network = boxes * np.tile([geometry.scale_x, geometry.scale_y], 2) + np.tile(pads, 2)
    back = restore(Detections.best_first(network, np.zeros(5), np.zeros(5)), geometry, Restore(pad_rounding=rounding))
    np.testing.assert_allclose(back.boxes, boxes, rtol=0, atol=1e-6 * max(image_size))


@given(st.tuples(sides, sides), fits)
def test_the_image_lies_within_the_network_input(image_size: tuple[int, int], preprocessing: Preprocess) -> None:
    geometry, (height, width) = plan(image_size, preprocessing)
    assert 0 <= geometry.pad_x <= geometry.network_size[1] - width
    assert 0 <= geometry.pad_y <= geometry.network_size[0] - height


# Matching

sets = st.builds(lambda seed, n: random_detections(np.random.default_rng(seed), n, side=60), seeds, st.integers(0, 12))


@given(sets, sets)
def test_a_matching_uses_every_detection_once(reference: Detections, candidate: Detections) -> None:
    matches = match(reference, candidate)
    pairs = np.concatenate([matches.pairs, matches.class_flips])
    assert sorted([*pairs[:, 0], *matches.missed]) == list(range(len(reference)))
    assert sorted([*pairs[:, 1], *matches.ghosts]) == list(range(len(candidate)))


@given(sets, seeds)
def test_a_pair_overlaps_and_is_of_one_class_and_a_flip_of_two(reference: Detections, seed: int) -> None:
    candidate = wiggled(np.random.default_rng(seed), reference, px=3)
    matches = match(reference, candidate)
    both = np.concatenate([matches.pairs, matches.class_flips])
    assert (iou(reference.boxes, candidate.boxes)[both[:, 0], both[:, 1]] >= MATCH_IOU).all()
    assert (reference.classes[matches.pairs[:, 0]] == candidate.classes[matches.pairs[:, 1]]).all()
    assert (reference.classes[matches.class_flips[:, 0]] != candidate.classes[matches.class_flips[:, 1]]).all()


@given(sets, seeds)
def test_exchanging_the_sides_exchanges_the_matching(reference: Detections, seed: int) -> None:
    candidate = wiggled(np.random.default_rng(seed), reference, px=3)
    there, back = match(reference, candidate), match(candidate, reference)
    assert set(map(tuple, there.pairs.tolist())) == {(r, c) for c, r in back.pairs.tolist()}
    assert set(map(tuple, there.class_flips.tolist())) == {(r, c) for c, r in back.class_flips.tolist()}
    assert (there.missed.tolist(), there.ghosts.tolist()) == (back.ghosts.tolist(), back.missed.tolist())


@given(sets)
def test_a_side_matches_itself_without_remainder(detections: Detections) -> None:
    matches = match(detections, detections)
    assert matches.pairs.tolist() == [[index, index] for index in range(len(detections))]


huge = st.floats(allow_nan=False, allow_infinity=False)


@given(npst.arrays(np.float64, st.tuples(st.integers(0, 4), st.just(4)), elements=huge))
def test_boxes_of_any_size_are_matched_without_an_error(boxes: np.ndarray) -> None:
    detections = Detections.best_first(boxes, np.zeros(len(boxes)), np.zeros(len(boxes)))
    matches = match(detections, detections)
    assert len(matches.pairs) + len(matches.missed) == len(detections)


def test_warnings_are_errors_here() -> None:
    with pytest.raises(UserWarning, match="seen"):
        warnings.warn("seen", stacklevel=1)


@given(npst.arrays(np.float64, (3,), elements=any_float))
def test_a_class_that_is_no_index_is_counted(labels: np.ndarray) -> None:
    assume(not (np.abs(labels) <= LARGEST_CLASS).all())
    assert Detections.best_first(np.zeros((3, 4)), np.zeros(3), labels).non_finite > 0
