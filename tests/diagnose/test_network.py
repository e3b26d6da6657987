"""Faults planted in the graph of an exported file are named first and proven on its raw output; healthy variations have no name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

if find_spec("ultralytics") is None:
    pytest.skip("the reference is a checkpoint of Ultralytics", allow_module_level=True)


import numpy as np
import onnxruntime
import torch
from diagnose import edited_onnx as graph
from diagnose.conftest import FIXTURES, SIDE
from diagnose.file_plants import (
    EDGES,
    INT8,
    LAYERS,
    PRECISION,
    SATURATED,
    SCRIPTS,
    WEIGHTS,
    Bench,
    FilePlant,
    averaged,
    plain_export,
    saved,
    traced,
)

from parity.backends.quiet import quiet_torch
from parity.contests import contests
from parity.convert import convert
from parity.diagnose.network import name_network
from parity.images import read_image
from parity.open_gate import Gate, open_gate
from parity.preprocess import preprocess
from parity.request import GateRequest
from parity.spec import Preprocess
from parity.verdict import Diagnosis

CHECKPOINT, SHAPES = FIXTURES / "models/yolov8n_shapes.pt", FIXTURES / "shapes"
CHOSEN = ("landscape odd pad.jpg", "crowd_two_classes_0.jpg", "val_0028.jpg", "border_0.jpg")  # the second saturates INT8 sums most
FEW = CHOSEN[:2]  # one to fit on, one to judge on
CALIBRATION = tuple(SHAPES / "images/val" / f"val_{number:04}.jpg" for number in range(4))
SATURATES = 3  # times the error that the same INT8 file has in float
PLACES = {
    "resize_coord_mode": "/model.10/Resize (Resize) of model.10 (Upsample)",
    "ceil_mode_pool": "/model.9/m/MaxPool (MaxPool) of model.9.m (MaxPool2d)",
    "dfl_axis_or_bins": "/model.22/dfl/Reshape (Reshape) of model.22.dfl (DFL)",
    "reparam_or_fuse_wrong": "/model.22/cv3.0/cv3.0.2/Conv (Conv) of model.22.cv3.0.2 (Conv2d)",
}
Diagnose = Callable[..., tuple[Diagnosis, ...]]


def opened(checkpoint: Path, resources: ExitStack) -> Gate:
    """An open gate for a detector on the embedded data."""
    request = GateRequest(checkpoint, candidates=("to be told",), data=SHAPES / "data.yaml", sizes=((SIDE, SIDE),), threads=1)
    return open_gate(request, resources)


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    """An open gate for the embedded detector."""
    with ExitStack() as resources:
        yield opened(CHECKPOINT, resources)


@pytest.fixture(scope="module")
def bench(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """What files are made from; a diagnosis compares them with the same export."""
    assert gate.checkpoint is not None
    plain = plain_export(gate.checkpoint, SIDE, tmp_path_factory.mktemp("onnx"))
    gate.exported[SIDE, SIDE] = plain
    return Bench(gate.checkpoint, plain, SIDE, CALIBRATION)


@pytest.fixture(scope="module")
def diagnose(gate: Gate) -> Diagnose:
    """Name the faults of a file's network."""
    return lambda path, images=FEW: named(gate, path, images)


def named(gate: Gate, path: Path, images: Sequence[str] = FEW) -> tuple[Diagnosis, ...]:
    """The faults of a file's network."""
    gate.request = replace(gate.request, candidates=(str(path),))
    (contest,) = contests(gate)
    return name_network(gate, contest, [image for image in gate.full.images if Path(image.file_name).name in images])


def faults(found: tuple[Diagnosis, ...]) -> list[str]:
    """The names in their order."""
    return [each.fault for each in found]


