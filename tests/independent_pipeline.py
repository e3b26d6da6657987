"""A second, plain detection pipeline, so that Parity is never its own judge.

Nothing of ``parity`` or Ultralytics is imported here. OpenCV decodes and resizes, because the JPEG decoder and the resampling filter
define the pixels; every other step is written out. The defaults of ``Settings`` are ``YOLO.predict(rect=False)``, every other value is
a bug or a different configuration.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    Network = Callable[[np.ndarray], np.ndarray]  # (1, 3, height, width) float32 -> (1, 4 + classes, anchors)
    Prediction = dict[str, Any]  # one row of a COCO results file
    Box = tuple[float, float, float, float]  # x1, y1, x2, y2

FILTERS = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC, "nearest": cv2.INTER_NEAREST}

STRIDES = (8, 16, 32)  # of the network's levels, px
LEAST_SHARE = 1e-12  # of a score whose logit is taken


@dataclass(frozen=True, slots=True)
class Settings:
    """One pipeline around a network, healthy unless told otherwise."""

    side: int = 640
    reader: Literal["opencv", "pillow"] = "opencv"
    exif: bool = True
    fit: Literal["letterbox", "stretch", "rect"] = "letterbox"
    stride: int = 32  # of the rect fit
    scale_up: bool = True
    pad: int = 114
    pad_position: Literal["center", "top_left"] = "center"
    swapped: Literal["no", "resize", "restore"] = "no"  # height and width exchanged, where the picture is resized or boxes are restored
    interpolation: Literal["linear", "area", "cubic", "nearest", "pil_bilinear"] = "linear"
    channels: Literal["rgb", "bgr"] = "rgb"
    divisor: float = 255.0
    integer_division: bool = False
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    input_layout: Literal["transpose", "reshape"] = "transpose"  # reshape: NHWC memory read as NCHW
    output_layout: Literal["transpose", "reshape"] = "transpose"  # reshape: channels-first memory read as anchors-first
    box_format: Literal["xywh", "xyxy"] = "xywh"  # xyxy: centre and size read as corners
    box_scale: float = 1.0
    objectness: bool = False  # the first class read as objectness, as for YOLOv5
    sigmoids: int = 0  # applied to the scores, of which a healthy graph needs none; -1: logits, as from a head without one
    score_scale: float = 1.0
    confidence: float = 0.25
    iou: float = 0.7
    nms: bool = True
    agnostic: bool = False
    multi_label: bool = False
    max_candidates: int = 30_000
    max_detections: int = 300
    class_offset: int = 0
    unletterbox: Literal["inverse", "none", "stretch", "no_pad", "exact_pad", "other_pad", "letterbox"] = "inverse"
    clip: bool = True
    corner_offset: tuple[float, float] = (0.0, 0.0)  # px of the image, added to x1 and y1 and to x2 and y2
    integer: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One detection; corners in image pixels."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    class_index: int

    @property
    def box(self) -> Box:
        """The corners x1, y1, x2, y2."""
        return self.x1, self.y1, self.x2, self.y2


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies in the network input; all lengths in pixels."""

    image_width: int
    image_height: int
    resized_width: int
    resized_height: int
    left: int
    top: int
    input_width: int
    input_height: int


def detect(path: Path, network: Network, settings: Settings) -> list[Row]:
    """Return the detections in one image, best score first."""
    tensor, placement = prepare(path, settings)
    kept = suppress(decode(network(tensor), settings), settings)
    return [
        Row(*restore(row.box, placement, settings), score=row.score, class_index=row.class_index + settings.class_offset) for row in kept
    ]


def as_array(rows: Sequence[Row]) -> np.ndarray:
    """Return detections as the (n, 6) array that a candidate callable gives back: x1, y1, x2, y2, score, class index."""
    return np.array([(*row.box, row.score, row.class_index) for row in rows], dtype=np.float64).reshape(-1, 6)


