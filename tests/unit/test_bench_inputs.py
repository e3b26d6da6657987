"""Every setting gets the same images, as many at once as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from parity.bench_inputs import Inputs, Setting, bench_images
from parity.spec import Preprocess

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOISE = np.zeros((48, 64, 3), np.uint8)


def test_a_batch_holds_an_image_as_often_as_needed() -> None:
    inputs = Inputs((NOISE, NOISE + 9), Preprocess())
    setting = Setting((64, 96), 3, 1)
    tensors = inputs.tensors(setting)
    assert [tensor.shape for tensor in tensors] == inputs.shapes(setting) == [(3, 3, 64, 96)] * 2
    assert np.array_equal(tensors[1][0], tensors[1][2])
    assert not np.array_equal(tensors[0][0], tensors[1][0])


def test_without_data_one_image_is_made_and_it_is_always_the_same() -> None:
    (first,), (second,) = bench_images(None), bench_images(None)
    assert first.shape == (480, 640, 3)
    assert np.array_equal(first, second)


def test_with_data_the_first_four_images_are_taken() -> None:
    assert len(bench_images(FIXTURES / "shapes" / "data.yaml")) == 4


def test_a_setting_reads_as_people_say_it() -> None:
    assert str(Setting((640, 640), 1, 1)) == "640, batch 1, 1 thread"
    assert str(Setting((480, 640), 8, 2)) == "480x640, batch 8, 2 threads"
    assert str(Setting(None, 2, 1)) == "native, batch 2, 1 thread"