@pytest.mark.parametrize("plant", [*EDGES, *LAYERS, *WEIGHTS, *PRECISION, *SCRIPTS], ids=lambda plant: plant.id)
def test_a_fault_of_a_file_is_named_and_nothing_else(plant: FilePlant, bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    found = diagnose(plant.make(bench, tmp_path))
    assert faults(found) == [*plant.faults, *sorted(plant.alike)]
    assert {(each.status, each.method) for each in found} == {plant.proven}
    assert found[0].explains > 0.99
    assert PLACES.get(found[0].fault, "") in found[0].message
    assert all(f"does not tell this from {name}" in found[0].message for name in plant.alike)


@pytest.mark.parametrize("plant", [*LAYERS, *WEIGHTS], ids=lambda plant: plant.id)
def test_a_fault_of_a_file_of_ours_is_named_as_well(plant: FilePlant, bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    ours = convert(bench.checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path)
    found = diagnose(plant.make(replace(bench, plain=ours), tmp_path))
    assert found[0].fault in {*plant.faults, *plant.alike}
    assert found[0].explains > 0.99


def test_a_fault_of_a_nameless_file_of_ours_is_named_as_well(bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    model = onnx.load(convert(bench.checkpoint, "onnx", size=(SIDE, SIDE), out=tmp_path))
    (first_half,) = (each for each in model.graph.node if each.name == "/model.4/cv1/conv/Conv_0")
    (bias,) = (each for each in model.graph.initializer if each.name == first_half.input[2])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 0.5, bias.name))
    for each in model.graph.node:
        each.name = ""
    onnx.save(model, tmp_path / "nameless.onnx")
    assert diagnose(tmp_path / "nameless.onnx")[0].explains > 0.99


# Precision


@pytest.mark.parametrize("plant", INT8, ids=lambda plant: plant.id)
def test_what_int8_did_wrong_is_named(plant: FilePlant, bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    found = diagnose(plant.make(bench, tmp_path), CHOSEN)
    assert faults(found)[:1] == [*plant.faults]
    assert {each.method for each in found} == {"restore"}
    assert found[0].explains > 0.5


def test_sums_that_saturate_are_named_where_the_processor_saturates_them(bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    candidate = SATURATED.make(bench, tmp_path)
    crowd = preprocess(read_image(SHAPES / "images/val" / CHOSEN[1]), Preprocess(size=(SIDE, SIDE))).tensor
    right = scores(bench.plain, crowd)
    fused, written = (float(np.abs(scores(candidate, crowd, optimised=each) - right).sum()) for each in (True, False))
    if fused < SATURATES * written:
        pytest.skip("this processor multiplies 8-bit numbers without saturating their sums")
    assert faults(diagnose(candidate, CHOSEN))[:1] == ["u8s8_saturation"]


def scores(path: Path, tensor: np.ndarray, *, optimised: bool = True) -> np.ndarray:
    """The scores that a file gives, with ONNX Runtime's fused INT8 layers or without."""
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {"images": tensor})[0][0, 4:]


# Healthy files


def test_the_export_has_no_name(bench: Bench, diagnose: Diagnose) -> None:
    assert diagnose(bench.plain) == ()


def test_the_checkpoint_has_no_name(diagnose: Diagnose) -> None:
    assert diagnose(CHECKPOINT) == ()


@pytest.mark.parametrize("opset", [13, 17, 20])
def test_an_unsimplified_export_at_another_opset_has_no_name(opset: int, bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    path = tmp_path / "candidate.onnx"
    with quiet_torch():
        torch.onnx.export(bench.exportable, (torch.zeros(1, 3, SIDE, SIDE),), path, dynamo=False, opset_version=opset)
    assert diagnose(path) == ()


def test_a_transposed_output_has_no_name(bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    model = onnx.load(bench.plain)
    graph.append(model, [("Transpose", [], {"perm": [0, 2, 1]})])
    shape = model.graph.output[0].type.tensor_type.shape
    shape.dim[1].dim_value, shape.dim[2].dim_value = shape.dim[2].dim_value, shape.dim[1].dim_value
    assert diagnose(saved(model, tmp_path / "candidate.onnx")) == ()


def test_torchscript_has_no_name(bench: Bench, diagnose: Diagnose, tmp_path: Path) -> None:
    assert diagnose(traced(bench, tmp_path)) == ()


# What a checkpoint holds beside its averaged weights


def test_the_raw_weights_of_a_checkpoint_are_told_from_stale_ones(bench: Bench, tmp_path: Path) -> None:
    with ExitStack() as resources:
        found = named(opened(averaged(bench, tmp_path), resources), bench.plain)
    assert [(each.fault, each.status, each.method) for each in found] == [("ema_vs_raw_weights", "confirmed", "reproduce")]
