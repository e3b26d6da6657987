"""Torchvision's detectors take a list of images and return a list of dicts; every other network here takes and returns tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence


class BatchedDetector(nn.Module):
    """A torchvision detector as a network of one input and three outputs; written so that ``torch.jit.script`` takes it, too."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Location (b, N, 4) xyxy from 0 to 1, score (b, N) and category (b, N) from 1 of images (b, 3, H, W) from 0 to 1.

        N is the number of detections of the fullest image; shorter rows end in zeros.
        """
        height, width = images.shape[-2:]
        extent = torch.tensor([width, height, width, height], dtype=images.dtype, device=images.device)
        answer = self.detector(list(images.unbind(0)))
        found = answer[1] if torch.jit.is_scripting() else answer  # scripted, it returns losses as well
        location = pad_sequence([each["boxes"] / extent for each in found], batch_first=True)
        score = pad_sequence([each["scores"] for each in found], batch_first=True)
        category = pad_sequence([each["labels"] for each in found], batch_first=True)
        return location, score, category
