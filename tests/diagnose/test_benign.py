"""What changes nothing that matters fails no check and gets no name, although a diagnosis is asked for every time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from diagnose.conftest import CHOSEN, FIXTURES, SIDE
from diagnose.workshop import FirstOutput, Remembered, Workshop, eager, failed, in_company, remembered, runtime
from gate.conftest import copy_shapes
from gate.exports import saved, transposed, ultralytics_export
from independent_pipeline import Settings, as_array, detect, onnx_network, rounded

from parity.backends.quiet import quiet_torch
from parity.judging import Outcome
from parity.open_gate import open_gate
from parity.request import GateRequest

IMAGES = CHOSEN[:9]
Variation = Callable[[Workshop], Outcome]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """An open gate on a few images: odd padding, a small one, crowds, the border, a turned phone."""
    folder, reference = tmp_path_factory.mktemp("benign"), FIXTURES / "models/yolov8n_shapes.pt"
    data = copy_shapes(folder / "shapes", IMAGES) / "data.yaml"
    request = GateRequest(reference, candidates=("none.onnx",), data=data, sizes=((SIDE, SIDE),), threads=1, latency=False)
    with ExitStack() as resources:
        gate = open_gate(request, resources)
        assert gate.checkpoint is not None
        gate.sessions[("reference", 1)] = Remembered(eager(gate.checkpoint.network))
        exported = converted_elsewhere(reference, folder / "process")
        yield Workshop(gate, folder, exported, remembered(onnx_network(exported)), SIDE)


def converted_elsewhere(checkpoint: Path, folder: Path) -> Path:
    """The dynamic export of another process, by the command line."""
    words = ["convert", str(checkpoint), "--to", "onnx", "--dynamic", "--imgsz", str(SIDE), "--out", str(folder)]
    command = [sys.executable, "-c", f"from parity.cli import main; raise SystemExit(main({words}))"]
    subprocess.run(command, check=True, capture_output=True)
    (written,) = folder.glob("*.onnx")
    return written


@pytest.fixture(autouse=True)
def always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the causes although no check failed."""
    monkeypatch.setattr("parity.judging.asks_why", lambda _, __: True)


# Files


def external_data(workshop: Workshop) -> Outcome:
    """Weights in a file beside the graph."""
    path = workshop.folder / "external.onnx"
    onnx.save(onnx.load(workshop.exported), path, save_as_external_data=True, location="external.bin")
    return workshop.judge_file(path)


def no_metadata(workshop: Workshop) -> Outcome:
    """A file that says nothing of itself."""
    model = onnx.load(workshop.exported)
    del model.metadata_props[:]
    return workshop.judge_file(saved(model, workshop.folder))


def anchors_first(workshop: Workshop) -> Outcome:
    """The output transposed, as other runtimes have it."""
    return workshop.judge_file(saved(transposed(onnx.load(workshop.traced())), workshop.folder))


def nms_in_graph(workshop: Workshop) -> Outcome:
    """Ultralytics' export with its NMS."""
    return workshop.judge_file(ultralytics_export(workshop.checkpoint.path, workshop.folder, nms=True, conf=0.25, iou=0.7))


def torchscript(workshop: Workshop) -> Outcome:
    """Traced by PyTorch, without metadata."""
    path = workshop.folder / "traced.torchscript"
    with quiet_torch():
        torch.jit.trace(FirstOutput(workshop.checkpoint.network), torch.zeros(1, 3, SIDE, SIDE)).save(path)
    return workshop.judge_file(path)


FILES: dict[str, Variation] = {
    "the checkpoint itself": lambda workshop: workshop.judge_file(FIXTURES / "models/yolov8n_shapes.pt"),
    "dynamic export, simplified, by another process": lambda workshop: workshop.judge_file(workshop.exported),
    **{
        f"opset {opset}, not simplified": partial(lambda workshop, opset: workshop.judge_file(workshop.traced(opset=opset)), opset=opset)
        for opset in (13, 17, 18, 20)
    },
    "open batch, fixed sides": lambda workshop: workshop.judge_file(workshop.traced(axes={0: "batch"})),
    "TorchScript": torchscript,
    "external data": external_data,
    "no metadata": no_metadata,
    "anchors first": anchors_first,
    "NMS in the graph": nms_in_graph,
}


# Runtimes


def with_runtime(workshop: Workshop, **options: Any) -> Outcome:
    """ONNX Runtime with options of its own."""
    return workshop.judge_network(runtime(workshop.exported, **options))


LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")
RUNTIMES: dict[str, Variation] = {
    **{level: partial(with_runtime, level=level) for level in LEVELS},
    "two threads": partial(with_runtime, threads=2),
    "batch of 4": lambda workshop: workshop.judge_network(in_company(workshop.network, 4)),
    "PyTorch in a batch of 4": lambda workshop: workshop.judge_network(in_company(eager(workshop.checkpoint.network), 4)),
    "channels last": lambda workshop: workshop.judge_network(eager(workshop.checkpoint.network, memory_format=torch.channels_last)),
    "float64": lambda workshop: workshop.judge_network(eager(workshop.checkpoint.network, dtype=torch.float64)),
}


# Predictions


def as_png(workshop: Workshop, path: Path) -> Path:
    """The same pixels in a lossless file."""
    copy = workshop.folder / f"{path.stem}.png"
    assert cv2.imwrite(str(copy), cv2.imread(str(path)))
    return copy


def of_ultralytics(workshop: Workshop) -> Outcome:
    """What Ultralytics' own predict finds."""
    from ultralytics import YOLO  # noqa: PLC0415 - the gate has set its environment

    model, rows = YOLO(workshop.checkpoint.path), []
    for image in workshop.gate.dataset.images:
        (result,) = model.predict(image.path, rect=False, imgsz=SIDE, verbose=False)
        for left, top, right, bottom, score, index in result.boxes.data.double().tolist():
            rows.append(
                {"image_id": image.path.name, "category_id": int(index), "bbox": [left, top, right - left, bottom - top], "score": score}
            )
    return workshop.judge_rows(rows)


def any_order(workshop: Workshop) -> Outcome:
    """The rows of a predictions file in no order."""
    rows = workshop.predict()
    return workshop.judge_rows([rows[place] for place in np.random.default_rng(1).permutation(len(rows))])


def a_function(workshop: Workshop, **settings: Any) -> Outcome:
    """A Python function around the second pipeline."""
    module: Any = ModuleType("benign_candidate")
    module.detect = lambda path: as_array(detect(path, workshop.network, Settings(side=SIDE, **settings)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "benign_candidate", module)
        return workshop.judge_file("benign_candidate:detect")


PREDICTIONS: dict[str, Variation] = {
    "the second pipeline": lambda workshop: workshop.judge_rows(workshop.predict()),
    "rounded to 5 decimals": lambda workshop: workshop.judge_rows(rounded(workshop.predict(), 5)),
    "rounded to 3 decimals": lambda workshop: workshop.judge_rows(rounded(workshop.predict(), 3)),
    "rows in any order": any_order,
    "PNG copies of the pixels": lambda workshop: workshop.judge_rows(workshop.predict(partial(as_png, workshop))),
    "written for AP": lambda workshop: workshop.judge_rows(workshop.predict(confidence=0.001, multi_label=True)),
    "cut lower": lambda workshop: workshop.judge_rows(workshop.predict(confidence=0.1)),
    "a function": a_function,
    "Ultralytics' predict": of_ultralytics,
}
BENIGN = FILES | RUNTIMES | PREDICTIONS


def test_there_are_more_than_twenty_variations() -> None:
    assert len(BENIGN) > 20


@pytest.mark.parametrize("variation", BENIGN.values(), ids=BENIGN)
def test_a_benign_variation_fails_nothing_and_has_no_name(workshop: Workshop, variation: Variation) -> None:
    outcome = variation(workshop)
    assert failed(outcome) == []
    assert outcome.causes == ()
    assert outcome.result.parity.matched > 50


FAULTY: dict[str, tuple[Variation, str]] = {
    "rows": (lambda workshop: workshop.judge_rows(workshop.predict(iou=0.52)), "nms_iou_threshold"),
    "a function": (partial(a_function, confidence=0.37), "conf_threshold"),
    "a network": (lambda workshop: workshop.judge_network(lambda tensor: workshop.network(tensor[:, ::-1].copy())), "channel_order_bgr"),
}


@pytest.mark.parametrize(("variation", "name"), FAULTY.values(), ids=FAULTY)
def test_a_fault_in_the_same_harness_fails_and_has_its_name(workshop: Workshop, variation: Variation, name: str) -> None:
    outcome = variation(workshop)
    assert failed(outcome)
    assert [cause.fault for cause in outcome.causes] == [name]
