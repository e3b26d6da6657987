"""Half of the points lie where a network sees objects, the other half anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from parity.convert.object_points import object_points, places
from parity.raw_heads import RawHead

SIZE = (100, 200)  # height and width
COUNT = 4_000


def head(*scored_boxes: tuple[float, tuple[float, float, float, float]]) -> RawHead:
    """Anchors of two classes, the first of which has next to no score."""
    scores = [[0.0, score] for score, _ in scored_boxes]
    return RawHead(np.array([box for _, box in scored_boxes]), np.array(scores))


def drawn(found: RawHead | None) -> np.ndarray:
    """Many points, as rows and columns of pixels."""
    return np.stack(places(object_points(found, SIZE, COUNT, np.random.default_rng(0)), SIZE), axis=1)


def share_within(points: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """How many of the points lie in a box, as left, top, right, bottom."""
    left, top, right, bottom = box
    return float(np.mean(((points >= (top, left)) & (points < (bottom, right))).all(axis=1)))


def test_half_of_the_points_lie_in_boxes_as_often_as_their_scores_say() -> None:
    points = drawn(head((0.75, (20, 10, 40, 30)), (0.25, (120, 60, 140, 80)), (1e-9, (0, 0, 200, 100))))
    anywhere = 0.5 * 20 * 20 / (100 * 200)
    assert share_within(points, (20, 10, 40, 30)) == pytest.approx(0.5 * 0.75 + anywhere, abs=0.02)
    assert share_within(points, (120, 60, 140, 80)) == pytest.approx(0.5 * 0.25 + anywhere, abs=0.02)


def test_points_of_an_object_lie_all_over_its_box() -> None:
    inside = drawn(head((1.0, (100, 20, 180, 60))))[: COUNT // 2]
    assert (inside.min(axis=0).tolist(), inside.max(axis=0).tolist()) == ([20, 100], [59, 179])
    assert inside.mean(axis=0) == pytest.approx((39.5, 139.5), abs=2)


@pytest.mark.parametrize("found", [None, head((0.0, (0, 0, 10, 10))), head((float("nan"), (0, 0, 10, 10)))])
def test_without_objects_they_lie_anywhere(found: RawHead | None) -> None:
    points = drawn(found)
    assert share_within(points, (0, 0, 100, 50)) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("box", [(-50.0, -20.0, 300.0, 150.0), (float("nan"), 0.0, float("inf"), 1e30)])
def test_no_point_leaves_the_image(box: tuple[float, float, float, float]) -> None:
    points = drawn(head((1.0, box)))
    assert (points >= 0).all()
    assert (points < SIZE).all()
