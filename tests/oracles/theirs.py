"""Ultralytics, imported the one safe way, for the tests that hold ours against theirs."""

# ruff: noqa: E402 - Ultralytics is imported after its environment is set

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

if find_spec("ultralytics") is None:  # not importorskip: it would import without our environment
    pytest.skip("the oracle is Ultralytics, which is not installed", allow_module_level=True)

import torch

from parity.models.ultralytics import require_ultralytics

require_ultralytics()

from ultralytics.data.augment import LetterBox
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import scale_boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parity.preprocess import Geometry
    from parity.spec import Suppress

__all__ = ["LetterBox", "nms_rows", "scaled"]


def nms_rows(output: NDArray[np.float32], settings: Suppress, *, end_to_end: bool = False) -> NDArray[np.float64]:
    """What ``non_max_suppression`` keeps of a raw output, rows of x1, y1, x2, y2, score, class."""
    (kept,) = non_max_suppression(
        torch.from_numpy(output.copy()),
        settings.confidence,
        0.7 if settings.iou is None else settings.iou,
        agnostic=settings.class_agnostic,
        multi_label=settings.multi_label,
        max_det=settings.max_detections,
        max_nms=settings.max_candidates,
        end2end=end_to_end,
    )
    return kept.numpy().astype(np.float64)


def scaled(boxes: NDArray[np.float64], geometry: Geometry) -> NDArray[np.float64]:
    """What ``scale_boxes`` makes of boxes in network pixels."""
    return np.asarray(scale_boxes(geometry.network_size, boxes.copy(), geometry.image_size))
