"""Torchvision's detectors compute otherwise when traced: the resized image may be a pixel off, and other boxes are suppressed.

Here a trace is given the arithmetic of the eager network, as torchvision 0.29 has it in ``transform.py`` and ``ops/boxes.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.onnx.operators import shape_as_tensor
from torchvision.ops import boxes as box_ops

if TYPE_CHECKING:
    from torchvision.models.detection import GeneralizedRCNN
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

MOVED_UP_TO = 1000  # boxes; of more than these the eager network suppresses one class after the other, on a CPU
NOT_OF_THE_CLASS = -1.0  # below every score, which come from a sigmoid or softmax


@contextmanager
def traced_as_eager(network: GeneralizedRCNN) -> Iterator[None]:
    """Let a trace of ``network`` within the block compute what the network itself does; the network is the tracer's own copy."""
    transform, suppress = network.transform, box_ops.batched_nms
    if transform.fixed_size is None:
        transform.resize = partial(resize, transform)
    box_ops.batched_nms = suppress_by_class
    try:
        yield
    finally:
        box_ops.batched_nms = suppress
        vars(transform).pop("resize", None)


def resize(transform: GeneralizedRCNNTransform, image: Tensor, target: None = None) -> tuple[Tensor, None]:
    """An image (3, h, w) at the network's size, computed in double: in float32 one size of nine is a pixel off.

    All are tensors of one axis: the exporter makes float32 of double scalars, and 1 / x * 320 of 320 / x.
    """
    sides = shape_as_tensor(image)[-2:].double()
    limits = torch.tensor([transform.min_size[-1], transform.max_size], dtype=torch.float64)
    scale = (limits / torch.stack([sides.min(), sides.max()])).amin(0, keepdim=True)
    size: Any = list(torch.floor(sides * scale).long().unbind())
    return interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0], target


def suppress_by_class(boxes: Tensor, scores: Tensor, classes: Tensor, iou_threshold: float) -> Tensor:
    """The kept of boxes (n, 4), best first, suppressed only by boxes of their own class.

    Up to ``MOVED_UP_TO`` boxes the eager network moves each class to a place of its own, and thereby rounds them; so is done here.
    """
    none = boxes.new_zeros(1)  # so that there is a largest of no boxes
    extent = torch.cat([boxes.flatten(), none]).max() + 1
    moved = boxes + (classes.to(boxes) * extent * (shape_as_tensor(boxes)[0] <= MOVED_UP_TO))[:, None]
    count: Any = torch.cat([classes, none.long()]).max() + 1
    own = classes == torch.arange(count)[:, None]
    kept: Tensor = SuppressionByClass.apply(moved, torch.where(own, scores, NOT_OF_THE_CLASS), iou_threshold)
    return kept[scores[kept].argsort(descending=True)]


class SuppressionByClass(torch.autograd.Function):
    """One ``NonMaxSuppression`` node; torchvision's own translation of NMS knows a single class."""

    @staticmethod
    def forward(_: Any, boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
        """Indices of the kept of boxes (n, 4) with scores (classes, n), class after class."""
        members = [torch.where(row > NOT_OF_THE_CLASS)[0] for row in scores]
        return torch.cat([own[box_ops.nms(boxes[own], row[own], iou_threshold)] for own, row in zip(members, scores, strict=True)])

    @staticmethod
    def symbolic(graph: Any, boxes: Any, scores: Any, iou_threshold: float) -> Any:
        """The same as nodes."""
        constant: Callable[[Tensor], Any] = lambda value: graph.op("Constant", value_t=value)  # noqa: E731
        first, last = constant(torch.tensor([0])), constant(torch.tensor(2))
        every, threshold = constant(torch.tensor([torch.iinfo(torch.int64).max])), constant(below(iou_threshold))
        batch = [graph.op("Unsqueeze", each, first) for each in (boxes, scores)]
        kept = graph.op("NonMaxSuppression", *batch, every, threshold, constant(torch.tensor([NOT_OF_THE_CLASS])))
        return graph.op("Gather", kept, last, axis_i=1)


def below(threshold: float) -> Tensor:
    """The largest float32 (1,) not above a threshold: torchvision compares in double, where 0.6 lies below float32's 0.6."""
    nearest = torch.tensor([threshold], dtype=torch.float32)
    return nearest if nearest.item() <= threshold else torch.nextafter(nearest, torch.tensor(-math.inf))
