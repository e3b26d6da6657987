"""The FasterRCNN architectures that a run directory may name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_320_fpn, fasterrcnn_resnet50_fpn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from parity.models.light_fpn import LEVELS, PYRAMID_WIDTH, light_fpn

POOLED_SIDE = 7
BOX_HEAD_WIDTH = 160
ANCHORS = ((32,), (64,), (128,), (256,))  # px, one for each level and the pooled one
PROPOSALS = 300


def fasterrcnn_light_fpn(*, num_classes: int, **options: Any) -> FasterRCNN:
    """FasterRCNN over the light backbone, for images of 320 to 640 px unless told otherwise."""
    limits = dict.fromkeys((f"rpn_{when}_nms_top_n_{phase}" for when in ("pre", "post") for phase in ("train", "test")), PROPOSALS)
    parts = {
        "rpn_anchor_generator": AnchorGenerator(ANCHORS, ((0.5, 1.0, 2.0),) * len(ANCHORS)),
        "box_roi_pool": MultiScaleRoIAlign(list(LEVELS), POOLED_SIDE, sampling_ratio=2),
        "box_head": TwoMLPHead(PYRAMID_WIDTH * POOLED_SIDE**2, BOX_HEAD_WIDTH),
        "box_predictor": FastRCNNPredictor(BOX_HEAD_WIDTH, num_classes),
    }
    return FasterRCNN(light_fpn(), **parts, **{"min_size": 320, "max_size": 640, "box_batch_size_per_image": 128, **limits, **options})


BUILDERS: dict[str, Callable[..., FasterRCNN]] = {
    "fasterrcnn_resnet50_fpn": fasterrcnn_resnet50_fpn,
    "fasterrcnn_mobilenet_v3_large_320_fpn": fasterrcnn_mobilenet_v3_large_320_fpn,
    "fasterrcnn_light_fpn": fasterrcnn_light_fpn,
}


def build(architecture: str, *, num_classes: int, **options: Any) -> nn.Module:
    """A network of random weights; ``num_classes`` counts the background, ``options`` are torchvision's keywords.

    Torchvision's own builders would otherwise download weights.
    """
    offline = {} if architecture == "fasterrcnn_light_fpn" else {"weights": None, "weights_backbone": None}
    network: nn.Module = BUILDERS[architecture](num_classes=num_classes, **offline, **options)
    return network
