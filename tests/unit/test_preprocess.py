"""An image becomes a network input as the spec says; each field changes what it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from parity.preprocess import Geometry, pad, plan, preprocess, resize, to_tensor
from parity.spec import ChannelOrder, Fit, Interpolation, PadPosition, Preprocess, TensorLayout

SMALL = Preprocess(size=(64, 64))
IMAGE = np.random.default_rng(0).integers(0, 256, (30, 60, 3), np.uint8)


@pytest.mark.parametrize(
    ("changes", "size", "pads"),
    [
        ({}, (64, 64), (0, 16)),
        ({"pad_position": PadPosition.TOP_LEFT}, (64, 64), (0, 0)),
        ({"fit": Fit.RECT}, (32, 64), (0, 0)),
        ({"fit": Fit.STRETCH}, (64, 64), (0, 0)),
        ({"fit": Fit.NATIVE}, (30, 60), (0, 0)),
        ({"scale_up": False}, (64, 64), (2, 17)),
        ({"size": (320, 64)}, (320, 64), (0, 144)),
    ],
)
def test_the_fit_decides_size_and_padding(changes: dict[str, Any], size: tuple[int, int], pads: tuple[int, int]) -> None:
    geometry = preprocess(IMAGE, replace(SMALL, **changes)).geometry
    assert geometry.network_size == size
    assert (geometry.pad_x, geometry.pad_y) == pads


def test_an_odd_padding_puts_the_extra_row_at_the_bottom() -> None:
    geometry, resized = plan((31, 64), SMALL)
    assert resized == (31, 64)
    assert (geometry.pad_y, geometry.exact_pad_y) == (16, 16.5)


def test_a_line_keeps_one_pixel() -> None:
    assert plan((1, 900), SMALL)[1] == (1, 64)


def test_the_gain_is_that_of_the_larger_axis() -> None:
    assert Geometry((10, 10), (20, 30), 3.0, 2.0, 0, 0, 0, 0).gain == 3.0


def test_padding_has_its_value_and_the_image_its_place() -> None:
    geometry, _ = plan((32, 64), SMALL)
    padded = pad(np.full((32, 64, 3), 7, np.uint8), geometry, replace(SMALL, pad_value=(1, 2, 3)))
    assert padded[0, 0].tolist() == [1, 2, 3]
    assert padded[16:48].tolist() == np.full((32, 64, 3), 7).tolist()
    assert padded[48:, :].tolist() == np.broadcast_to([1, 2, 3], (16, 64, 3)).tolist()


def test_an_image_that_fits_is_not_touched() -> None:
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(preprocess(image, replace(SMALL, divisor=1.0)).tensor[0].transpose(1, 2, 0), image)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"divisor": 1.0}, [10, 20, 30]),
        ({"divisor": 10.0}, [1, 2, 3]),
        ({"divisor": 1.0, "channel_order": ChannelOrder.BGR}, [30, 20, 10]),
        ({"divisor": 1.0, "mean": (10.0, 10.0, 10.0)}, [0, 10, 20]),
        ({"divisor": 1.0, "std": (1.0, 2.0, 3.0)}, [10, 10, 10]),
        ({"divisor": 1.0, "mean": (1.0, 2.0, 3.0), "channel_order": ChannelOrder.BGR}, [29, 18, 7]),
    ],
)
@pytest.mark.parametrize("layout", TensorLayout)
def test_pixels_become_numbers_as_told(changes: dict[str, Any], expected: list[float], layout: TensorLayout) -> None:
    pixels = np.broadcast_to(np.array([10, 20, 30], np.uint8), (2, 4, 3))
    tensor = to_tensor(pixels, replace(SMALL, layout=layout, **changes))
    assert tensor.dtype == np.float32
    assert tensor.shape == {TensorLayout.NCHW: (1, 3, 2, 4), TensorLayout.NHWC: (1, 2, 4, 3)}[layout]
    assert tensor.reshape(-1)[0] == expected[0]
    np.testing.assert_allclose(np.unique(tensor), np.unique(expected))


@pytest.mark.parametrize("interpolation", [Interpolation.AREA, Interpolation.CUBIC, Interpolation.NEAREST])
def test_every_interpolation_differs_from_the_linear_one(interpolation: Interpolation) -> None:
    shrink = replace(SMALL, size=(32, 32))
    linear, other = (preprocess(IMAGE, spec).tensor for spec in (shrink, replace(shrink, interpolation=interpolation)))
    assert not np.array_equal(linear, other)


def test_the_callers_image_is_left_alone() -> None:
    image = IMAGE.copy()
    preprocess(image, SMALL)
    assert np.array_equal(image, IMAGE)


@pytest.mark.parametrize("size", [(15, 30), (30, 17), (11, 60), (64, 123), (7, 5)])
def test_antialias_is_pillows_bilinear(size: tuple[int, int]) -> None:
    theirs = np.array(Image.fromarray(IMAGE).resize(size[::-1], Image.Resampling.BILINEAR))
    assert np.array_equal(resize(IMAGE, size, Interpolation.ANTIALIAS), theirs)


def test_a_swapped_fit_resizes_with_height_and_width_exchanged() -> None:
    geometry, resized = plan((30, 60), replace(SMALL, fit=Fit.SWAPPED))
    assert resized == (64, 32)
    assert (geometry.network_size, geometry.pad_x, geometry.pad_y) == ((64, 64), 16, 0)
