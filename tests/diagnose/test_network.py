"""Faults planted in the graph of an exported file are named first and proven on its raw output; healthy variations have no name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("ultralytics") is None:
    pytest.skip("the reference is a checkpoint of Ultralytics", allow_module_level=True)


import numpy as np
import onnx
import onnxruntime
import torch
from diagnose import edited_onnx as planted
from onnxruntime.quantization import QuantType

from parity.backends.quiet import quiet_torch
from parity.contests import Gate, contests, open_gate
from parity.convert import convert
from parity.diagnose.network import name_network
from parity.images import read_image
from parity.preprocess import preprocess
from parity.request import GateRequest
from parity.spec import Preprocess
from parity.verdict import Diagnosis

FIXTURES = Path(__file__).parents[2] / "fixtures"
CHECKPOINT, SHAPES = FIXTURES / "models/yolov8n_shapes.pt", FIXTURES / "shapes"
SIDE = planted.SIDE
CHOSEN = ("landscape odd pad.jpg", "crowd_two_classes_0.jpg", "val_0028.jpg", "border_0.jpg")  # the second saturates INT8 sums most
CALIBRATION = tuple(f"val_{number:04}.jpg" for number in range(4))
SATURATED = 3  # times the error that the same INT8 file has in float
Diagnose = Callable[[Path], tuple[Diagnosis, ...]]


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    """An open gate for the embedded detector."""
    with ExitStack() as resources:
        request = GateRequest(CHECKPOINT, candidates=("to be told",), data=SHAPES / "data.yaml", sizes=((SIDE, SIDE),), threads=1)
        yield open_gate(request, resources)


@pytest.fixture(scope="module")
def plain(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported detector without a stamp, as another exporter would have left it."""
    assert gate.checkpoint is not None
    file = convert(gate.checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path_factory.mktemp("onnx"))
    return saved(without_stamp(onnx.load(file)), tmp_path_factory.mktemp("plain") / "plain.onnx")


def without_stamp(model: onnx.ModelProto) -> onnx.ModelProto:
    """The file without what parity wrote into it."""
    kept = [entry for entry in model.metadata_props if entry.key != "parity"]
    entries = {entry.key: entry.value for entry in kept}
    onnx.helper.set_model_props(model, entries)
    return model


def saved(model: onnx.ModelProto, path: Path) -> Path:
    """The path of a stored model."""
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def diagnose(gate: Gate) -> Diagnose:
    """Name the faults of a file's network."""
    images = [image for image in gate.full.images if Path(image.file_name).name in CHOSEN]

    def call(path: Path) -> tuple[Diagnosis, ...]:
        gate.request = replace(gate.request, candidates=(str(path),))
        (contest,) = contests(gate)
        return name_network(gate, contest, images)

    return call


def faults(found: tuple[Diagnosis, ...]) -> list[str]:
    """The names in their order."""
    return [each.fault for each in found]


RESTORED = ("confirmed", "restore")
REPRODUCED = ("confirmed", "reproduce")
PLACES = {
    planted.half_pixel: "/model.10/Resize (Resize) of model.10 (Upsample)",
    planted.pooled_off_centre: "/model.9/m/MaxPool (MaxPool) of model.9.m (MaxPool2d)",
    planted.bins_first: "/model.22/dfl/Reshape (Reshape) of model.22.dfl (DFL)",
    planted.head_fused_twice: "/model.22/cv3.0/cv3.0.2/Conv (Conv) of model.22.cv3.0.2 (Conv2d)",
}
PLANTS: dict[Callable[[onnx.ModelProto], None], tuple[str, tuple[str, str]]] = {
    planted.blue_first: ("channel_order_bgr", RESTORED),
    planted.divides_again: ("graph_and_host_both_preprocess", RESTORED),
    planted.normalises_again: ("graph_and_host_both_preprocess", RESTORED),
    planted.trained_on_bytes: ("value_range_255", RESTORED),
    planted.second_sigmoid: ("double_sigmoid", RESTORED),
    planted.no_sigmoid: ("missing_sigmoid", RESTORED),
    planted.corners: ("xywh_vs_xyxy", RESTORED),
    planted.shares: ("boxes_normalised", RESTORED),
    planted.other_classes: ("class_names_order", RESTORED),
    planted.other_names: ("class_names_order", RESTORED),
    planted.levels_of_scores: ("head_tensor_order", RESTORED),
    planted.levels_of_boxes: ("head_tensor_order", RESTORED),
    planted.undecoded: ("decode_not_in_graph", RESTORED),
    planted.another_first: ("wrong_tuple_element", RESTORED),
    planted.half_output: ("fp16_precision", REPRODUCED),
    planted.brain_output: ("bf16_or_fp16_plugin_default", REPRODUCED),
    planted.batch_statistics: ("train_mode_export", RESTORED),
    planted.noise: ("run_to_run_nondeterminism", RESTORED),
    planted.lost_in_fusion: ("ort_graph_optimisation", RESTORED),
    planted.half_pixel: ("resize_coord_mode", RESTORED),
    planted.pooled_off_centre: ("ceil_mode_pool", RESTORED),
    planted.bins_first: ("dfl_axis_or_bins", RESTORED),
    planted.of_another_training: ("wrong_checkpoint", RESTORED),
    planted.head_fused_twice: ("reparam_or_fuse_wrong", RESTORED),
    planted.one_bias: ("onnx_simplifier_bug", RESTORED),
    planted.one_bias_by_dynamo: ("dynamo_exporter_bug", RESTORED),
}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_fault_of_the_graph_is_named_and_nothing_else(
    plant: Callable[[onnx.ModelProto], None], plain: Path, diagnose: Diagnose, tmp_path: Path
) -> None:
    fault, (status, method) = PLANTS[plant]
    model = onnx.load(plain)
    plant(model)
    found = diagnose(saved(model, tmp_path / "candidate.onnx"))
    assert [(each.fault, each.status, each.method) for each in found] == [(fault, status, method)]
    assert found[0].explains > 0.99
    assert PLACES.get(plant, "") in found[0].message


