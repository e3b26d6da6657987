"""What could be done to a network's input or output: the inverse of each fault, tried on the candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently
from parity.decode import Outputs
from parity.diagnose.heads import Case, Probe
from parity.diagnose.tampering import STRIDES, anchor_points
from parity.raw_heads import Array, Boxes, RawHead
from parity.spec import Activation, BoxFormat, BoxUnits, TensorLayout

Parameters = dict[str, float | str]
Reading = Callable[[Outputs, Probe], RawHead | None]
IMAGENET = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32)  # mean and std of R, G, B in 0..1
TELLING = 1000  # anchors that a permutation of classes is read off
LEAST_SCORE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class InputMap:
    """A change of the tensor that undoes a fault in front of the network."""

    fault: str
    said: str
    change: Callable[[Array], Array]
    parameters: Parameters


@dataclass(frozen=True, slots=True, eq=False)
class OutputMap:
    """A reading of the outputs that undoes a fault behind the network."""

    fault: str
    said: str
    read: Reading
    parameters: Parameters


def input_maps(case: Case) -> Iterator[InputMap]:
    """Everything that is tried on the input."""
    last = case.candidate.pipeline.spec.preprocess.layout is TensorLayout.NHWC
    order = (..., slice(None, None, -1)) if last else (slice(None), slice(None, None, -1))
    yield InputMap("channel_order_bgr", "red and blue exchanged in its input", lambda x: np.ascontiguousarray(x[order], np.float32), {})
    for factor in (255.0, 1 / 255.0, 256 / 255, 255 / 256, 127.5, 1 / 127.5):
        by = np.float32(factor)
        said = f"its input multiplied by {factor:.6g}"
        yield InputMap("value_range_255", said, lambda x, by=by: x * by, {"divisor": round(255 / factor, 6)})  # type: ignore[misc]
    mean, std = IMAGENET.reshape((2, 1, 1, 1, 3) if last else (2, 1, 3, 1, 1))
    fault = "mean_std_mismatch"
    yield InputMap(fault, "ImageNet's mean and std undone in its input", lambda x: x * std + mean, {"constants": "ImageNet"})
    yield InputMap(fault, "its input normalised by ImageNet's mean and std", lambda x: (x - mean) / std, {"constants": "ImageNet"})
    half = np.float32(0.5)
    yield InputMap(
        fault, "its input brought from -1..1 to 0..1", lambda x: np.asarray(x * half + half, np.float32), {"constants": "-1 to 1"}
    )
    yield InputMap(fault, "its input brought from 0..1 to -1..1", lambda x: x * 2 - 1, {"constants": "-1 to 1"})


def score_maps(case: Case) -> Iterator[OutputMap]:
    """A sigmoid too many or too few, and classes in another order."""
    for fault, activation, said in (
        ("double_sigmoid", Activation.LOGIT, "one sigmoid of its scores undone"),
        ("missing_sigmoid", Activation.SIGMOID, "a sigmoid applied to its scores"),
    ):
        yield OutputMap(fault, said, as_head(case, activation=activation), {})
    order = class_order(case)
    if order is not None and (order != np.arange(len(order))).any():
        exchanged = ", ".join(
            f"{index}: {case.names[index]} from {order[index]}" for index in np.flatnonzero(order != np.arange(len(order)))[:6]
        )
        yield OutputMap("class_names_order", f"its class columns put in order ({exchanged})", with_classes(case, order), {})
    for blocks in permutations(range(len(STRIDES))):
        if blocks != tuple(range(len(STRIDES))):
            said = f"the levels of its scores put in order (it has strides {strides_of(blocks)})"
            yield OutputMap("head_tensor_order", said, with_score_levels(case, blocks), {})


def box_maps(case: Case) -> Iterator[OutputMap]:
    """Boxes in another format or unit, not decoded, or with their levels in another order."""
    other = BoxFormat.XYXY if case.head.box_format is BoxFormat.XYWH else BoxFormat.XYWH
    said = "its boxes read as corners" if other is BoxFormat.XYXY else "its boxes read as centre and size"
    yield OutputMap("xywh_vs_xyxy", said, as_head(case, box_format=other), {})
    yield OutputMap("boxes_normalised", "its boxes multiplied by the network's size", scaled(case, 1), {"scale": "1 / size"})
    yield OutputMap("boxes_normalised", "its boxes divided by the network's size", scaled(case, -1), {"scale": "size"})
    for name, decode in UNDECODED.items():
        yield OutputMap("decode_not_in_graph", f"its boxes decoded from {name}", decoded(case, decode), {})
    for blocks in permutations(range(len(STRIDES))):
        if blocks != tuple(range(len(STRIDES))):
            said = f"the levels of its boxes put in order (it has strides {strides_of(blocks)})"
            yield OutputMap("head_tensor_order", said, with_box_levels(case, blocks), {})


def strides_of(blocks: tuple[int, ...]) -> str:
    """The strides of levels in an order."""
    return ", ".join(str(STRIDES[block]) for block in blocks)


def as_head(case: Case, **changes: object) -> Reading:
    """The outputs by another head than the declared one."""
    head = replace(case.head, **changes)  # type: ignore[arg-type]
    return lambda outputs, probe: case.read(outputs, probe, head)


def written(case: Case, outputs: Outputs, probe: Probe) -> RawHead | None:
    """The head with its box numbers as the network wrote them."""
    return case.read(outputs, probe, replace(case.head, box_format=BoxFormat.XYXY, box_units=BoxUnits.PIXELS))


def scaled(case: Case, power: int) -> Reading:
    """The boxes multiplied by the network's size to a power."""

    def read(outputs: Outputs, probe: Probe) -> RawHead | None:
        head = case.read(outputs, probe)
        size = np.array([probe.size[1], probe.size[0]] * 2, np.float64) ** power
        return head and RawHead(head.boxes * size, head.scores)

    return read


