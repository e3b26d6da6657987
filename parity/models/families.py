"""Checkpoints that are honest but not for us, told by what they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parity.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of checkpoint: the globals that give it away, and those that may come with them."""

    signs: tuple[str, ...]
    company: tuple[str, ...]
    problem: str
    next_step: str


ULTRALYTICS = (
    *("ultralytics.nn.", "ultralytics.utils.", "torch.nn.modules.", "torchvision.transforms.", "numpy."),
    *("builtins.getattr", "__builtin__.getattr"),  # how bound methods are saved
)
YOLO_REPOSITORY = ("models.", "utils.", "torch.nn.modules.", "numpy.", "pathlib")


def other_task(model: str, task: str) -> Family:
    """An Ultralytics model that is not a plain detector."""
    next_step = "give a checkpoint that was trained with task=detect"
    return Family((f"ultralytics.nn.tasks.{model}",), ULTRALYTICS, f"its task is {task}, not detection", next_step)


FAMILIES = (
    other_task("SegmentationModel", "segmentation"),
    other_task("PoseModel", "pose"),
    other_task("OBBModel", "oriented boxes"),
    other_task("ClassificationModel", "classification"),
    other_task("SemanticSegmentationModel", "semantic segmentation"),
    other_task("DepthModel", "depth"),
    other_task("RTDETRDetectionModel", "detection by RT-DETR"),
    other_task("WorldModel", "open-vocabulary detection"),
    other_task("YOLOEModel", "open-vocabulary detection"),
    other_task("YOLOESegModel", "open-vocabulary segmentation"),
    Family(
        ("models.yolo.", "models.common."),
        YOLO_REPOSITORY,
        "is a checkpoint of the original YOLOv5 or YOLOv7 repository, which Ultralytics cannot load",
        "export it to ONNX there (python export.py --include onnx) and give that as a candidate",
    ),
)


def explain_family(refused: Sequence[str], path: Path) -> None:
    """Raise ``BadInput`` if the refused globals are those of a known family and nothing else."""
    for family in FAMILIES:
        if any(name.startswith(family.signs) for name in refused) and all(name.startswith(family.company) for name in refused):
            found = next(name for name in refused if name.startswith(family.signs))
            raise BadInput(family.problem, file=path, found=found, expected="an Ultralytics detector", next_step=family.next_step)