def onnx_network(path: Path) -> Network:
    """Open an ONNX file whose first output is (1, 4 + classes, anchors)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: session.run(None, {name: tensor})[0]


# Image to network input


def prepare(path: Path, settings: Settings) -> tuple[np.ndarray, Placement]:
    """Return the (1, 3, height, width) float32 input and where boxes are restored as if the image lay in it."""
    image = read(path, settings)
    height, width = image.shape[:2]
    placement = place(width, height, settings)
    canvas = paint(image, exchanged(placement) if settings.swapped == "resize" else placement, settings)
    return normalise(canvas, settings), place(height, width, settings) if settings.swapped == "restore" else placement


def paint(image: np.ndarray, placement: Placement, settings: Settings) -> np.ndarray:
    """Return the padded picture, (height, width, 3) uint8."""
    canvas = np.full((placement.input_height, placement.input_width, 3), settings.pad, dtype=np.uint8)
    rows = slice(placement.top, placement.top + placement.resized_height)
    columns = slice(placement.left, placement.left + placement.resized_width)
    canvas[rows, columns] = resize(image, placement.resized_width, placement.resized_height, settings.interpolation)
    return canvas


def read(path: Path, settings: Settings) -> np.ndarray:
    """Return the picture as (height, width, 3) uint8, blue first as OpenCV has it."""
    if settings.reader == "pillow":
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture) if settings.exif else picture
            return np.array(upright.convert("RGB"))[:, :, ::-1].copy()
    flags = cv2.IMREAD_COLOR if settings.exif else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), flags)
    if image is None:
        raise ValueError(f"{path}: OpenCV cannot decode this file")
    return image


def place(width: int, height: int, settings: Settings) -> Placement:
    """Return how an image of this size is fitted into the network input, after Ultralytics' ``LetterBox``."""
    side = settings.side
    if settings.fit == "stretch":
        return Placement(width, height, side, side, 0, 0, side, side)
    ratio = min(side / height, side / width)
    if not settings.scale_up:
        ratio = min(ratio, 1.0)
    resized_width, resized_height = max(round(width * ratio), 1), max(round(height * ratio), 1)
    spare_width, spare_height = side - resized_width, side - resized_height
    if settings.fit == "rect":
        spare_width, spare_height = spare_width % settings.stride, spare_height % settings.stride
    left, top = round(spare_width / 2 - 0.1), round(spare_height / 2 - 0.1)
    if settings.pad_position == "top_left":
        left, top = 0, 0
    return Placement(width, height, resized_width, resized_height, left, top, resized_width + spare_width, resized_height + spare_height)


def exchanged(placement: Placement) -> Placement:
    """Return a placement with everything but the image's own width and height exchanged."""
    return replace(
        placement,
        resized_width=placement.resized_height,
        resized_height=placement.resized_width,
        left=placement.top,
        top=placement.left,
        input_width=placement.input_height,
        input_height=placement.input_width,
    )


def resize(image: np.ndarray, width: int, height: int, interpolation: str) -> np.ndarray:
    """Return the picture at another size."""
    if interpolation == "pil_bilinear":
        return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    return cv2.resize(image, (width, height), interpolation=FILTERS[interpolation])


def normalise(canvas: np.ndarray, settings: Settings) -> np.ndarray:
    """Turn a blue-first uint8 picture into a network input."""
    ordered = canvas[:, :, ::-1] if settings.channels == "rgb" else canvas
    pixels = ordered.astype(np.float32) / np.float32(settings.divisor)
    pixels = np.floor(pixels) if settings.integer_division else pixels
    pixels = (pixels - np.array(settings.mean, dtype=np.float32)) / np.array(settings.std, dtype=np.float32)
    height, width, depth = pixels.shape
    planes = pixels.transpose(2, 0, 1) if settings.input_layout == "transpose" else pixels.reshape(depth, height, width)
    return np.ascontiguousarray(planes[np.newaxis])


# Network output to detections in network coordinates


def decode(output: np.ndarray, settings: Settings) -> list[Row]:
    """Return one row per anchor, or per anchor and class if multi-label, with a score above the confidence threshold."""
    channels, anchors = output.shape[1:]
    table = output[0].T if settings.output_layout == "transpose" else output[0].reshape(anchors, channels)
    scores = class_scores(table, settings)
    passes = scores > settings.confidence
    rows = []
    for anchor in np.flatnonzero(passes.any(axis=1)):
        box = corners(table[anchor, :4], settings)
        labels = np.flatnonzero(passes[anchor]) if settings.multi_label else [scores[anchor].argmax()]
        rows.extend(Row(*box, score=float(scores[anchor, label]), class_index=int(label)) for label in labels)
    return rows


