"""Boxes and labels where they belong, on pictures of every size, whatever the names and however wrong the boxes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from oracles.hostile import HOSTILE
from PIL import Image

from parity.detections import Detections
from parity.report.annotated import QUALITY, annotated, colour_of, ink_on, on_canvas, overlap_areas, pen_of, place_labels

NAMES = ("cat", "dog")
NEAR = 40  # of a colour, after JPEG


def picture(content: bytes) -> np.ndarray:
    """The pixels of a JPEG, (H, W, 3)."""
    with Image.open(BytesIO(content)) as opened:
        assert opened.format == "JPEG"
        return np.asarray(opened.convert("RGB"), int)


def grey(height: int, width: int) -> np.ndarray:
    """A plain image."""
    return np.full((height, width, 3), 128, np.uint8)


def one(box: tuple[float, float, float, float], *, label: int = 0, score: float = 0.9) -> Detections:
    """One detection."""
    return Detections.best_first([box], [score], [label])


def is_near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Whether a pixel has a colour."""
    return bool(np.abs(pixel - np.array(colour)).max() < NEAR)


def test_a_box_is_drawn_where_it_lies_in_the_colour_of_its_class() -> None:
    drawn = picture(annotated(grey(480, 640), one((200, 150, 400, 350), label=1), NAMES))
    assert drawn.shape == (480, 640, 3)
    edges = [drawn[150, 300], drawn[349, 300], drawn[250, 200], drawn[250, 399]]
    assert [is_near(pixel, colour_of(1)) for pixel in edges] == [True] * 4
    assert is_near(drawn[250, 300], (128, 128, 128))


def test_a_label_stands_above_its_box() -> None:
    drawn = picture(annotated(grey(480, 640), one((200, 150, 400, 350)), NAMES))
    plate = drawn[140:148, 202:205].reshape(-1, 3)
    assert np.mean([is_near(pixel, colour_of(0)) for pixel in plate]) > 0.5


def test_without_detections_the_picture_is_the_photo() -> None:
    assert np.abs(picture(annotated(grey(48, 640), Detections.none(), NAMES)) - 128).max() <= 1


def test_the_quality_is_what_it_says() -> None:
    own, theirs = BytesIO(annotated(grey(480, 640), Detections.none(), NAMES)), BytesIO()
    Image.fromarray(grey(480, 640)).save(theirs, "JPEG", quality=QUALITY)
    assert (QUALITY, Image.open(own).quantization) == (90, Image.open(theirs).quantization)


@pytest.mark.parametrize(
    ("height", "width", "shown"),
    [(480, 640, (480, 640)), (400, 399, (400, 399)), (32, 32, (384, 384)), (1, 3, (133, 399)), (3, 65_600, (3, 65_500))],
)
def test_what_is_tiny_is_enlarged_and_what_jpeg_does_not_take_is_shrunk(height: int, width: int, shown: tuple[int, int]) -> None:
    assert picture(annotated(grey(height, width), one((0, 0, width, height)), NAMES)).shape[:2] == shown


def test_boxes_follow_an_enlarged_picture() -> None:
    drawn = picture(annotated(grey(100, 100), one((25, 50, 75, 75)), NAMES))
    assert is_near(drawn[300, 200], colour_of(0))  # 75 px at four times the size


@pytest.mark.parametrize(("size", "text"), [((640, 480), 15), ((4000, 3000), 91), ((20_000, 100), 25), ((64, 48), 11)])
def test_text_grows_with_the_picture_and_fits_a_narrow_one(size: tuple[int, int], text: int) -> None:
    assert round(pen_of(size, 1).text) == text


def test_in_a_crowd_text_is_smaller_but_never_too_small() -> None:
    assert pen_of((1920, 1080), 100).text < pen_of((1920, 1080), 1).text
    assert pen_of((320, 240), 100).text == 11


@pytest.mark.parametrize("name", [*HOSTILE, "\u732b", "\U0001f600", ""])
def test_a_hostile_class_name_is_only_text(name: str) -> None:
    drawn = picture(annotated(grey(240, 500), one((50, 100, 150, 200)), (name,)))
    assert (np.abs(drawn - 128).max(axis=2) > NEAR).any()


@pytest.mark.parametrize("box", [(-1e300, -5.0, 1e300, 9e99), (90.0, 90.0, 10.0, 10.0), (50.0, 50.0, 50.0, 50.0), (9e9, 9e9, 9e9, 9e9)])
def test_garbage_is_drawn_as_far_as_it_goes(box: tuple[float, float, float, float]) -> None:
    assert picture(annotated(grey(480, 640), one(box, label=-3), NAMES)).shape == (480, 640, 3)


def test_corners_are_brought_in_order_and_near() -> None:
    assert on_canvas(np.array([[90.0, 1e9, -1e9, 20.4]]), (100, 50), beyond=4).tolist() == [[-4, 20, 90, 54]]


def test_labels_of_boxes_in_one_place_do_not_hide_each_other() -> None:
    placed = place_labels(np.array([[100.0, 100, 300, 300]] * 4), np.array([[80.0, 14]] * 4), (640, 480))
    hidden = overlap_areas(placed, placed)
    assert np.allclose(hidden, 80 * 14)  # each only itself


def test_labels_stay_on_the_picture() -> None:
    placed = place_labels(np.array([[0.0, 0, 640, 480], [600.0, 470, 640, 480]]), np.array([[80.0, 14]] * 2), (640, 480))
    assert (placed >= 0).all()
    assert (placed[:, 2] < 640).all()
    assert (placed[:, 3] < 480).all()


def test_neighbouring_classes_have_colours_far_apart_and_ink_that_shows() -> None:
    colours = np.array([colour_of(label) for label in range(80)])
    assert np.abs(np.diff(colours, axis=0)).max(axis=1).min() > 60
    assert (ink_on((250, 250, 0)), ink_on((0, 0, 200))) == ("black", "white")
