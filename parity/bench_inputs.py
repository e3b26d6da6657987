"""What `parity bench` runs networks on: the same few images at every setting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import CHANNELS
from parity.datasets import open_dataset
from parity.images import Image, read_image
from parity.preprocess import plan, preprocess
from parity.request import Size, size_label
from parity.spec import Preprocess

Tensor = NDArray[np.float32]
MOST_IMAGES = 4
SYNTHETIC_SHAPE = (480, 640, 3)
SEED = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a network is timed at: its size (``None``: images as they are), how many images at once, and how many threads."""

    imgsz: Size | None
    batch: int
    threads: int

    def __str__(self) -> str:
        """In words."""
        return f"{size_label(self.imgsz)}, batch {self.batch}, {self.threads} thread{'s'[: self.threads != 1]}"


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The network inputs of every setting, from the same images."""

    images: tuple[Image, ...]
    spec: Preprocess

    def tensors(self, setting: Setting) -> list[Tensor]:
        """A batch (batch, 3, H, W) for each image, which it holds as often as needed: images of all sizes can be batched so."""
        spec = self.spec_at(setting)
        return [np.repeat(preprocess(image, spec).tensor, setting.batch, axis=0) for image in self.images]

    def shapes(self, setting: Setting) -> list[tuple[int, ...]]:
        """The shapes of these tensors."""
        spec = self.spec_at(setting)
        return [(setting.batch, CHANNELS, *plan(image.shape[:2], spec)[0].network_size) for image in self.images]

    def spec_at(self, setting: Setting) -> Preprocess:
        """The preprocessing at a setting's size."""
        return self.spec if setting.imgsz is None else replace(self.spec, size=setting.imgsz)


def bench_images(data: Path | None) -> tuple[Image, ...]:
    """The first few images of a data set, or one of noise that is always the same."""
    if data is None:
        return (np.random.default_rng(SEED).integers(0, 256, SYNTHETIC_SHAPE, dtype=np.uint8),)
    chosen = open_dataset(data, allow_missing_labels=True).images[:MOST_IMAGES]
    return tuple(read_image(image.path) for image in chosen)