def class_scores(table: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the (anchors, classes) scores of a head that is anchors-first."""
    scores = table[:, 4:5] * table[:, 5:] if settings.objectness else table[:, 4:]
    if settings.sigmoids < 0:
        shares = np.clip(scores.astype(np.float64), LEAST_SHARE, 1 - LEAST_SHARE)
        scores = np.log(shares / (1 - shares))
    for _ in range(settings.sigmoids):
        scores = 1 / (1 + np.exp(-scores))
    return scores * np.float32(settings.score_scale)


def corners(numbers: np.ndarray, settings: Settings) -> Box:
    """Return the box that four numbers of the head stand for."""
    first, second, third, fourth = (float(number) * settings.box_scale for number in numbers)
    if settings.box_format == "xyxy":
        return first, second, third, fourth
    return first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2


def suppress(rows: Iterable[Row], settings: Settings) -> list[Row]:
    """Return the rows that no better kept row of their class overlaps by more than the IoU threshold, best first."""
    kept: list[Row] = []
    rivals: defaultdict[int, list[Row]] = defaultdict(list)
    ranked = sorted(rows, key=lambda row: -row.score)[: settings.max_candidates]
    if not settings.nms:
        return ranked[: settings.max_detections]
    for row in ranked:
        if len(kept) == settings.max_detections:
            break
        group = rivals[0 if settings.agnostic else row.class_index]
        if all(overlap(row, rival) <= settings.iou for rival in group):
            group.append(row)
            kept.append(row)
    return kept


def overlap(one: Row, other: Row) -> float:
    """Return the intersection over union of two boxes, 0 where both are empty."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    shared = max(width, 0.0) * max(height, 0.0)
    union = area(one) + area(other) - shared
    return shared / union if union else 0.0


def area(row: Row) -> float:
    """Return the area of a box; negative if only one of its axes is turned round."""
    return (row.x2 - row.x1) * (row.y2 - row.y1)


# Network coordinates to image coordinates


def restore(box: Box, placement: Placement, settings: Settings) -> Box:
    """Bring a box back to image pixels, or fail to in the way that ``settings.unletterbox`` says."""
    gain_x, gain_y, left, top = undoing(placement, settings)
    x1, y1, x2, y2 = (box[0] - left) / gain_x, (box[1] - top) / gain_y, (box[2] - left) / gain_x, (box[3] - top) / gain_y
    if settings.clip:
        x1, x2 = (min(max(x, 0.0), placement.image_width) for x in (x1, x2))
        y1, y2 = (min(max(y, 0.0), placement.image_height) for y in (y1, y2))
    before, after = settings.corner_offset
    x1, y1, x2, y2 = x1 + before, y1 + before, x2 + after, y2 + after
    if settings.integer:
        x1, y1, x2, y2 = (math.trunc(value) for value in (x1, y1, x2, y2))
    return float(x1), float(y1), float(x2), float(y2)


def undoing(placement: Placement, settings: Settings) -> Box:
    """Return the gains of x and y to divide by and the left and top pad to subtract before."""
    gain_x, gain_y = placement.resized_width / placement.image_width, placement.resized_height / placement.image_height
    ratio = min(placement.input_width / placement.image_width, placement.input_height / placement.image_height)
    spare_x, spare_y = placement.input_width - placement.image_width * ratio, placement.input_height - placement.image_height * ratio
    return {
        "inverse": (gain_x, gain_y, placement.left, placement.top),
        "none": (1.0, 1.0, 0.0, 0.0),
        "stretch": (placement.input_width / placement.image_width, placement.input_height / placement.image_height, 0.0, 0.0),
        "no_pad": (gain_x, gain_y, 0.0, 0.0),
        "exact_pad": (ratio, ratio, spare_x / 2, spare_y / 2),
        "other_pad": (
            *(gain_x, gain_y),
            *(
                placement.input_width - placement.resized_width - placement.left,
                placement.input_height - placement.resized_height - placement.top,
            ),
        ),
        "letterbox": (ratio, ratio, round(spare_x / 2 - 0.1), round(spare_y / 2 - 0.1)),  # whatever the input was fitted like
    }[settings.unletterbox]


# Faults of the network


def half_precision(network: Network) -> Network:
    """Round the output to float16, as a half-precision head does."""
    return lambda tensor: network(tensor).astype(np.float16).astype(np.float32)


def bfloat(network: Network) -> Network:
    """Round the output to bfloat16, the upper half of a float32, as some CPUs do unasked."""

    def rounded_to_even(tensor: np.ndarray) -> np.ndarray:
        bits = np.ascontiguousarray(network(tensor), dtype=np.float32).view(np.uint32)
        last_kept = (bits >> 16) & 1
        return ((bits + 0x7FFF + last_kept) & 0xFFFF0000).astype(np.uint32).view(np.float32)

    return rounded_to_even


def one_scale(network: Network, *, steps: int = 255) -> Network:
    """Quantise boxes and scores with one common scale, as INT8 does at the head's last Concat."""

    def quantised(tensor: np.ndarray) -> np.ndarray:
        output = network(tensor)
        step = np.abs(output).max() / steps
        return np.round(output / step) * step

    return quantised


def integers(network: Network) -> Network:
    """Hand out the uint8 numbers of boxes and scores, each of its own scale, as a quantised output that nobody turns back."""

    def quantised(tensor: np.ndarray) -> np.ndarray:
        output = network(tensor).astype(np.float64)
        output[:, :4] *= 255 / max(tensor.shape[2:])
        output[:, 4:] *= 255
        return np.clip(np.round(output), 0, 255).astype(np.float32)

    return quantised


def undecoded(network: Network) -> Network:
    """Give boxes as the head computes them: left, top, right and bottom from the anchor point, in strides."""

    def distances(tensor: np.ndarray) -> np.ndarray:
        output = network(tensor).copy()
        points, strides = anchor_points(*tensor.shape[2:])
        centres, halves = output[0, :2].copy(), output[0, 2:4] / 2
        output[0, :2] = (points - centres + halves) / strides
        output[0, 2:4] = (centres + halves - points) / strides
        return output

    return distances


def strides_reversed(network: Network) -> Network:
    """Concatenate the class scores of the levels coarse to fine, while the boxes stay fine to coarse."""

    def answer(tensor: np.ndarray) -> np.ndarray:
        output = network(tensor).copy()
        _, strides = anchor_points(*tensor.shape[2:])
        output[:, 4:] = output[:, 4:, np.argsort(-strides, kind="stable")]
        return output

    return answer


def anchor_points(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the (2, anchors) cell centres in network pixels and the (anchors,) strides of a head of three levels."""
    cells = [
        ((column + 0.5) * stride, (row + 0.5) * stride, stride)
        for stride in STRIDES
        for row in range(height // stride)
        for column in range(width // stride)
    ]
    table = np.array(cells, dtype=np.float32).T
    return table[:2], table[2]


def late(network: Network) -> Network:
    """Answer each image with the output of the image before, as a reused buffer does; the first gets its own."""
    previous: list[np.ndarray] = []

    def answer(tensor: np.ndarray) -> np.ndarray:
        previous.append(network(tensor).copy())
        return previous.pop(0) if len(previous) > 1 else previous[0]

    return answer


# Faults of a run over a list of images


def first_of_batch(rows_by_image: Sequence[list[Row]], size: int, *, copies: bool = False) -> list[list[Row]]:
    """Leave the first image of every batch its own detections; the others get none, or copies of the first one's."""
    firsts = [rows_by_image[place - place % size] for place in range(len(rows_by_image))]
    return [list(first) if copies or place % size == 0 else [] for place, first in enumerate(firsts)]


def out_of_time(rows_by_image: Sequence[list[Row]], size: int, *, after: int) -> list[list[Row]]:
    """Leave empty what comes from place ``after`` on in every batch, as NMS does that breaks off at a time limit."""
    return [list(rows) if place % size < after else [] for place, rows in enumerate(rows_by_image)]


def of_another_image(rows_by_image: Sequence[list[Row]], by: int = 1) -> list[list[Row]]:
    """Give what was found in each image to the ``by``-th next, the last to the first."""
    return [list(rows_by_image[place - by]) for place in range(len(rows_by_image))]


def renamed(rows_by_image: Sequence[list[Row]], classes: Mapping[int, int]) -> list[list[Row]]:
    """Replace the class indices that are named, as a list of names in another order does."""
    return [[replace(row, class_index=classes.get(row.class_index, row.class_index)) for row in rows] for rows in rows_by_image]


# Predictions files


def predictions(
    images: Mapping[Any, Path],
    network: Network,
    settings: Settings,
    *,
    category_ids: Mapping[int, int] | None = None,
) -> list[Prediction]:
    """Return the detections in all images as COCO results rows; a class index outside ``category_ids`` stays as it is."""
    categories = category_ids or {}
    return [
        {
            "image_id": image_id,
            "category_id": categories.get(row.class_index, row.class_index),
            "bbox": [row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1],
            "score": row.score,
        }
        for image_id, path in images.items()
        for row in detect(path, network, settings)
    ]


# Faults of a predictions file: each returns new rows and leaves the given ones alone


def drop_image(rows: Iterable[Prediction], image_id: Any) -> list[Prediction]:
    """Leave out everything that was found in one image."""
    return [{**row} for row in rows if row["image_id"] != image_id]


def drop_every(rows: Iterable[Prediction], nth: int) -> list[Prediction]:
    """Leave out the n-th, 2n-th, ... row."""
    return [{**row} for number, row in enumerate(rows, start=1) if number % nth]


def cut(rows: Iterable[Prediction], confidence: float) -> list[Prediction]:
    """Keep the rows that score more than a threshold."""
    return [{**row} for row in rows if row["score"] > confidence]


def add_ghost(
    rows: Iterable[Prediction],
    image_id: Any,
    category_id: int,
    *,
    bbox: Sequence[float] = (1.0, 1.0, 20.0, 20.0),
    score: float = 0.9,
) -> list[Prediction]:
    """Add an object that no network saw; ``bbox`` is x, y, width and height in pixels."""
    return [*({**row} for row in rows), {"image_id": image_id, "category_id": category_id, "bbox": list(bbox), "score": score}]


def nan_scores(rows: Iterable[Prediction], nth: int = 1) -> list[Prediction]:
    """Replace the score of the n-th, 2n-th, ... row by NaN."""
    return [{**row, "score": row["score"] if number % nth else math.nan} for number, row in enumerate(rows, start=1)]


def rescored(rows: Iterable[Prediction], factor: float) -> list[Prediction]:
    """Multiply all scores."""
    return [{**row, "score": row["score"] * factor} for row in rows]


def moved(rows: Iterable[Prediction], *, x_px: float = 0.0, y_px: float = 0.0) -> list[Prediction]:
    """Move all boxes."""
    return [{**row, "bbox": [row["bbox"][0] + x_px, row["bbox"][1] + y_px, *row["bbox"][2:]]} for row in rows]


def corner_boxes(rows: Iterable[Prediction]) -> list[Prediction]:
    """Write corners x1, y1, x2, y2 where x, y, width and height belong."""
    return [{**row, "bbox": [left, top, left + width, top + height]} for row in rows for left, top, width, height in [row["bbox"]]]


def shift_classes(rows: Iterable[Prediction], by: int = 1) -> list[Prediction]:
    """Add a constant to all category ids."""
    return [{**row, "category_id": row["category_id"] + by} for row in rows]


def mapped_classes(rows: Iterable[Prediction], category_ids: Mapping[int, int]) -> list[Prediction]:
    """Replace the category ids that are named, for example to exchange two classes."""
    return [{**row, "category_id": category_ids.get(row["category_id"], row["category_id"])} for row in rows]


def rounded(rows: Iterable[Prediction], digits: int, *, score_digits: int | None = None) -> list[Prediction]:
    """Round boxes, and scores as far as ``score_digits`` says, or as boxes."""
    places = digits if score_digits is None else score_digits
    return [{**row, "bbox": [round(number, digits) for number in row["bbox"]], "score": round(row["score"], places)} for row in rows]


def shuffled_image_ids(rows: Sequence[Prediction], by: int = 1) -> list[Prediction]:
    """Give what was found in each image to the ``by``-th next image that has detections, the last to the first."""
    images = list(dict.fromkeys(row["image_id"] for row in rows))
    successor = {image_id: images[(place + by) % len(images)] for place, image_id in enumerate(images)}
    return [{**row, "image_id": successor[row["image_id"]]} for row in rows]
