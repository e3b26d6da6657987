"""Torchvision's FasterRCNN from a run directory. Weights only: the file holds tensors, the architecture is torchvision's."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from parity.backends.artefact import read_artefact
from parity.backends.base import missing
from parity.errors import BadInput, UntrustedInput
from parity.models.checkpoint import Checkpoint
from parity.models.run_directory import RunConfig, RunDirectory, RunModel, find_run, read_config
from parity.spec import BoxFormat, BoxUnits, Fit, Head, HeadLayout, PipelineSpec, Preprocess, Suppress, Suppressor
from parity.wire import to_json

try:
    import torch
    from torch import nn

    from parity.models.architectures import BUILDERS, build
except ImportError:
    raise missing("torchvision", extra="torchvision") from None

from parity.models.batched_detector import BatchedDetector

if TYPE_CHECKING:
    from pathlib import Path

FAMILY = "torchvision"
WRAPPINGS = ("model_state_dict", "state_dict", "model")  # keys under which trainings keep the weights
PREFIXES = ("module.", "_orig_mod.", "model.")  # what DataParallel, torch.compile and Lightning put before each name
COUNTER = "num_batches_tracked"  # of BatchNorm; frozen ones, which predict alike, have none
SHOWN_NAMES = 3
ORDINARY_SIZE = (480, 640)  # height, width


def load(path: Path, *, checkpoint: Path | None = None) -> Checkpoint:
    """Load a run directory, or one checkpoint of it; raises ``BadInput`` and ``UntrustedInput``."""
    run = find_run(path, checkpoint)
    config = read_config(run)
    content = read_artefact(run.checkpoint, kind="a state dict (.pth)")
    weights = read_weights(content, run.checkpoint)
    detector = build_detector(config.model, run)
    check_finite(weights, run)
    fill(detector, weights, run)
    settle(detector)
    return Checkpoint(path, digest(content, config), FAMILY, spec_of(detector, config), BatchedDetector(detector), len(content))


def digest(content: bytes, config: RunConfig) -> str:
    """The SHA-256 of the weights and of what the configuration says of the network: the same weights may detect otherwise."""
    return hashlib.sha256(hashlib.sha256(content).digest() + to_json(config).encode()).hexdigest()


def read_weights(content: bytes, path: Path) -> dict[str, torch.Tensor]:
    """The state dict of a file, unwrapped, floating-point tensors as float32."""
    try:
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        step = "save the weights alone: torch.save(model.state_dict(), path)"
        problem, expected = "holds more than weights, or is damaged", "a state dict that torch.load(weights_only=True) reads"
        raise UntrustedInput(problem, file=path, expected=expected, next_step=step) from None
    except Exception:  # noqa: BLE001 - torch's own text advises weights_only=False
        step = "save it again, or compare its sha256"
        raise BadInput("is truncated or damaged", file=path, found=f"{len(content)} bytes", next_step=step) from None
    weights = next((stored[key] for key in WRAPPINGS if isinstance(stored, dict) and isinstance(stored.get(key), dict)), stored)
    if not isinstance(weights, dict) or not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        found = sorted(map(str, weights))[:8] if isinstance(weights, dict) else type(weights).__name__
        raise BadInput("is not a state dict", file=path, found=found, expected="names and tensors", next_step="save model.state_dict()")
    return {name: value.float() if value.is_floating_point() else value for name, value in without_prefix(weights).items()}


def without_prefix(weights: Mapping[Any, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under the names of the bare network."""
    names = [str(name) for name in weights]
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in names):
            names = [name.removeprefix(prefix) for name in names]
    return dict(zip(names, weights.values(), strict=True))


def build_detector(model: RunModel, run: RunDirectory) -> Any:
    """The network that the configuration describes, with weights that are still to be filled."""
    if model.name not in BUILDERS:
        step = "train one of these, or export the model to ONNX yourself and gate that"
        raise BadInput("model.name is not supported", file=run.config, found=model.name, expected=", ".join(BUILDERS), next_step=step)
    with torch.random.fork_rng(devices=[]):  # building draws random weights, which is not to move the caller's generator
        return build(model.name, num_classes=model.num_classes, **model.options)


def fill(detector: nn.Module, weights: Mapping[str, torch.Tensor], run: RunDirectory) -> None:
    """Put the weights into the network; every one has its place and every place its weight."""
    own = detector.state_dict()
    absent = [name for name in own if name not in weights and not name.endswith(COUNTER)]
    foreign = [name for name in weights if name not in own]
    misshapen = [name for name in own if name in weights and weights[name].shape != own[name].shape]
    if absent or foreign or misshapen:
        shapes = [f"{name} {tuple(weights[name].shape)}, not {tuple(own[name].shape)}" for name in misshapen]
        parts = {"missing": absent, "not of this network": foreign, "of another shape": shapes}
        found = "; ".join(f"{len(names)} {what}: {', '.join(names[:SHOWN_NAMES])}" for what, names in parts.items() if names)
        step = f"check model.name and model.num_classes in {run.config.name}: they must be those of the training"
        problem = "the weights do not fit the network that the configuration describes"
        raise BadInput(problem, file=run.checkpoint, found=found, next_step=step)
    detector.load_state_dict({**own, **weights})
    detector.eval().requires_grad_(requires_grad=False)


def settle(detector: nn.Module) -> None:
    """Show the network an ordinary image: RoI pooling keeps the scales of the first one for good, and those of 20 x 640 px are wrong."""
    with torch.inference_mode():
        detector([torch.zeros(3, *ORDINARY_SIZE)])


def check_finite(weights: Mapping[str, torch.Tensor], run: RunDirectory) -> None:
    """Raise ``BadInput`` for weights that are no numbers: such a network detects nothing, and two of them agree."""
    broken = [name for name, value in weights.items() if not bool(value.isfinite().all())]
    if broken:
        found = f"{len(broken)} tensors with NaN or infinity: {', '.join(broken[:SHOWN_NAMES])}"
        raise BadInput(
            "the training diverged", file=run.checkpoint, found=found, next_step="give an earlier checkpoint with --checkpoint-path"
        )


def spec_of(detector: Any, config: RunConfig) -> PipelineSpec:
    """The pipeline around the network: images as they are, all else inside the graph."""
    head = detector.roi_heads
    return PipelineSpec(
        names=config.names,
        preprocess=Preprocess(fit=Fit.NATIVE),
        head=Head(HeadLayout.BOXES_SCORES_LABELS, BoxFormat.XYXY, BoxUnits.NORMALISED, class_offset=1),
        suppress=Suppress(
            Suppressor.IN_GRAPH,
            confidence=float(head.score_thresh),
            iou=float(head.nms_thresh),
            max_detections=int(head.detections_per_img),
            graph_confidence=float(head.score_thresh),
        ),
    )
