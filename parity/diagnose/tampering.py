"""What can happen to an image's arrays on their way that no field of a spec expresses: functions at the cuts of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently, xywh_to_xyxy
from parity.detections import Detections

Array = NDArray[np.float32]
Network = tuple[int, int]
STRIDES = (8, 16, 32)  # of the head's levels, in the order of their anchors
BFLOAT_BITS = 16  # of the 32 of a float that bfloat16 leaves out
LARGEST_BYTE = 255


class Cut(StrEnum):
    """Between which stages something happens."""

    INPUT = "input"  # the tensor that the network gets
    OUTPUT = "output"  # the raw head (1, 4 + nc, N)
    LABELS = "labels"  # class indices of the detections
    BOXES = "boxes"  # corners in image pixels
    IMAGES = "images"  # which image's raw head is read


@dataclass(frozen=True, slots=True)
class Tamper:
    """A change at one cut; ``values`` are its numbers."""

    cut: Cut
    name: str
    values: tuple[float, ...] = ()


def whole_numbers(tensor: Array) -> Array:
    """Pixels divided as integers."""
    return np.floor(tensor)


def striped(tensor: Array) -> Array:
    """The memory of an NHWC image read as NCHW."""
    return np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)).reshape(tensor.shape)


def reshaped(output: Array, network: Network) -> Array:
    """The memory of channels-first rows read as anchors-first."""
    del network
    _, channels, anchors = output.shape
    return np.ascontiguousarray(output.reshape(1, anchors, channels).transpose(0, 2, 1))


def first_class_as_objectness(output: Array, network: Network) -> Array:
    """Column 4 multiplied into the others, as for YOLOv5; the classes count from column 5, so one is left over."""
    del network
    scores = output[:, 4:5] * output[:, 5:]
    return np.concatenate([output[:, :4], scores, np.zeros_like(output[:, :1])], axis=1)


def half(output: Array, network: Network) -> Array:
    """Rounded to float16."""
    del network
    return output.astype(np.float16).astype(np.float32)


def bfloat(output: Array, network: Network) -> Array:
    """Rounded to bfloat16: to nearest, ties to even."""
    del network
    bits = np.ascontiguousarray(output, np.float32).view(np.uint32)
    kept = (bits >> BFLOAT_BITS) & np.uint32(1)
    rounded = (bits + np.uint32(0x7FFF) + kept) & np.uint32(0xFFFF0000)
    return np.asarray(rounded.view(np.float32))


def one_scale(output: Array, network: Network, steps: float = LARGEST_BYTE) -> Array:
    """Boxes and scores on one grid of so many steps up to the largest number."""
    del network
    step = np.abs(output).max() / np.float32(steps)
    return np.asarray(np.round(output / step) * step)


def integers(output: Array, network: Network) -> Array:
    """Boxes and scores as the bytes of their own scales, which nobody took off."""
    step = np.float32(max(network) / LARGEST_BYTE)
    return np.concatenate([np.round(output[:, :4] / step), np.round(output[:, 4:] * LARGEST_BYTE)], axis=1)


def undecoded(output: Array, network: Network) -> Array:
    """The four distances from the anchor point, in strides, where centre and size belong."""
    points, strides = anchor_points(network)
    corners = xywh_to_xyxy(output[0, :4].T) / strides[:, None]
    distances = np.concatenate([points - corners[:, :2], corners[:, 2:] - points], axis=1)
    return np.concatenate([distances.T[None].astype(np.float32), output[:, 4:]], axis=1)


def strides_reversed(output: Array, network: Network) -> Array:
    """Scores of the levels from the coarsest to the finest, boxes the other way round."""
    ends = np.cumsum([(network[0] // stride) * (network[1] // stride) for stride in STRIDES])[:-1]
    levels = np.split(output[:, 4:], ends, axis=2)
    return np.concatenate([output[:, :4], np.concatenate(levels[::-1], axis=2)], axis=1)


def anchor_points(network: Network) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of the cells (N, 2) as x, y in strides, and the strides (N,), for a network of (height, width)."""
    points, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: network[0] // stride, : network[1] // stride]
        points.append(np.stack([x.ravel(), y.ravel()], axis=1) + 0.5)
        strides.append(np.full(x.size, float(stride)))
    return np.concatenate(points), np.concatenate(strides)


def has_levels(output: Array, network: Network) -> bool:
    """Whether a raw head has one anchor for each cell of the three usual levels."""
    return bool(output.shape[2] == sum((network[0] // stride) * (network[1] // stride) for stride in STRIDES))


ON_INPUT: Mapping[str, Callable[[Array], Array]] = {"whole_numbers": whole_numbers, "striped": striped}
ON_OUTPUT: Mapping[str, Callable[..., Array]] = {
    "reshaped": reshaped,
    "first_class_as_objectness": first_class_as_objectness,
    "half": half,
    "bfloat": bfloat,
    "one_scale": one_scale,
    "integers": integers,
    "undecoded": undecoded,
    "strides_reversed": strides_reversed,
}
NEED_LEVELS = frozenset({"undecoded", "strides_reversed"})


def tampered_input(tensor: Array, tampering: tuple[Tamper, ...]) -> Array:
    """The tensor that the network gets."""
    for tamper in tampering:
        if tamper.cut is Cut.INPUT:
            tensor = np.asarray(ON_INPUT[tamper.name](tensor), np.float32)
    return tensor


@silently
def tampered_output(output: Array, network: Network, tampering: tuple[Tamper, ...]) -> Array:
    """The raw head as it is read; what needs the usual levels leaves another head as it is."""
    for tamper in tampering:
        if tamper.cut is Cut.OUTPUT and (tamper.name not in NEED_LEVELS or has_levels(output, network)):
            output = np.asarray(ON_OUTPUT[tamper.name](output, network, *tamper.values), np.float32)
    return output


def tampered_detections(detections: Detections, tampering: tuple[Tamper, ...]) -> Detections:
    """Labels and corners as they are written."""
    boxes = detections.boxes
    for tamper in tampering:
        if tamper.cut is Cut.BOXES:
            first, second = tamper.values
            boxes = boxes + np.array([first, first, second, second])
    return Detections(boxes, detections.scores, tampered_labels(detections.classes, tampering), detections.non_finite)


def tampered_labels(classes: NDArray[np.int64], tampering: tuple[Tamper, ...]) -> NDArray[np.int64]:
    """Class indices, of any shape, as they are written."""
    for tamper in tampering:
        if tamper.cut is Cut.LABELS:
            classes = relabelled(classes, tamper.values)
    return classes


def relabelled(classes: NDArray[np.int64], table: tuple[float, ...]) -> NDArray[np.int64]:
    """Class indices by a table of new ones; an index beyond it stays."""
    known = (classes >= 0) & (classes < len(table))
    return np.where(known, np.array(table, np.int64)[np.where(known, classes, 0)], classes)


def reads_previous(tampering: tuple[Tamper, ...]) -> bool:
    """Whether every image is answered by the raw head of the one before."""
    return any(tamper.cut is Cut.IMAGES for tamper in tampering)
