"""Faults of networks that suppress inside are named by undoing them, through the gate; healthy exports have no name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torchvision") is None:
    pytest.skip("the reference is a detector of torchvision", allow_module_level=True)

import onnx
from diagnose import edited_detectors as planted
from runs.conftest import TRAINED, copy_data
from runs.test_gate import plain_export

from parity.candidates import Cut
from parity.comparison import Rounding
from parity.contests import contests
from parity.convert import convert
from parity.diagnose.finished import name_finished
from parity.judging import judge_contest
from parity.open_gate import Gate, open_gate
from parity.request import GateRequest
from parity.spec import Suppress, Suppressor
from parity.verdict import Diagnosis
from parity.wire import to_json

Edit = Callable[[onnx.ModelProto], None]
Diagnose = Callable[..., tuple[Diagnosis, ...]]
CONFIRMED = ("confirmed", "restore")
SHOWN = Suppress(Suppressor.IN_GRAPH, confidence=0.05, iou=None)
NO_PARAMETERS: dict[str, Any] = {}
PLANTS: dict[Edit, tuple[str, dict[str, Any]]] = {
    planted.rois_half_a_pixel_off: ("roialign_half_pixel", NO_PARAMETERS),
    planted.scales_of_a_long_image: ("torchvision_size_baked", NO_PARAMETERS),
    planted.resize_with_corners: ("resize_coord_mode", NO_PARAMETERS),
    planted.upsampled_off_centre: ("resize_coord_mode", NO_PARAMETERS),
    planted.frozen_size: ("torchvision_size_baked", NO_PARAMETERS),
    planted.another_size: ("wrong_imgsz", {"side_px": 288.0}),
    planted.looser_suppression: ("nms_iou_threshold", {"iou": 0.83}),
    planted.stricter_proposals: ("nms_iou_threshold", {"iou": 0.12}),
    planted.higher_confidence: ("conf_threshold", {"confidence": 0.63}),
    planted.few_detections: ("topk_max_det_caps", {"max_detections": 3.0}),
    planted.blue_first: ("channel_order_bgr", NO_PARAMETERS),
    planted.divides_again: ("graph_and_host_both_preprocess", NO_PARAMETERS),
    planted.expects_bytes: ("value_range_255", {"divisor": 255.0}),
    planted.other_normalisation: ("mean_std_mismatch", {"constants": "[0.31, 0.37, 0.29]; [0.229, 0.224, 0.225]"}),
    planted.unnormalised: ("mean_std_mismatch", {"constants": "none"}),
    planted.boxes_in_pixels: ("boxes_normalised", {"scale": "multiplied once too often"}),
    planted.labels_from_zero: ("class_map_80_91_or_offset", {"offset": -1}),
    planted.of_another_training: ("wrong_checkpoint", NO_PARAMETERS),
    planted.head_trained_on: ("stale_artifact", NO_PARAMETERS),
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """An open gate for the embedded FasterRCNN and four images, the first of which a plain export resizes one pixel off."""
    with ExitStack() as resources:
        data = copy_data(tmp_path_factory.mktemp("few") / "triangles", every=20)
        yield open_gate(GateRequest(TRAINED, candidates=("to be told",), data=data, threads=1, latency=False), resources)


@pytest.fixture(scope="module")
def exported(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The healthy export."""
    assert gate.checkpoint is not None
    return convert(gate.checkpoint, "onnx", out=tmp_path_factory.mktemp("onnx"))


@pytest.fixture
def diagnose(gate: Gate) -> Diagnose:
    """The causes that a gate names for a file."""

    def call(path: Path, spec: Path | None = None) -> tuple[Diagnosis, ...]:
        gate.request = replace(gate.request, candidates=(str(path),), candidate_spec=spec)
        (contest,) = contests(gate)
        return judge_contest(gate, contest).causes

    return call


