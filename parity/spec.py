"""A detection pipeline as a value: everything around the network that can differ between training and deployment.

Wrong values are members of the same enums on purpose: a suspected bug is ``replace(spec.preprocess, fit=Fit.STRETCH)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1
LARGEST_SIDE = 16_384  # px
LARGEST_PIXEL = 255
STRICT: Any = {"extra": "forbid", "strict": True, "allow_inf_nan": False}  # read by parity.wire


class Fit(StrEnum):
    """How an image is brought to the network's size."""

    LETTERBOX = "letterbox"  # keep the aspect ratio, pad to the full size
    RECT = "rect"  # keep the aspect ratio, pad to the next multiple of the stride
    STRETCH = "stretch"  # resize each axis on its own
    SWAPPED = "swapped"  # a letterbox whose picture was resized with height and width exchanged
    NATIVE = "native"  # hand over the image as it is: the network resizes inside


class PadPosition(StrEnum):
    """Where the image lies within the padding."""

    CENTER = "center"
    TOP_LEFT = "top_left"


class Interpolation(StrEnum):
    """The resampling filter, by the library's own name where they differ."""

    LINEAR = "linear"
    AREA = "area"
    CUBIC = "cubic"
    NEAREST = "nearest"
    ANTIALIAS = "antialias"  # Pillow's and torchvision's bilinear, which widens its triangle when it shrinks


class ChannelOrder(StrEnum):
    """The order of the colour channels that the network gets."""

    RGB = "rgb"
    BGR = "bgr"


class TensorLayout(StrEnum):
    """The order of the network input's axes."""

    NCHW = "nchw"
    NHWC = "nhwc"


class ExifPolicy(StrEnum):
    """Whether the orientation stored in a JPEG is applied."""

    APPLY = "apply"
    IGNORE = "ignore"


class HeadLayout(StrEnum):
    """What the axes of the network's output mean; nc is the number of classes, N the number of anchors."""

    CHANNELS_FIRST = "channels_first"  # [1, 4 + nc, N]: Ultralytics v8, v5u, v9, 11, 12
    CHANNELS_LAST = "channels_last"  # [1, N, 4 + nc]: the transpose
    OBJECTNESS = "objectness"  # [1, N, 5 + nc]: v5, v7, YOLOX; score = objectness * class
    END_TO_END = "end_to_end"  # [1, n, 6] of x1, y1, x2, y2, score, class: v10, 26, NMS in the graph
    BOXES_LABELS_SCORES = "boxes_labels_scores"  # three outputs [n, 4], [n], [n]: torchvision's own export
    BOXES_SCORES_LABELS = "boxes_scores_labels"  # three outputs [1, n, 4], [1, n], [1, n]: location, score, category


class BoxFormat(StrEnum):
    """What the four box numbers are."""

    XYWH = "xywh"  # centre and size
    XYXY = "xyxy"  # corners


class BoxUnits(StrEnum):
    """The unit of the box numbers."""

    PIXELS = "pixels"  # of the network input
    NORMALISED = "normalised"  # shares of the network input's width and height
    DIVIDED = "divided"  # pixels that are brought to shares once too often


class Activation(StrEnum):
    """What still has to be applied to the class scores."""

    NONE = "none"
    SIGMOID = "sigmoid"
    LOGIT = "logit"  # undo the sigmoid of the graph: what a head without one gives


class Suppressor(StrEnum):
    """Who removes duplicate boxes."""

    NMS = "nms"  # this package, greedy, as Ultralytics and torchvision do
    IN_GRAPH = "in_graph"  # the network itself; only confidence and number are cut afterwards


class RestoreGeometry(StrEnum):
    """Which geometry the boxes are restored with."""

    INVERSE = "inverse"  # undo what preprocessing did
    STRETCH = "stretch"  # scale each axis by image size / network size
    NO_PAD = "no_pad"  # undo the scaling and leave the padding in
    LETTERBOX = "letterbox"  # undo a letterbox, whatever preprocessing did
    SWAPPED = "swapped"  # undo the letterbox of an image of exchanged height and width
    NETWORK = "network"  # leave the network's coordinates