def test_weights_of_another_state_have_both_names(plain: Path, diagnose: Diagnose, tmp_path: Path) -> None:
    model = onnx.load(plain)
    planted.trained_on(model)
    found = diagnose(saved(model, tmp_path / "candidate.onnx"))
    assert faults(found) == ["stale_artifact", "ema_vs_raw_weights"]
    assert {each.status for each in found} == {"confirmed"}
    assert "does not tell this from ema_vs_raw_weights" in found[0].message


# Precision


@pytest.fixture(scope="module")
def calibration() -> list[np.ndarray]:
    """Network inputs to calibrate on."""
    images = (read_image(SHAPES / "images/val" / name) for name in CALIBRATION)
    return [preprocess(image, Preprocess(size=(SIDE, SIDE))).tensor for image in images]


SIGNED = {"activation_type": QuantType.QInt8}  # which no processor saturates
FINE = {"activation_type": QuantType.QUInt16}
QUANTISED: dict[str, tuple[str, dict[str, Any]]] = {
    "joined output": ("int8_head_concat_one_scale", {"nodes": ["/model.22/Concat_3"], "operators": ("Concat",)}),
    "head": ("int8_head_quantised", {"part": "head", **SIGNED}),
    "calibrated on bytes": ("int8_calibration_bad", {"part": "body", "factor": 255, **SIGNED}),
    "one scale a kernel": ("int8_per_tensor_weights", {"part": "body", "per_channel": False, **FINE}),
    "symmetric": ("int8_symmetric_silu", {"part": "body", "extra_options": {"ActivationSymmetric": True}, **SIGNED}),
}


@pytest.mark.parametrize("kind", QUANTISED)
def test_what_int8_did_wrong_is_named(kind: str, plain: Path, calibration: list[np.ndarray], diagnose: Diagnose, tmp_path: Path) -> None:
    fault, options = QUANTISED[kind]
    found = diagnose(quantised(plain, tmp_path / "candidate.onnx", calibration, **options))
    assert faults(found)[:1] == [fault]
    assert {each.method for each in found} == {"restore"}
    assert found[0].explains > 0.5


def quantised(plain: Path, target: Path, calibration: list[np.ndarray], *, part: str = "", factor: float = 1, **options: Any) -> Path:
    """A really quantised file: ``part`` of the convolutions, calibrated on inputs times a factor."""
    chosen = {"nodes": planted.convolutions(onnx.load(plain), head=part == "head")} if part else {}
    planted.quantise(plain, target, [each * np.float32(factor) for each in calibration], **chosen, **options)
    return target


def test_sums_that_saturate_are_named_where_the_processor_saturates_them(
    plain: Path, calibration: list[np.ndarray], diagnose: Diagnose, tmp_path: Path
) -> None:
    candidate = quantised(plain, tmp_path / "candidate.onnx", calibration, part="body", activation_type=QuantType.QUInt8)
    crowd = preprocess(read_image(SHAPES / "images/val" / CHOSEN[1]), Preprocess(size=(SIDE, SIDE))).tensor
    right = scores(plain, crowd)
    fused, written = (float(np.abs(scores(candidate, crowd, optimised=each) - right).sum()) for each in (True, False))
    if fused < SATURATED * written:
        pytest.skip("this processor multiplies 8-bit numbers without saturating their sums")
    assert faults(diagnose(candidate))[:1] == ["u8s8_saturation"]


def scores(path: Path, tensor: np.ndarray, *, optimised: bool = True) -> np.ndarray:
    """The scores that a file gives, with ONNX Runtime's fused INT8 layers or without."""
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {"images": tensor})[0][0, 4:]


