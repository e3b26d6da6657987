"""A detector small enough to export within a test, in the checkpoint format of Ultralytics' training."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from parity.models.ultralytics import require_ultralytics

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("circle", "square", "ring")
SIDE = 64


def build(model: str = "yolov8n.yaml") -> Any:
    """A network of three classes with seeded weights and normalisation statistics, so that its outputs vary over the image."""
    require_ultralytics()
    import torch  # noqa: PLC0415
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415

    torch.manual_seed(7)
    network = DetectionModel(model, nc=len(NAMES), verbose=False)
    network.names = dict(enumerate(NAMES))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def save(network: Any, path: Path, **others: Any) -> Path:
    """Write a checkpoint as Ultralytics does after training: half precision, in ``model``."""
    import torch  # noqa: PLC0415

    content = {"epoch": -1, "ema": None, "model": deepcopy(network).half(), "train_args": {"imgsz": SIDE}, "version": "8.4.190"}
    torch.save(content | others, path)
    return path
