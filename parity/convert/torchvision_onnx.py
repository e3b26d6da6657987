"""Torchvision's FasterRCNN as one ONNX file of any batch and image size."""

from __future__ import annotations

import io
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import onnx
import torch
from torch import Tensor, nn
from torch.onnx.operators import shape_as_tensor

from parity.backends.quiet import quiet_torch
from parity.convert.batch_loop import COUNT, IMAGE, SIDES, over_batch
from parity.convert.eager_tracing import traced_as_eager

if TYPE_CHECKING:
    from pathlib import Path

    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

OPSET = 17  # from 16 on RoiAlign says which coordinates it means
EXAMPLE_SIZE = (480, 640)  # an ordinary image: RoI pooling takes its scales, for good, from the first one that it sees
ROWS = ("location", "score", "category")


class PaddedDetector(nn.Module):
    """A torchvision detector of one image whose answer has always as many rows as it may detect."""

    def __init__(self, detector: GeneralizedRCNN) -> None:
        super().__init__()
        self.detector = detector
        self.rows = int(detector.roi_heads.detections_per_img)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Location (D, 4) xyxy from 0 to 1, score (D,) and category (D,) of an image (3, h, w), and the number of detections (1,)."""
        found = self.detector([image])[0]
        extent = shape_as_tensor(image)[1:].flip(0).repeat(2).to(image)
        location, score, category = (self.padded(rows) for rows in (found["boxes"] / extent, found["scores"], found["labels"]))
        return location, score, category, shape_as_tensor(found["scores"])

    def padded(self, rows: Tensor) -> Tensor:
        """The rows (n, ...) and zeros after them (D, ...)."""
        return torch.cat([rows, rows.new_zeros((self.rows, *rows.shape[1:]))])[: self.rows]


def export_onnx(network: GeneralizedRCNN, file: Path) -> None:
    """Write one float32 file that detects what ``network`` does in eval mode; its thresholds become part of the graph.

    Input ``input`` (batch_size, 3, height, width), RGB from 0 to 1. Outputs ``location`` (batch_size, N, 4), xyxy as shares of the
    image's width and height, ``score`` (batch_size, N) and ``category`` (batch_size, N), int64 from 1. N is the number of detections
    of the fullest image; shorter rows end in zeros.
    """
    model = over_batch(single_image(network))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, file)


def single_image(network: GeneralizedRCNN) -> onnx.ModelProto:
    """The network as a model of one image ``IMAGE`` (3, height, width) with the outputs of ``PaddedDetector``."""
    detector = deepcopy(network).cpu().float().eval()
    example = torch.zeros(3, *EXAMPLE_SIZE)
    stream: Any = io.BytesIO()  # which the exporter takes, whatever its annotation says
    with quiet_torch(), torch.no_grad():
        detector([example])  # untraced, so that RoI pooling has its scales as numbers
        with traced_as_eager(detector):
            torch.onnx.export(
                PaddedDetector(detector),
                (example,),
                stream,
                dynamo=False,
                opset_version=OPSET,
                input_names=[IMAGE],
                output_names=[*ROWS, COUNT],
                dynamic_axes={IMAGE: dict(enumerate(SIDES, start=1))},
            )
    return onnx.load_from_string(stream.getvalue())
