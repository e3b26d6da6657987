"""What a gate costs beside `yolo val`, which gives AP alone: ``tox run -e bench``.

Not collected by name, since it takes minutes. Every comparison is a ratio within one run; limits are for two cores.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import yaml
from benchmarks.processes import Spent, spend

MODELS, DATA = os.environ.get("PARITY_MODELS"), os.environ.get("PARITY_DATA")
ROUNDS = 3
SIZES = (640, 320)
MEASURED = ("-m", "benchmarks.measured_gate", "gate")
FIXTURES = Path(__file__).parents[2] / "fixtures"
needs_weights = pytest.mark.skipif(not (MODELS and DATA), reason="PARITY_MODELS and PARITY_DATA name no real weights and images")


@dataclass(frozen=True, slots=True)
class Round:
    """Everything once: four evaluations by Ultralytics, a gate without anything kept, and the next candidate's gate."""

    evaluations: tuple[Spent, ...]
    gate: Spent
    following: Spent

    @property
    def baseline_s(self) -> float:
        """The seconds of the four evaluations together."""
        return sum(each.seconds for each in self.evaluations)


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the images and labels, since Ultralytics writes beside them, with the checkpoint and its exports."""
    folder = tmp_path_factory.mktemp("coco")
    for part in ("images", "labels"):
        shutil.copytree(Path(DATA or "") / part, folder / part)
    described = yaml.safe_load((Path(DATA or "") / "data.yaml").read_text()) | {"path": str(folder)}
    (folder / "data.yaml").write_text(yaml.safe_dump(described))
    shutil.copy(Path(MODELS or "") / "yolov8n.pt", folder)
    sizes = ",".join(map(str, SIZES))
    spend(("-m", "parity.cli", "convert", folder / "yolov8n.pt", "--to", "onnx", "--imgsz", sizes, "--out", folder), log=folder / "log")
    return folder


@pytest.fixture(scope="module")
def rounds(coco: Path) -> list[Round]:
    """Several rounds, each with everything in it."""
    return [one_round(coco, coco / f"kept-{number}") for number in range(ROUNDS)]


def one_round(coco: Path, kept: Path) -> Round:
    """Everything once, one after the other."""
    files = [coco / f"yolov8n_{size}.onnx" for size in SIZES]
    models = [(model, size) for size, file in zip(SIZES, files, strict=True) for model in (coco / "yolov8n.pt", file)]
    asked = ("--reference", coco / "yolov8n.pt", "--candidate", files[0], "--candidate", files[1], "--data", coco / "data.yaml")
    gate = partial(spend, (*MEASURED, *asked, "--no-latency", "--json", coco / "result.json"), log=coco / "log", PARITY_CACHE_DIR=str(kept))
    return Round(tuple(yolo_val(coco, *model) for model in models), gate(), gate())


def yolo_val(coco: Path, model: Path, size: int) -> Spent:
    """Ultralytics' own evaluation, as people run it for one number."""
    arguments = (f"model={model}", f"data={coco / 'data.yaml'}", f"imgsz={size}", "batch=1", "device=cpu", "plots=False")
    program = "import sys; from ultralytics.cfg import entrypoint; sys.argv = ['yolo', *sys.argv[1:]]; entrypoint()"
    where = (f"project={coco / 'runs'}", "exist_ok=True")
    return spend(("-c", program, "detect", "val", *arguments, *where), log=coco / "log", YOLO_CONFIG_DIR=str(coco))


def middle(rounds: list[Round], ratio: Any, *, name: str) -> float:
    """The median of a ratio over all rounds, printed with every one of them."""
    values = [ratio(each) for each in rounds]
    sys.stdout.write(f"\n{name}: {median(values):.3f} of {', '.join(f'{value:.3f}' for value in values)}\n")
    return float(median(values))


@needs_weights
def test_a_gate_costs_less_than_the_evaluations(rounds: list[Round]) -> None:
    assert middle(rounds, lambda each: each.gate.seconds / each.baseline_s, name="gate / four yolo val") <= 0.72


@needs_weights
def test_a_gate_is_near_the_time_inside_its_networks(rounds: list[Round]) -> None:
    assert middle(rounds, lambda each: each.gate.seconds / each.gate.inside_s, name="gate / its networks") <= 1.10


@needs_weights
def test_the_next_candidate_costs_only_itself(rounds: list[Round]) -> None:
    assert middle(rounds, lambda each: each.following.seconds / each.baseline_s, name="next candidate / four yolo val") <= 0.36


@needs_weights
def test_a_gate_takes_no_more_memory_than_an_evaluation(rounds: list[Round]) -> None:
    def share(each: Round) -> float:
        return each.gate.peak_mb / max(one.peak_mb for one in each.evaluations)

    assert middle(rounds, share, name="peak memory of the gate / of yolo val") <= 1.0


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    few, many = (peak_of(tmp_path / str(images), images) for images in (100, 5_000))
    sys.stdout.write(f"\npeak memory: {few:.0f} MB with 100 images, {many:.0f} MB with 5,000\n")
    assert np.isclose(many, few, rtol=0.05)


def peak_of(folder: Path, images: int) -> float:
    """The peak of a gate of the embedded model at 128 px on so many pictures, in megabytes."""
    sources = sorted((FIXTURES / "shapes/images/val").glob("val_*.jpg"))
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(images):
        source = sources[number % len(sources)]
        os.link(source, folder / f"images/{number:05}.jpg")
        os.link(FIXTURES / "shapes/labels/val" / f"{source.stem}.txt", folder / f"labels/{number:05}.txt")
    names = yaml.safe_load((FIXTURES / "shapes/data.yaml").read_text())["names"]
    (folder / "data.yaml").write_text(yaml.safe_dump({"val": "images", "names": names}))
    asked = ("--reference", FIXTURES / "models/yolov8n_shapes.pt", "--backend", "onnx", "--imgsz", 128, "--data", folder / "data.yaml")
    kept = str(folder / "kept")
    return spend((*MEASURED, *asked, "--no-latency", "--no-diagnosis"), log=folder / "log", PARITY_CACHE_DIR=kept).peak_mb
