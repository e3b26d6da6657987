"""Raw network outputs to candidate boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.boxes import silently, xywh_to_xyxy
from parity.detections import LARGEST_CLASS
from parity.errors import BadInput
from parity.spec import Activation, BoxFormat, BoxUnits, Head, HeadLayout

Array = NDArray[np.float32]
Outputs = tuple[Array, ...]
LEAST_SHARE = 1e-12  # of a score whose logit is taken
BITS_OF_INFINITY = np.float32(np.inf).view(np.uint32)
FAR_FROM_OVERFLOW = 1e30  # of a float32 coordinate, whatever it is multiplied by


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes before suppression: ``boxes`` (n, 4) xyxy in network pixels, ``scores`` (n, k), and their ``labels`` (n, k).

    k is the number of classes for a raw head and 1 where the network has chosen the class. All numbers are finite;
    ``non_finite`` counts the rows that were left out.
    """

    boxes: Array
    scores: Array
    labels: NDArray[np.int64]
    non_finite: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One output read by its layout: ``boxes`` (n, 4) as the network wrote them, ``scores`` (n, k).

    ``labels`` are (n, k), or (1, k) where every row has the same: those of a raw head.
    """

    boxes: Array
    scores: Array
    labels: NDArray[np.floating] | NDArray[np.integer]

    def take(self, which: NDArray[np.bool_]) -> Rows:
        """Some of the rows; the boxes by columns, which is how they are calculated with."""
        (chosen,) = which.nonzero()
        labels = self.labels if len(self.labels) == 1 else self.labels[chosen]
        return Rows(np.asfortranarray(self.boxes[chosen]), self.scores[chosen], labels)


@silently
def decode(outputs: Outputs, head: Head, *, classes: int, network_size: tuple[int, int], above: float = -np.inf) -> Candidates:
    """Read one image's outputs (leading batch axis of 1) as the head says; raises ``BadInput`` where the shape does not fit.

    Rows without a score ``above`` are left out, which at any confidence that is used are most of a raw head's.
    """
    rows, non_finite = READERS[head.layout](outputs, classes), 0
    best, sure = top_scores(rows.scores)
    if not (sure and surely_finite(rows)):
        finite = finite_rows(rows, head, network_size)
        rows, best, non_finite = rows.take(finite), best[finite], int((~finite).sum())
    activation = ACTIVATIONS[head.activation]
    if above > -np.inf:
        rows = rows.take(activation(best) > above)
    boxes, scores = in_pixels(rows.boxes, head, network_size), activation(rows.scores)
    labels = rows.labels.astype(np.int64, copy=False) - head.class_offset
    return Candidates(boxes, scores, repeated(labels, scores.shape), non_finite)


def top_scores(scores: Array) -> tuple[Array, bool]:
    """The best score of each row, (n,), and whether all scores are finite.

    Read as whole numbers, floats without a sign keep their order, and those with one, infinity and NaN lie above them all: where none
    is seen, one look has told both.
    """
    bits = np.asarray(scores, np.float32).view(np.uint32).max(1, initial=0)
    if bits.max(initial=0) < BITS_OF_INFINITY:
        return bits.view(np.float32), True
    best = np.asarray(scores.max(1, initial=-np.inf))
    return best, bool(np.isfinite(best).all() and np.isfinite(scores.min(initial=0)))


def surely_finite(rows: Rows) -> bool:
    """Whether a quick look finds boxes far from overflow and labels that are indices."""
    near = -FAR_FROM_OVERFLOW < rows.boxes.min(initial=0) <= rows.boxes.max(initial=0) < FAR_FROM_OVERFLOW
    return bool(near and (rows.labels.dtype.kind == "i" or (np.abs(rows.labels) <= LARGEST_CLASS).all()))


def finite_rows(rows: Rows, head: Head, network_size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which rows hold finite numbers only, (n,), once their boxes are in pixels."""
    finite = np.isfinite(in_pixels(rows.boxes, head, network_size)).all(1) & np.isfinite(rows.scores).all(1)
    return np.asarray(finite & (np.abs(rows.labels) <= LARGEST_CLASS).all(1))