class PadRounding(StrEnum):
    """Which padding is subtracted, and with which gain."""

    APPLIED = "applied"  # the whole pixels that were added on the left and at the top
    EXACT = "exact"  # the half difference, unrounded
    OTHER = "other"  # the whole pixels that were added on the right and at the bottom
    RATIO = "ratio"  # computed from the gain, before the picture's sides were whole pixels; rounded (Ultralytics before 8.3)
    RATIO_EXACT = "ratio_exact"  # the same, unrounded


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Image to network input. ``size`` is (height, width) in pixels; it is ignored by ``Fit.NATIVE``."""

    size: tuple[int, int] = (640, 640)
    fit: Fit = Fit.LETTERBOX
    stride: int = 32
    pad_value: tuple[int, int, int] = (114, 114, 114)
    pad_position: PadPosition = PadPosition.CENTER
    interpolation: Interpolation = Interpolation.LINEAR
    scale_up: bool = True
    channel_order: ChannelOrder = ChannelOrder.RGB
    divisor: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: TensorLayout = TensorLayout.NCHW
    exif: ExifPolicy = ExifPolicy.APPLY
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse what no image can be brought to."""
        require(all(0 < side <= LARGEST_SIDE for side in self.size), f"sides of the size from 1 to {LARGEST_SIDE}")
        require(self.stride > 0, "a stride above 0")
        require(all(0 <= value <= LARGEST_PIXEL for value in self.pad_value), "pad values from 0 to 255")
        require(self.divisor > 0 and all(value > 0 for value in self.std), "a divisor and a std above 0")

    @property
    def target_size(self) -> tuple[int, int] | None:
        """The size that images are brought to, ``None`` where the network takes them as they are."""
        return None if self.fit is Fit.NATIVE else self.size


@dataclass(frozen=True, slots=True)
class Head:
    """Network output to boxes. ``class_offset`` is the label of the first class (torchvision: 1)."""

    layout: HeadLayout = HeadLayout.CHANNELS_FIRST
    box_format: BoxFormat = BoxFormat.XYWH
    box_units: BoxUnits = BoxUnits.PIXELS
    activation: Activation = Activation.NONE
    class_offset: int = 0
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Suppress:
    """Which boxes are kept.

    With ``in_graph`` the network has removed duplicates: ``iou`` is its constant, ``None`` if unknown, and ``graph_confidence`` is
    the score below which it lets nothing out; ``confidence`` is cut again on what it gives.
    """

    method: Suppressor = Suppressor.NMS
    confidence: float = 0.25
    iou: float | None = 0.7
    class_agnostic: bool = False
    multi_label: bool = False
    max_candidates: int = 30_000
    max_detections: int = 300
    graph_confidence: float = 0.0
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse thresholds that are no shares, and counts that keep nothing."""
        shares = (self.confidence, self.graph_confidence, 0.0 if self.iou is None else self.iou)
        require(all(0 <= share <= 1 for share in shares), "confidence and IoU from 0 to 1")
        require(self.iou is not None or self.method is Suppressor.IN_GRAPH, "an IoU threshold for NMS")
        require(self.max_candidates > 0 and self.max_detections > 0, "max_candidates and max_detections above 0")


@dataclass(frozen=True, slots=True)
class Restore:
    """Network coordinates to image coordinates."""

    geometry: RestoreGeometry = RestoreGeometry.INVERSE
    pad_rounding: PadRounding = PadRounding.APPLIED
    clip: bool = True
    integer: bool = False
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """One pipeline around a network; ``names`` are the class names in index order."""

    names: tuple[str, ...]
    preprocess: Preprocess = field(default_factory=Preprocess)
    head: Head = field(default_factory=Head)
    suppress: Suppress = field(default_factory=Suppress)
    restore: Restore = field(default_factory=Restore)
    schema: int = SCHEMA
    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse a spec of another version, and one without classes."""
        require(self.schema == SCHEMA, f"schema {SCHEMA}")
        require(len(self.names) > 0, "at least one class name")


def require(holds: bool, expected: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise ``ValueError`` saying what was expected, unless it holds."""
    if not holds:
        raise ValueError(f"expected {expected}")