def class_order(case: Case) -> NDArray[np.intp] | None:
    """For every class of the reference the candidate's column that fits it best on the fitted probes; ``None`` where they cannot."""
    costs = []
    for probe, head in zip(case.fitted, case.plain[::2], strict=True):
        if head is None or head.scores.shape != probe.reference.scores.shape:
            return None
        best = np.argsort(-probe.reference.scores.max(axis=1))[:TELLING]
        own, other = (np.log(np.clip(side.scores[best], LEAST_SCORE, None)) for side in (probe.reference, head))
        costs.append(np.abs(own[:, :, None] - other[:, None, :]).mean(axis=0))
    cost = np.nan_to_num(np.sum(costs, axis=0), nan=1 / LEAST_SCORE)
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import, which the networks can run beside

    return np.asarray(linear_sum_assignment(cost)[1])


def with_classes(case: Case, order: NDArray[np.intp]) -> Reading:
    """The scores with their columns in an order."""

    def read(outputs: Outputs, probe: Probe) -> RawHead | None:
        head = case.read(outputs, probe)
        return head and RawHead(head.boxes, head.scores[:, order])

    return read


def level_sizes(size: tuple[int, int]) -> list[int]:
    """How many anchors each level has."""
    return [(size[0] // stride) * (size[1] // stride) for stride in STRIDES]


def put_in_order(rows: Boxes, blocks: tuple[int, ...], size: tuple[int, int]) -> Boxes:
    """Rows (n, k) whose levels lie in the order ``blocks``, in the order of the strides."""
    lengths = level_sizes(size)
    if sum(lengths) != len(rows):
        return rows
    parts = np.split(rows, np.cumsum([lengths[block] for block in blocks])[:-1])
    return np.concatenate([parts[blocks.index(level)] for level in range(len(STRIDES))])


def with_score_levels(case: Case, blocks: tuple[int, ...]) -> Reading:
    """The scores with their levels put in order."""

    def read(outputs: Outputs, probe: Probe) -> RawHead | None:
        head = case.read(outputs, probe)
        return head and RawHead(head.boxes, put_in_order(head.scores, blocks, probe.size))

    return read


def with_box_levels(case: Case, blocks: tuple[int, ...]) -> Reading:
    """The boxes with the distances of their levels put in order: what the graph added its anchors to."""

    def read(outputs: Outputs, probe: Probe) -> RawHead | None:
        head = case.read(outputs, probe)
        centres, strides = anchors(probe.size)
        if head is None or len(centres) != len(head.boxes):
            return None
        grid = head.boxes / strides
        sides = np.hstack([centres - grid[:, :2], grid[:, 2:] - centres])
        return RawHead(from_sides(put_in_order(sides, blocks, probe.size), centres, strides), head.scores)

    return read


def anchors(size: tuple[int, int]) -> tuple[Boxes, Boxes]:
    """The centres (n, 2) of all cells in units of their stride, and the strides (n, 1)."""
    centres, strides = anchor_points(size)
    return centres, strides[:, None]


def from_sides(sides: Boxes, centres: Boxes, strides: Boxes) -> Boxes:
    """Distances to the left, top, right and bottom in strides (n, 4), as xyxy in pixels."""
    return np.hstack([centres - sides[:, :2], centres + sides[:, 2:]]) * strides


def from_grid_xywh(boxes: Boxes, centres: Boxes, strides: Boxes) -> Boxes:
    """Centre and size in strides."""
    del centres
    return np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2]) * strides


def from_grid_corners(boxes: Boxes, centres: Boxes, strides: Boxes) -> Boxes:
    """Corners in strides."""
    del centres
    return boxes * strides


def from_offsets(boxes: Boxes, centres: Boxes, strides: Boxes) -> Boxes:
    """YOLOX: the centre's offset from its cell and the logarithm of the size, in strides."""
    middle, half = boxes[:, :2] + centres - 0.5, np.exp(np.minimum(boxes[:, 2:], 20)) / 2
    return np.hstack([middle - half, middle + half]) * strides


UNDECODED: dict[str, Callable[[Boxes, Boxes, Boxes], Boxes]] = {
    "distances to the sides in strides": from_sides,
    "centre and size in strides": from_grid_xywh,
    "corners in strides": from_grid_corners,
    "offsets and logarithms": from_offsets,
}


def decoded(case: Case, decode: Callable[[Boxes, Boxes, Boxes], Boxes]) -> Reading:
    """The boxes decoded on the host."""

    @silently
    def read(outputs: Outputs, probe: Probe) -> RawHead | None:
        head = written(case, outputs, probe)
        centres, strides = anchors(probe.size)
        if head is None or len(centres) != len(head.boxes):
            return None
        return RawHead(decode(head.boxes, centres, strides), head.scores)

    return read
