"""A backbone light enough to train on a CPU in minutes and to ship with a project: five stages of plain convolutions and an FPN."""

from __future__ import annotations

from torch import nn
from torchvision.models.detection.backbone_utils import BackboneWithFPN

WIDTHS = (16, 24, 48, 96, 128)  # channels of the stages, at strides 2, 4, 8, 16 and 32
PYRAMID_WIDTH = 64
FIRST_LEVEL = 2  # stage 0 and 1 are too fine to be worth their time
LEVELS = tuple(str(index) for index in range(len(WIDTHS) - FIRST_LEVEL))


def light_fpn() -> BackboneWithFPN:
    """Feature maps "0" to "2" at strides 8, 16 and 32, and "pool" at 64."""
    stages = nn.Sequential()
    for index, width in enumerate(WIDTHS):
        stages.add_module(f"stage{index}", stage(3 if index == 0 else WIDTHS[index - 1], width))
    levels = {f"stage{FIRST_LEVEL + index}": level for index, level in enumerate(LEVELS)}
    return BackboneWithFPN(stages, levels, list(WIDTHS[FIRST_LEVEL:]), PYRAMID_WIDTH)


def stage(width_in: int, width_out: int) -> nn.Sequential:
    """Halve the resolution, then look once more."""
    return nn.Sequential(convolution(width_in, width_out, stride=2), convolution(width_out, width_out, stride=1))


def convolution(width_in: int, width_out: int, *, stride: int) -> nn.Sequential:
    """A 3 x 3 convolution with batch normalisation and ReLU."""
    layer = nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(width_out), nn.ReLU(inplace=True))
