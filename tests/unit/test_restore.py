"""Boxes come back to the image by the geometry that the settings choose."""

from __future__ import annotations

from typing import Any

import pytest
from independent_pipeline import Settings, place
from independent_pipeline import restore as theirs_restored
from oracles.samples import found

from parity.detections import Detections
from parity.preprocess import Geometry, plan
from parity.restore import restore
from parity.spec import Fit, PadRounding, Preprocess, Restore, RestoreGeometry

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


@pytest.mark.parametrize(
    ("rounding", "setting"),
    [
        (PadRounding.APPLIED, "inverse"),
        (PadRounding.OTHER, "other_pad"),
        (PadRounding.RATIO, "letterbox"),
        (PadRounding.RATIO_EXACT, "exact_pad"),
    ],
)
@pytest.mark.parametrize("image", [(333, 500), (480, 641), (97, 41)])
def test_a_padding_is_taken_off_as_the_second_pipeline_takes_it(rounding: PadRounding, setting: Any, image: tuple[int, int]) -> None:
    geometry, _ = plan(image, Preprocess(size=(320, 320)))
    box, settings = (50.0, 60.0, 151.5, 200.0), Settings(side=320, unletterbox=setting, clip=False)
    expected = theirs_restored(box, place(image[1], image[0], settings), settings)
    restored = restore(found((*box, 0.5, 0)), geometry, Restore(pad_rounding=rounding, clip=False))
    assert restored.boxes[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("rounding", [PadRounding.APPLIED, PadRounding.EXACT, PadRounding.OTHER])
def test_a_letterbox_is_undone_whatever_was_done_before(rounding: PadRounding) -> None:
    (letterboxed, _), (stretched, _) = (plan((97, 41), Preprocess(size=(320, 320), fit=fit)) for fit in (Fit.LETTERBOX, Fit.STRETCH))
    boxes = found((50, 60, 151, 200, 0.5, 0))
    expected = restore(boxes, letterboxed, Restore(pad_rounding=rounding))
    assert restore(boxes, stretched, Restore(RestoreGeometry.LETTERBOX, rounding)).boxes == pytest.approx(expected.boxes)


def test_exchanged_sides_restore_for_a_turned_image() -> None:
    (upright, _), (turned, _) = (plan(size, Preprocess(size=(320, 320))) for size in ((97, 41), (41, 97)))
    boxes = found((50, 60, 151, 200, 0.5, 0))
    assert restore(boxes, upright, Restore(RestoreGeometry.SWAPPED)).boxes == pytest.approx(restore(boxes, turned, Restore()).boxes)
