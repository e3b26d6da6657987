"""The one input that a network of ours has: a batch of images of three channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.backends.base import ANY_IMAGE, CHANNELS, Shape
from parity.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """An input as its runtime tells it: ``sides`` has ``None`` for what is open, ``dtype`` is ``None`` for one that takes no floats."""

    name: str
    sides: tuple[int | None, ...]
    dtype: type[np.floating[Any]] | None
    described: str


def one_image(inputs: Sequence[NetworkInput], path: Path) -> tuple[Shape, type[np.floating[Any]]]:
    """The shape and type of the one input; raises ``BadInput`` where it cannot take a single image of three channels.

    An input without a batch axis, as torchvision's detectors are exported with, is given one of 1.
    """
    put = inputs[0] if len(inputs) == 1 else NetworkInput("", (), None, "")
    sides = (1, *put.sides) if len(put.sides) == len(ANY_IMAGE) - 1 else put.sides
    fits = len(sides) == len(ANY_IMAGE) and sides[0] in {1, None} and CHANNELS in {sides[1], sides[3]}
    if not fits or put.dtype is None:
        found = ", ".join(each.described for each in inputs) or "no input"
        problem, expected = "takes an input that is not one RGB image", "one float32 or float16 input of batch 1 (or any) and 3 channels"
        raise BadInput(problem, file=path, found=found, expected=expected, next_step="export it with batch=1")
    batch, second, third, last = sides
    return (batch, second, third, last), put.dtype


def arranged(tensor: NDArray[np.float32], expected: Shape | None) -> NDArray[np.float32]:
    """A network input (batch, 3, H, W) with its axes as a file expects them; only the order differs between files, never the time."""
    return np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)) if expected is not None and is_nhwc(expected) else tensor


def is_nhwc(shape: Shape) -> bool:
    """Whether an input has its channels last."""
    return shape[3] == CHANNELS