def repeated(labels: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Labels (n, k), or (1, k) for every row without a copy; ``np.broadcast_to`` takes ten times as long."""
    if labels.shape == shape:
        return labels
    every: NDArray[np.int64] = np.ndarray(shape, np.int64, np.ascontiguousarray(labels), strides=(0, labels.itemsize))
    every.setflags(write=False)
    return every


def in_pixels(boxes: Array, head: Head, network_size: tuple[int, int]) -> Array:
    """Boxes as the network wrote them to xyxy in network pixels."""
    corners = xywh_to_xyxy(boxes) if head.box_format is BoxFormat.XYWH else boxes
    if head.box_units is BoxUnits.PIXELS:
        return corners
    sides = np.array([network_size[1], network_size[0]] * 2, np.float32)
    return corners * sides if head.box_units is BoxUnits.NORMALISED else corners / sides


def sigmoid(logits: Array) -> Array:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


@silently
def logit(scores: Array) -> Array:
    """The inverse of the logistic function; 0 and 1 stay finite."""
    shares = np.clip(scores.astype(np.float64), LEAST_SHARE, 1 - LEAST_SHARE)
    return np.asarray(np.log(shares / (1 - shares)), np.float32)


def unchanged(scores: Array) -> Array:
    """The scores as they are."""
    return scores


ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    Activation.NONE: unchanged,
    Activation.SIGMOID: sigmoid,
    Activation.LOGIT: logit,
}


def read_channels_last(outputs: Outputs, classes: int) -> Rows:
    """[1, N, 4 + nc]."""
    rows = single(outputs, (None, 4 + classes), HeadLayout.CHANNELS_LAST)
    return Rows(rows[:, :4], rows[:, 4:], every_class(classes))


def read_channels_first(outputs: Outputs, classes: int) -> Rows:
    """[1, 4 + nc, N]: Ultralytics v8, v5u, v9, 11, 12."""
    rows = single(outputs, (4 + classes, None), HeadLayout.CHANNELS_FIRST).T
    return Rows(rows[:, :4], rows[:, 4:], every_class(classes))


def read_objectness(outputs: Outputs, classes: int) -> Rows:
    """[1, N, 5 + nc]: the score is objectness times class (v5, v7, YOLOX)."""
    rows = single(outputs, (None, 5 + classes), HeadLayout.OBJECTNESS)
    return Rows(rows[:, :4], rows[:, 4:5] * rows[:, 5:], every_class(classes))


def read_end_to_end(outputs: Outputs, classes: int) -> Rows:
    """[1, n, 6] of x1, y1, x2, y2, score, class: v10, 26, and exports with NMS inside."""
    del classes  # a class beyond the names must stay visible
    rows = single(outputs, (None, 6), HeadLayout.END_TO_END)
    return Rows(rows[:, :4], rows[:, 4:5], rows[:, 5:6])


def read_boxes_labels_scores(outputs: Outputs, classes: int) -> Rows:
    """Three outputs (n, 4), (n,), (n,): torchvision's order."""
    del classes
    n = outputs[0].shape[:1]
    if [output.shape for output in outputs] != [(*n, 4), n, n]:
        raise misfit(outputs, "three outputs (n, 4), (n,), (n,)", HeadLayout.BOXES_LABELS_SCORES)
    boxes, labels, scores = outputs
    return Rows(boxes, scores[:, None], labels[:, None])


def read_boxes_scores_labels(outputs: Outputs, classes: int) -> Rows:
    """Three outputs [1, n, 4], [1, n], [1, n]; rows of score 0 fill a batch up and are no detections."""
    del classes
    n = outputs[0].shape[1:2]
    if [output.shape for output in outputs] != [(1, *n, 4), (1, *n), (1, *n)]:
        raise misfit(outputs, "three outputs [1, n, 4], [1, n], [1, n]", HeadLayout.BOXES_SCORES_LABELS)
    boxes, scores, labels = (output[0] for output in outputs)
    return Rows(boxes, scores[:, None], labels[:, None])


READERS: dict[HeadLayout, Callable[[Outputs, int], Rows]] = {
    HeadLayout.CHANNELS_FIRST: read_channels_first,
    HeadLayout.CHANNELS_LAST: read_channels_last,
    HeadLayout.OBJECTNESS: read_objectness,
    HeadLayout.END_TO_END: read_end_to_end,
    HeadLayout.BOXES_LABELS_SCORES: read_boxes_labels_scores,
    HeadLayout.BOXES_SCORES_LABELS: read_boxes_scores_labels,
}


def single(outputs: Outputs, shape: tuple[int | None, int | None], layout: HeadLayout) -> Array:
    """The first output without its batch axis; its shape must be ``shape``, None standing for any."""
    raw = outputs[0]
    if raw.ndim != 3 or raw.shape != (1, shape[0] or raw.shape[1], shape[1] or raw.shape[2]):  # noqa: PLR2004
        raise misfit(outputs, f"[1, {', '.join('N' if side is None else str(side) for side in shape)}]", layout)
    return np.asarray(raw[0])


def every_class(classes: int) -> NDArray[np.int64]:
    """The class index of every score of a raw head's row, (1, nc)."""
    return np.arange(classes)[None]


def misfit(outputs: Outputs, expected: str, layout: HeadLayout) -> BadInput:
    """The error for outputs that are not what the spec says."""
    found = " and ".join(str(list(output.shape)) for output in outputs)
    step = "give the right head layout with --candidate-spec (parity convert --print-spec shows one)"
    return BadInput(f"the network's output does not fit the head layout {layout}", found=found, expected=expected, next_step=step)
