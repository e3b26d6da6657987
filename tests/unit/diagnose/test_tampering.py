"""What happens at a pipeline's cuts, held against the second pipeline, in which the same faults are written otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import independent_pipeline as theirs
import numpy as np
import pytest

from parity.detections import Detections
from parity.diagnose.tampering import Cut, Tamper, tampered_detections, tampered_input, tampered_labels, tampered_output

SIDE = (64, 96)
ANCHORS = sum((SIDE[0] // stride) * (SIDE[1] // stride) for stride in (8, 16, 32))


def raw_head() -> np.ndarray:
    """A raw head of three classes for a network of 64 x 96."""
    random = np.random.default_rng(3)
    centres, sizes = random.uniform(10, 60, (2, ANCHORS)), random.uniform(4, 30, (2, ANCHORS))
    return np.concatenate([centres, sizes, random.uniform(0, 1, (3, ANCHORS))])[None].astype(np.float32)


def of_output(name: str, *values: float) -> np.ndarray:
    """The raw head after one change."""
    return tampered_output(raw_head(), SIDE, (Tamper(Cut.OUTPUT, name, values),))


@pytest.mark.parametrize(
    ("name", "values", "wrapper"),
    [
        ("half", (), theirs.half_precision),
        ("bfloat", (), theirs.bfloat),
        ("one_scale", (255.0,), theirs.one_scale),
        ("one_scale", (2000.0,), partial(theirs.one_scale, steps=2000)),
        ("integers", (), theirs.integers),
        ("undecoded", (), theirs.undecoded),
        ("strides_reversed", (), theirs.strides_reversed),
    ],
)
def test_a_raw_head_is_changed_as_the_second_pipeline_changes_it(name: str, values: tuple[float, ...], wrapper: Callable[..., Any]) -> None:
    expected = wrapper(lambda tensor: raw_head())(np.zeros((1, 3, *SIDE), np.float32))  # noqa: ARG005 - a network of one answer
    np.testing.assert_allclose(of_output(name, *values), expected, atol=2e-5)
    assert not np.allclose(expected, raw_head(), atol=1e-5)


def test_a_reshaped_head_and_a_first_class_as_objectness_are_read_as_the_second_pipeline_reads_them() -> None:
    table = raw_head()[0].reshape(ANCHORS, 7)
    np.testing.assert_array_equal(of_output("reshaped")[0].T, table)
    scores = theirs.class_scores(raw_head()[0].T, theirs.Settings(objectness=True))
    np.testing.assert_allclose(of_output("first_class_as_objectness")[0, 4:6].T, scores)
    assert not of_output("first_class_as_objectness")[0, 6].any()


def test_what_needs_the_usual_levels_leaves_another_head_alone() -> None:
    odd = raw_head()[:, :, :-1]
    np.testing.assert_array_equal(tampered_output(odd, SIDE, (Tamper(Cut.OUTPUT, "undecoded"),)), odd)


@pytest.mark.parametrize(("name", "setting"), [("striped", {"input_layout": "reshape"}), ("whole_numbers", {"integer_division": True})])
def test_a_network_input_is_changed_as_the_second_pipeline_changes_it(name: str, setting: dict[str, Any]) -> None:
    canvas = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    healthy = theirs.normalise(canvas, theirs.Settings())
    np.testing.assert_array_equal(tampered_input(healthy, (Tamper(Cut.INPUT, name),)), theirs.normalise(canvas, theirs.Settings(**setting)))


def test_labels_and_corners_are_written_by_a_table_and_an_offset() -> None:
    found = Detections.best_first([[1, 2, 3, 4], [5, 6, 7, 8]], [0.9, 0.8], [0, 7])
    changed = tampered_detections(found, (Tamper(Cut.LABELS, "table", (2.0, 0.0)), Tamper(Cut.BOXES, "offset", (0.0, 1.0))))
    assert changed.classes.tolist() == [2, 7]
    assert changed.boxes.tolist() == [[1, 2, 4, 5], [5, 6, 8, 9]]
    assert tampered_labels(np.array([[0, 1]]), (Tamper(Cut.LABELS, "table", (2.0, 0.0)),)).tolist() == [[2, 0]]
