"""Boxes come back to the image by the geometry that the settings choose."""

from __future__ import annotations

from typing import Any

import pytest
from oracles.samples import found

from parity.detections import Detections
from parity.preprocess import Geometry
from parity.restore import restore
from parity.spec import PadRounding, Restore, RestoreGeometry

GEOMETRY = Geometry((100, 200), (128, 128), 0.5, 0.5, 14, 39, 14.0, 39.5)


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({}, [2, 4, 42, 44]),
        ({"pad_rounding": PadRounding.EXACT}, [2, 3, 42, 43]),
        ({"geometry": RestoreGeometry.NETWORK}, [15, 41, 35, 61]),
        ({"geometry": RestoreGeometry.STRETCH}, [15 / 0.64, 41 / 1.28, 35 / 0.64, 61 / 1.28]),
        ({"geometry": RestoreGeometry.STRETCH, "integer": True}, [23, 32, 54, 47]),
    ],
)
def test_the_settings_choose_the_geometry(changes: dict[str, Any], box: list[float]) -> None:
    restored = restore(found((15, 41, 35, 61, 0.5, 1)), GEOMETRY, Restore(**changes))
    assert restored.boxes[0].tolist() == pytest.approx(box)
    assert (restored.scores.tolist(), restored.classes.tolist()) == ([0.5], [1])


@pytest.mark.parametrize(("clip", "box"), [(True, [0, 0, 200, 100]), (False, [-28, -78, 372, 322])])
def test_clipping_cuts_at_the_image(clip: bool, box: list[float]) -> None:  # noqa: FBT001 - parametrized
    assert restore(found((0, 0, 200, 200, 0.5, 0)), GEOMETRY, Restore(clip=clip)).boxes[0].tolist() == box


def test_rows_that_were_no_numbers_stay_counted() -> None:
    assert restore(Detections.best_first([], [], [], non_finite=2), GEOMETRY, Restore()).non_finite == 2