def test_a_network_in_half_precision_is_named(plain: Path, diagnose: Diagnose, tmp_path: Path) -> None:
    (found,) = diagnose(saved(planted.halved(onnx.load(plain)), tmp_path / "candidate.onnx"))
    assert (found.fault, found.status, found.method) == ("fp16_precision", "confirmed", "restore")


# Healthy files


def test_the_export_has_no_name(plain: Path, diagnose: Diagnose) -> None:
    assert diagnose(plain) == ()


def test_the_checkpoint_has_no_name(diagnose: Diagnose) -> None:
    assert diagnose(CHECKPOINT) == ()


@pytest.fixture(scope="module")
def exportable(gate: Gate) -> torch.nn.Module:
    """The network as its exporter prepares it."""
    assert gate.checkpoint is not None
    network: Any = deepcopy(gate.checkpoint.network)
    network.model[-1].export, network.model[-1].format, network.model[-1].dynamic = True, "onnx", False
    network(torch.zeros(1, 3, SIDE, SIDE))
    return network


def traced(network: torch.nn.Module, path: Path) -> Path:
    """A network as TorchScript."""
    with quiet_torch():
        torch.jit.save(torch.jit.trace(network, torch.zeros(1, 3, SIDE, SIDE), strict=False, check_trace=False), path)
    return path


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_an_unsimplified_export_at_another_opset_has_no_name(
    opset: int, exportable: torch.nn.Module, diagnose: Diagnose, tmp_path: Path
) -> None:
    path = tmp_path / "candidate.onnx"
    with quiet_torch():
        torch.onnx.export(exportable, (torch.zeros(1, 3, SIDE, SIDE),), path, dynamo=False, opset_version=opset)
    assert diagnose(path) == ()


def test_a_transposed_output_has_no_name(plain: Path, diagnose: Diagnose, tmp_path: Path) -> None:
    model = onnx.load(plain)
    planted.append(model, [("Transpose", [], {"perm": [0, 2, 1]})])
    shape = model.graph.output[0].type.tensor_type.shape
    shape.dim[1].dim_value, shape.dim[2].dim_value = shape.dim[2].dim_value, shape.dim[1].dim_value
    assert diagnose(saved(model, tmp_path / "candidate.onnx")) == ()


def test_torchscript_has_no_name(exportable: torch.nn.Module, diagnose: Diagnose, tmp_path: Path) -> None:
    assert diagnose(traced(exportable, tmp_path / "candidate.torchscript")) == ()


# TorchScript, checkpoints, and what a checkpoint holds beside its averaged weights


class Normalised(torch.nn.Module):
    """A network that normalises its input itself."""

    def __init__(self, network: torch.nn.Module, mean: float | list[float], std: float | list[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The network's answer to a normalised image (1, 3, H, W)."""
        output = self.network((image - self.mean) / self.std)
        return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize(
    ("mean", "std", "fault"),
    [([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], "mean_std_mismatch"), (0.0, 255.0, "value_range_255")],
    ids=["ImageNet", "bytes"],
)
def test_a_range_or_normalisation_within_torchscript_is_named(
    mean: Any, std: Any, fault: str, exportable: torch.nn.Module, diagnose: Diagnose, tmp_path: Path
) -> None:
    (found,) = diagnose(traced(Normalised(exportable, mean, std), tmp_path / "candidate.torchscript"))
    assert (found.fault, found.status, found.method) == (fault, "confirmed", "restore")


def moved(network: torch.nn.Module, share: float) -> None:
    """Change every weight a little."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
            parameter.add_(noise * share * (parameter.std() if parameter.numel() > 1 else 0))


def test_torchscript_of_other_weights_is_named(exportable: torch.nn.Module, diagnose: Diagnose, tmp_path: Path) -> None:
    other = deepcopy(exportable)
    moved(other, 0.05)
    found = diagnose(traced(other, tmp_path / "candidate.torchscript"))
    assert faults(found) == ["stale_artifact", "ema_vs_raw_weights"]
    assert found[0].status == "confirmed"


def test_the_raw_weights_of_a_checkpoint_are_told_from_stale_ones(plain: Path, tmp_path: Path) -> None:
    content = torch.load(CHECKPOINT, weights_only=False)
    content["ema"] = deepcopy(content["model"])
    moved(content["ema"], 0.05)
    torch.save(content, tmp_path / "last.pt")
    with ExitStack() as resources:
        request = GateRequest(tmp_path / "last.pt", candidates=(str(plain),), data=SHAPES / "data.yaml", sizes=((SIDE, SIDE),), threads=1)
        gate = open_gate(request, resources)
        (contest,) = contests(gate)
        found = name_network(gate, contest, [image for image in gate.full.images if Path(image.file_name).name in CHOSEN])
    assert [(each.fault, each.status, each.method) for each in found] == [("ema_vs_raw_weights", "confirmed", "reproduce")]
