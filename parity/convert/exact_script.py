"""Torchvision's detectors as TorchScript that resizes images to the pixel as Python does."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.detection.transform import GeneralizedRCNNTransform


class ExactTransform(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Torchvision's transform, whose scripted form computes the scale in float32: one pixel off at 154 x 154 or 301 x 301 for 320/640."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """The image (3, h, w) at the scale that eager torchvision has, in double."""
        height, width = image.shape[-2:]
        scale = min(float(self.min_size[-1]) / float(min(height, width)), float(self.max_size) / float(max(height, width)))
        resized = interpolate(image[None], scale_factor=scale, mode="bilinear", recompute_scale_factor=True, align_corners=False)
        return resized[0], target


def scripted(network: nn.Module) -> Any:
    """A scripted copy of a network whose ``detector`` is torchvision's."""
    own: Any = deepcopy(network)
    transform = copy(own.detector.transform)
    transform.__class__ = ExactTransform
    own.detector.transform = transform
    return torch.jit.script(own)
