"""One open gate whose reference runs once, and the ways in which a candidate can be made for it."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch
from independent_pipeline import Settings, predictions
from torch import nn

from parity.backends.base import CheckedSession
from parity.backends.pytorch import torch_threads
from parity.backends.quiet import quiet_torch
from parity.candidates import ModelDetector
from parity.contests import Contest, Source, contests
from parity.judging import Outcome, judge_contest
from parity.models import Checkpoint
from parity.open_gate import Gate, reference_detector, reference_spec
from parity.pipeline import Pipeline
from parity.verdict import CandidateId, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from independent_pipeline import Network, Prediction


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """A gate, a folder for what is made, a dynamic export of the reference, and its network as the second pipeline runs it."""

    gate: Gate
    folder: Path
    exported: Path
    network: Network
    side: int

    @property
    def checkpoint(self) -> Checkpoint:
        """The reference."""
        assert self.gate.checkpoint is not None
        return self.gate.checkpoint

    def judge_file(self, candidate: object) -> Outcome:
        """Judge a model file, a predictions file or a callable."""
        self.gate.request = replace(self.gate.request, candidates=(str(candidate),))
        (contest,) = contests(self.gate)
        return judge_contest(self.gate, contest)

    def judge_network(self, network: Network) -> Outcome:
        """Judge whatever runs the network, in the reference's own pipeline."""
        size = (self.side, self.side)
        pipeline = Pipeline(reference_spec(self.gate, size), Remembered(network))
        candidate = ModelDetector(CandidateId("model", "by hand", None), pipeline)
        return judge_contest(
            self.gate, Contest("by-hand", "by hand", size, reference_detector(self.gate, size), candidate, Source("by hand"))
        )

    def judge_rows(self, rows: Sequence[Prediction]) -> Outcome:
        """Judge a predictions file."""
        path = self.folder / "predictions.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        return self.judge_file(path)

    def predict(self, paths: Callable[[Path], Path] = Path, **settings: Any) -> list[Prediction]:
        """The rows of the second pipeline; ``paths`` says where it reads an image instead."""
        images = {image.path.name: paths(image.path) for image in self.gate.dataset.images}
        return predictions(images, self.network, Settings(side=self.side, **settings))

    def traced(self, *, opset: int = 17, axes: dict[int, str] | None = None) -> Path:
        """The network as PyTorch's own exporter writes it: no metadata, nothing simplified."""
        path = self.folder / f"opset{opset}{'-'.join((axes or {}).values())}.onnx"
        example = torch.zeros(1, 3, self.side, self.side)
        names: dict[str, Any] = {"input_names": ["images"], "output_names": ["output0"]}
        with quiet_torch():
            torch.onnx.export(
                FirstOutput(self.checkpoint.network), (example,), path, dynamo=False, opset_version=opset, **names, **open_axes(axes)
            )
        return path


class Remembered(CheckedSession):
    """A session that runs each input once: the reference is asked for the same images by every variation, and by its diagnosis."""

    def __init__(self, network: Network) -> None:
        super().__init__("remembered", None)
        self.network = remembered(network)

    def _execute(self, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        return (self.network(tensor),)


def remembered(network: Network) -> Network:
    """The network with its answers kept."""
    answers: dict[bytes, np.ndarray] = {}

    def answer(tensor: np.ndarray) -> np.ndarray:
        key = tensor.tobytes()
        if key not in answers:
            answers[key] = network(tensor)
        return answers[key]

    return answer


def open_axes(axes: dict[int, str] | None) -> dict[str, Any]:
    """The axes of the input that stay open, with the batch of the output where the input's is."""
    if axes is None:
        return {}
    return {"dynamic_axes": {"images": axes, "output0": {0: axes[0]} if 0 in axes else {}}}


class FirstOutput(nn.Module):
    """A detector's boxes and scores, without what it gives for its losses."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = deepcopy(network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The raw head, (batch, 4 + classes, anchors)."""
        found = self.network(images)
        return found if isinstance(found, torch.Tensor) else found[0]


def runtime(path: Path, *, threads: int = 1, level: str = "ORT_ENABLE_ALL") -> Network:
    """An ONNX file with a level of optimisation and a number of threads of one's own."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda tensor: session.run(None, {session.get_inputs()[0].name: tensor})[0]


def in_company(network: Network, size: int) -> Network:
    """Run each image as the last of a batch whose other images are turned copies of it."""

    def answer(tensor: np.ndarray) -> np.ndarray:
        others = [np.roll(tensor, 40 * number, axis=3) for number in range(1, size)]
        return network(np.concatenate([*others, tensor]))[-1:]

    return answer


def eager(network: nn.Module, *, dtype: torch.dtype = torch.float32, **layout: Any) -> Network:
    """The network in PyTorch on one thread, in a precision and a memory layout of one's own."""
    own = FirstOutput(network).to(dtype=dtype, **layout)

    def answer(tensor: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), torch_threads(1):
            return own(torch.from_numpy(tensor).to(dtype=dtype, **layout)).float().numpy()

    return answer


def failed(outcome: Outcome) -> list[str]:
    """What is not green, with its detail."""
    return [f"{check.name}: {check.measured}" for check in outcome.checks if check.status not in {Status.PASS, Status.NOT_CHECKED}]