@pytest.fixture
def plant(exported: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the export with faults in it."""

    def call(*edits: Edit) -> Path:
        model = onnx.load(exported)
        for edit in edits:
            planted.in_loop(model, edit)
        onnx.save(model, tmp_path / "planted.onnx")
        return tmp_path / "planted.onnx"

    return call


@pytest.mark.parametrize("edit", PLANTS, ids=lambda edit: edit.__name__)
def test_a_fault_in_the_graph_is_named_and_proven(diagnose: Diagnose, plant: Callable[..., Path], edit: Edit) -> None:
    (found,) = diagnose(plant(edit))
    assert (found.fault, found.parameters, (found.status, found.method)) == (*PLANTS[edit], CONFIRMED)


def test_weights_of_another_state_are_stale_or_not_averaged(diagnose: Diagnose, plant: Callable[..., Path]) -> None:
    found = diagnose(plant(planted.trained_on))
    assert [each.fault for each in found] == ["stale_artifact", "ema_vs_raw_weights"]
    assert {(each.status, each.method) for each in found} == {CONFIRMED}


def test_two_faults_of_another_exporters_file_are_both_named(diagnose: Diagnose, tmp_path: Path) -> None:
    file = plain_export(TRAINED, tmp_path / "plain.onnx")
    model = onnx.load(file)
    planted.few_detections(model)
    onnx.save(model, file)
    found = diagnose(file)
    assert {each.fault: each.parameters for each in found} == {"torchvision_size_baked": {}, "topk_max_det_caps": {"max_detections": 3.0}}
    assert {(each.status, each.method) for each in found} == {CONFIRMED}


SPECS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("preprocess", {"channel_order": "bgr"}, "channel_order_bgr", NO_PARAMETERS),
    ("preprocess", {"divisor": 1.0}, "value_range_255", {"divisor": 1.0}),
    ("preprocess", {"fit": "letterbox"}, "graph_and_host_both_preprocess", NO_PARAMETERS),
    ("preprocess", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, "graph_and_host_both_preprocess", NO_PARAMETERS),
    ("head", {"class_offset": 0}, "class_map_80_91_or_offset", {"offset": 1}),
    ("head", {"box_units": "pixels"}, "boxes_normalised", {"scale": "divided once too often"}),
    ("suppress", {"max_detections": 3}, "topk_max_det_caps", {"max_detections": 3.0}),
    ("suppress", {"confidence": 0.63}, "conf_threshold", {"confidence": 0.63}),
    ("restore", {"integer": True}, "int_cast_boxes", NO_PARAMETERS),
]


@pytest.mark.parametrize(("part", "change", "fault", "parameters"), SPECS, ids=str)
def test_a_fault_of_the_declared_spec_is_named_and_proven(
    gate: Gate, exported: Path, diagnose: Diagnose, tmp_path: Path, part: str, change: Any, fault: str, parameters: Any
) -> None:
    assert gate.checkpoint is not None
    spec = json.loads(to_json(gate.checkpoint.spec))
    spec[part] |= change
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    (found,) = diagnose(exported, tmp_path / "spec.json")
    assert (found.fault, found.parameters, (found.status, found.method)) == (fault, parameters, CONFIRMED)


def test_the_plain_export_of_torchvision_has_its_resize_named(diagnose: Diagnose, tmp_path: Path) -> None:
    (found,) = diagnose(plain_export(TRAINED, tmp_path / "plain.onnx"))
    assert (found.fault, found.status) == ("torchvision_size_baked", "confirmed")
    assert "a pixel off for some image sizes" in found.message


def test_a_healthy_file_has_no_name(gate: Gate, exported: Path) -> None:
    gate.request = replace(gate.request, candidates=(str(exported),), candidate_spec=None)
    (contest,) = contests(gate)
    images = gate.dataset.images
    found = [seen.deployed for seen in contest.reference.observe(images, deployed=SHOWN, evaluated=Cut())]
    assert not judge_contest(gate, contest).causes
    assert not name_finished(gate, contest, images, found, Rounding())
