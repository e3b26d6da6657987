"""Image to network input, and the geometry that undoes it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parity.spec import ChannelOrder, Fit, Interpolation, PadPosition, Preprocess, TensorLayout

FILTERS = {
    Interpolation.LINEAR: cv2.INTER_LINEAR,
    Interpolation.AREA: cv2.INTER_AREA,
    Interpolation.CUBIC: cv2.INTER_CUBIC,
    Interpolation.NEAREST: cv2.INTER_NEAREST,
}
FIXED_POINT = 2.0**22  # the fraction of Pillow's weights
TIE_BREAK = 0.1  # px: an odd padding puts the extra row at the bottom, the extra column at the right, as Ultralytics does


@dataclass(frozen=True, slots=True)
class Geometry:
    """How image pixels became network pixels: ``network = image * scale + pad``; sizes are (height, width) in pixels."""

    image_size: tuple[int, int]
    network_size: tuple[int, int]
    scale_x: float
    scale_y: float
    pad_x: float  # whole pixels, as added on the left
    pad_y: float
    exact_pad_x: float  # half of the difference, before rounding
    exact_pad_y: float

    @property
    def gain(self) -> float:
        """Network pixels for one image pixel; the larger axis where they differ."""
        return max(self.scale_x, self.scale_y)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """What the network gets, (1, 3, H, W) or (1, H, W, 3) float32, and where it came from."""

    tensor: NDArray[np.float32]
    geometry: Geometry


def preprocess(image: NDArray[np.uint8], spec: Preprocess) -> NetworkInput:
    """Fit an RGB image (H, W, 3) to the network; pixel for pixel Ultralytics' LetterBox at the default spec."""
    geometry, resized_size = plan(image.shape[:2], spec)
    resized = image
    if resized_size != image.shape[:2]:
        resized = resize(image, resized_size, spec.interpolation)
    return NetworkInput(to_tensor(pad(resized, geometry, spec), spec), geometry)


def plan(image_size: tuple[int, int], spec: Preprocess) -> tuple[Geometry, tuple[int, int]]:
    """The geometry of an image of (height, width), and the size it is resized to before padding."""
    if spec.fit is Fit.NATIVE:
        return Geometry(image_size, image_size, 1.0, 1.0, 0, 0, 0, 0), image_size
    if spec.fit is Fit.STRETCH:
        height, width = spec.size
    else:
        gain = min(spec.size[0] / image_size[0], spec.size[1] / image_size[1])
        gain = gain if spec.scale_up else min(gain, 1.0)
        height, width = (max(round(side * gain), 1) for side in image_size)
        if spec.fit is Fit.SWAPPED:  # in a network that is no square, as much as it holds
            height, width = min(width, spec.size[0]), min(height, spec.size[1])
    free = spec.size[0] - height, spec.size[1] - width
    if spec.fit is Fit.RECT:
        free = free[0] % spec.stride, free[1] % spec.stride
    exact = (free[0] / 2, free[1] / 2) if spec.pad_position is PadPosition.CENTER else (0.0, 0.0)
    geometry = Geometry(
        image_size=image_size,
        network_size=(height + free[0], width + free[1]),
        scale_x=width / image_size[1],
        scale_y=height / image_size[0],
        pad_x=max(round(exact[1] - TIE_BREAK), 0),
        pad_y=max(round(exact[0] - TIE_BREAK), 0),
        exact_pad_x=exact[1],
        exact_pad_y=exact[0],
    )
    return geometry, (height, width)


def resize(image: NDArray[np.uint8], size: tuple[int, int], interpolation: Interpolation) -> NDArray[np.uint8]:
    """An image (H, W, 3) at another (height, width)."""
    if interpolation is Interpolation.ANTIALIAS:
        wide = blend(image.transpose(1, 0, 2), antialias_weights(image.shape[1], size[1])).transpose(1, 0, 2)
        return blend(wide, antialias_weights(image.shape[0], size[0]))
    return np.asarray(cv2.resize(image, size[::-1], interpolation=FILTERS[interpolation]))


def blend(image: NDArray[np.uint8], weights: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The rows of an image (n, W, 3) blended by weights (m, n), rounded as Pillow does."""
    rows = weights @ image.reshape(len(image), -1).astype(np.float64)
    return np.clip(np.floor(rows + 0.5), 0, 255).astype(np.uint8).reshape(len(weights), *image.shape[1:])


def antialias_weights(before: int, after: int) -> NDArray[np.float64]:
    """How much each of ``before`` pixels counts for each of ``after`` (after, before), by Pillow's bilinear filter in its fixed point."""
    scale = before / after
    support = max(scale, 1.0)
    centres = (np.arange(after) + 0.5) * scale
    first = np.maximum(np.floor(centres - support + 0.5), 0)
    last = np.minimum(np.floor(centres + support + 0.5), before)
    pixels = np.arange(before)
    weights = np.clip(1 - np.abs(pixels + 0.5 - centres[:, None]) / support, 0, None)
    weights *= (pixels >= first[:, None]) & (pixels < last[:, None])
    weights /= weights.sum(1, keepdims=True)
    return np.asarray(np.floor(weights * FIXED_POINT + 0.5) / FIXED_POINT)


def pad(image: NDArray[np.uint8], geometry: Geometry, spec: Preprocess) -> NDArray[np.uint8]:
    """The image with a border of ``pad_value`` up to the network's size."""
    top, left = int(geometry.pad_y), int(geometry.pad_x)
    bottom = geometry.network_size[0] - image.shape[0] - top
    right = geometry.network_size[1] - image.shape[1] - left
    if not (top or left or bottom or right):
        return image
    return np.asarray(cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=spec.pad_value))


def to_tensor(image: NDArray[np.uint8], spec: Preprocess) -> NDArray[np.float32]:
    """Pixels (H, W, 3) to a float tensor with a batch axis: order, range and layout as the spec says."""
    ordered = image[..., ::-1] if spec.channel_order is ChannelOrder.BGR else image
    values = np.ascontiguousarray(ordered if spec.layout is TensorLayout.NHWC else ordered.transpose(2, 0, 1), dtype=np.float32)
    values /= np.float32(spec.divisor)
    if spec.mean != (0.0, 0.0, 0.0) or spec.std != (1.0, 1.0, 1.0):
        axes = (1, 1, 3) if spec.layout is TensorLayout.NHWC else (3, 1, 1)
        values = (values - np.reshape(spec.mean, axes)) / np.reshape(spec.std, axes)
    return np.asarray(values, np.float32)[None]
