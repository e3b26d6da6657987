"""Files that Parity did not make: what they say about themselves is enough to judge them, or they are refused."""

from __future__ import annotations

import json
import os
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import tiny_detector
import yaml
from gate.exports import saved, set_metadata, transposed, ultralytics_export
from gate.running import SIDE, assert_fails, assert_passes, assert_refused, write_rows
from independent_pipeline import Settings, onnx_network, predictions
from onnx import numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from PIL import Image

from parity.models.ultralytics import require_ultralytics

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.running import Run


@pytest.fixture(scope="session")
def plain(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded checkpoint, exported by Ultralytics: no stamp, its own metadata."""
    return ultralytics_export(reference, tmp_path_factory.mktemp("plain"))


def perturbed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every convolution's weights a little different, as of another epoch."""
    noise = np.random.default_rng(3)
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.ndim == 4:
            changed = weights * (1 + 0.01 * noise.standard_normal(weights.shape))
            tensor.CopyFrom(numpy_helper.from_array(changed.astype(weights.dtype), tensor.name))
    return model


# Plain exports


def test_parity_s_own_export_passes_and_says_that_it_is_of_this_checkpoint(judge: Callable[..., Run], exported: Path) -> None:
    run = judge(exported)
    assert_passes(run)
    assert run.statuses["checkpoint"] == "pass"


def test_a_plain_export_passes_on_data_yaml_with_its_latency(gate: Callable[..., Run], reference: Path, plain: Path, shapes: Path) -> None:
    run = gate("--reference", reference, "--candidate", plain, "--data", shapes / "data.yaml", "--imgsz", SIDE, "--limit", 3)
    assert_passes(run)
    assert "checkpoint" not in run.statuses
    assert run.config["latency_ms"]["candidate"]["median"] > 0


def test_a_static_file_brings_its_own_size(gate: Callable[..., Run], reference: Path, plain: Path, own_shapes: Path) -> None:
    run = gate("--reference", reference, "--candidate", plain, "--data", own_shapes / "data.yaml", "--no-latency")
    assert_passes(run)
    assert run.config["imgsz"] == [SIDE, SIDE]


def test_a_plain_export_with_anchors_first_passes(judge: Callable[..., Run], plain: Path, tmp_path: Path) -> None:
    assert_passes(judge(saved(transposed(onnx.load(plain)), tmp_path)))


def test_an_export_without_any_metadata_passes(judge: Callable[..., Run], plain: Path, tmp_path: Path) -> None:
    model = onnx.load(plain)
    del model.metadata_props[:]
    assert_passes(judge(saved(model, tmp_path)))


@pytest.mark.slow
def test_an_export_with_nms_in_the_graph_passes(judge: Callable[..., Run], reference: Path, tmp_path: Path) -> None:
    assert_passes(judge(ultralytics_export(reference, tmp_path, nms=True, conf=0.25, iou=0.7)))


@pytest.mark.slow
def test_an_export_with_another_iou_in_the_graph_fails(judge: Callable[..., Run], reference: Path, tmp_path: Path) -> None:
    run = judge(ultralytics_export(reference, tmp_path, nms=True, conf=0.25, iou=0.45))
    assert_fails(run, failing={"missed"}, passing={"names", "finite", "ghosts", "class_flips"})


@pytest.mark.slow
def test_a_dynamic_export_passes_at_every_size_that_was_asked_for(
    gate: Callable[..., Run], reference: Path, own_shapes: Path, tmp_path: Path
) -> None:
    candidate = ultralytics_export(reference, tmp_path, dynamic=True)
    run = gate("--reference", reference, "--candidate", candidate, "--data", own_shapes / "data.yaml", "--imgsz", "320,256", "--no-latency")
    assert run.exit_code == 0, run.stderr
    assert [config["imgsz"] for config in run.result["configs"]] == [[320, 320], [256, 256]]


def test_a_half_precision_file_is_held_detection_by_detection_where_that_is_asked_for(
    judge: Callable[..., Run], plain: Path, tmp_path: Path
) -> None:
    run = judge(saved(convert_float_to_float16(onnx.load(plain)), tmp_path), "--profile", "fp32")
    assert_fails(run, failing={"shifted", "rescored"}, passing={"names", "images", "finite", "class_flips"})


def test_a_half_precision_file_is_judged_by_statistics_and_a_few_images_say_too_little(
    judge: Callable[..., Run], plain: Path, tmp_path: Path
) -> None:
    run = judge(saved(convert_float_to_float16(onnx.load(plain)), tmp_path))
    assert (run.exit_code, run.config["profile"]) == (12, "fp16")
    assert {run.statuses[name] for name in ("missed", "ghosts", "class_flips", "shifted", "rescored")} == {"pass"}
    assert run.statuses["ap_reference"] == "inconclusive"
    assert "fewer than 20" in run.check("ap_reference")["detail"]


# Files that are not what they seem


def test_another_task_is_refused(judge: Callable[..., Run], plain: Path, tmp_path: Path) -> None:
    run = judge(saved(set_metadata(onnx.load(plain), task="segment"), tmp_path))
    assert_refused(run, exit_code=10, names="changed.onnx", says="task segment")


def test_a_segmentation_checkpoint_is_refused_as_reference(
    gate: Callable[..., Run], exported: Path, own_shapes: Path, tmp_path: Path
) -> None:
    require_ultralytics()
    from ultralytics.nn.tasks import SegmentationModel  # noqa: PLC0415 - its environment is set just above

    segmenter = tiny_detector.save(SegmentationModel("yolov8n-seg.yaml", nc=7, verbose=False), tmp_path / "segmenter.pt")
    run = gate("--reference", segmenter, "--candidate", exported, "--data", own_shapes / "data.yaml")
    assert_refused(run, exit_code=10, names="segmenter.pt", says="its task is segmentation, not detection")


def test_class_names_in_another_order_fail(judge: Callable[..., Run], plain: Path, reference: Path, shapes: Path, tmp_path: Path) -> None:
    names = yaml.safe_load((shapes / "data.yaml").read_text())["names"]
    exchanged = {**names, 0: names[1], 1: names[0]}
    run = judge(saved(set_metadata(onnx.load(plain), names=repr(exchanged)), tmp_path))
    assert_fails(run, failing={"names"}, passing={"images", "finite", "missed", "ghosts"})
    assert run.check("names")["measured"] == 2


def test_an_output_that_fits_no_layout_is_refused(judge: Callable[..., Run], plain: Path, tmp_path: Path) -> None:
    few = repr({0: "red_triangle", 1: "blue_triangle"})
    run = judge(saved(set_metadata(onnx.load(plain), names=few), tmp_path))
    assert_refused(run, exit_code=10, names="changed.onnx", says="the head layout cannot be told")


def test_a_stale_file_whose_stamp_names_another_checkpoint_fails(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    model = perturbed(onnx.load(exported))
    (stamp,) = (entry.value for entry in model.metadata_props if entry.key == "parity")
    other = json.dumps({**json.loads(stamp), "checkpoint_sha256": "0" * 64})
    run = judge(saved(set_metadata(model, parity=other), tmp_path))
    assert_fails(run, failing={"checkpoint", "shifted", "rescored"}, passing={"names", "images", "finite"})
    assert "convert it again" in run.check("checkpoint")["detail"]


def test_a_stale_stamp_fails_even_where_the_weights_are_the_same(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported)
    (stamp,) = (entry.value for entry in model.metadata_props if entry.key == "parity")
    other = json.dumps({**json.loads(stamp), "checkpoint_sha256": "0" * 64})
    run = judge(saved(set_metadata(model, parity=other), tmp_path))
    assert run.failed == {"checkpoint"}


def test_predictions_of_a_stale_checkpoint_fail(
    judge: Callable[..., Run], exported: Path, images: dict[int, Path], category_ids: dict[int, int], tmp_path: Path
) -> None:
    network = onnx_network(saved(perturbed(onnx.load(exported)), tmp_path))
    rows = predictions(images, network, Settings(side=SIDE), category_ids=category_ids)
    run = judge(write_rows(tmp_path / "predictions.json", rows))
    assert_fails(run, failing={"shifted", "rescored"}, passing={"images", "finite"})


# Two classes: an output of [1, 6, anchors], or transposed [1, anchors, 6], looks like an end-to-end [1, n, 6]


@pytest.fixture(scope="session")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-class checkpoint that sees much, its plain export, and data for both."""
    require_ultralytics()
    import torch  # noqa: PLC0415 - its environment is set just above
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("two")
    torch.manual_seed(7)
    network = DetectionModel("yolov8n.yaml", nc=2, verbose=False)
    network.names = {0: "cat", 1: "dog"}
    for module in network.modules():
        randomise(module)
    checkpoint = tiny_detector.save(network, folder / "two.pt")
    ultralytics_export(checkpoint, make_folder(folder / "export"), imgsz=64)
    noise = np.random.default_rng(5).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        picture = Image.fromarray(pixels).resize((90, 70), Image.Resampling.BICUBIC)
        picture.save(make_folder(folder / "images") / f"{number}.png")
        (make_folder(folder / "labels") / f"{number}.txt").write_text(f"{number} 0.5 0.5 0.4 0.6\n")
    (folder / "data.yaml").write_text("val: images\nnames: [cat, dog]\n")
    return folder


def randomise(module: Any) -> None:
    """Let the outputs of an untrained network vary over the image."""
    if type(module).__name__ == "BatchNorm2d":
        module.running_mean.normal_(0, 0.1)
        module.running_var.uniform_(0.2, 0.8)
    if type(module).__name__ == "Detect":
        for branch in module.cv3:
            branch[-1].bias.data[:] = -0.4


def make_folder(folder: Path) -> Path:
    """The folder, made where it is missing."""
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("change", [deepcopy, transposed], ids=["channels first", "anchors first"])
def test_a_two_class_head_is_not_taken_for_an_end_to_end_one(
    gate: Callable[..., Run], two_classes: Path, tmp_path: Path, change: Callable[[onnx.ModelProto], onnx.ModelProto]
) -> None:
    candidate = saved(change(onnx.load(two_classes / "export/two.onnx")), tmp_path)
    run = gate("--reference", two_classes / "two.pt", "--candidate", candidate, "--data", two_classes / "data.yaml", "--no-latency")
    assert_passes(run)


# Real models


def few_images(real_data: Path, folder: Path) -> Path:
    """A data set of twelve COCO images in both forms."""
    (source,) = (real_data / "annotations").glob("instances*.json")
    whole = json.loads(source.read_bytes())
    kept = whole["images"][:12]
    ids = {image["id"] for image in kept}
    annotations = [annotation for annotation in whole["annotations"] if annotation["image_id"] in ids]
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for image in kept:
        (found,) = (real_data / "images").rglob(image["file_name"])
        shutil.copy(found, folder / "images")
        for labels in (real_data / "labels").rglob(f"{found.stem}.txt"):
            shutil.copy(labels, folder / "labels")
    (folder / "instances.json").write_text(json.dumps({**whole, "images": kept, "annotations": annotations}))
    names = yaml.safe_load((real_data / "data.yaml").read_text())["names"]
    (folder / "data.yaml").write_text(yaml.safe_dump({"val": "images", "names": names}))
    return folder


@pytest.fixture(scope="session")
def coco(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of twelve COCO images."""
    return few_images(real_data, tmp_path_factory.mktemp("coco"))


@pytest.mark.slow
@pytest.mark.parametrize("data", ["data.yaml", "instances.json"])
def test_a_plain_export_of_a_real_model_passes(
    gate: Callable[..., Run], real_models: Path, coco: Path, tmp_path: Path, loaded_once: None, data: str
) -> None:
    checkpoint = real_models / "yolov8n.pt"
    candidate = ultralytics_export(checkpoint, tmp_path)
    assert_passes(gate("--reference", checkpoint, "--candidate", candidate, "--data", coco / data, "--no-latency"))


def ultralytics_predictions(checkpoint: Path, coco: Path, category_of: dict[str, int]) -> list[dict[str, Any]]:
    """What Ultralytics' own predict finds, as results rows by file name."""
    require_ultralytics()
    from ultralytics import YOLO  # noqa: PLC0415 - its environment is set just above

    model = YOLO(checkpoint)
    files = sorted((coco / "images").iterdir())
    found = [model.predict(file, rect=False, conf=0.25, iou=0.7, imgsz=SIDE, verbose=False)[0] for file in files]
    return [
        {
            "file_name": file.name,
            "category_id": category_of[result.names[int(box.cls)]],
            "bbox": [left, top, right - left, bottom - top],
            "score": float(box.conf),
        }
        for file, result in zip(files, found, strict=True)
        for box in result.boxes
        for left, top, right, bottom in box.xyxy.tolist()
    ]


def categories_of(data: Path) -> dict[str, int]:
    """Class names to the category ids that a data set gives them."""
    content = yaml.safe_load(data.read_text())  # JSON is YAML
    named = content["names"] if "names" in content else {each["id"]: each["name"] for each in content["categories"]}
    return {name: number for number, name in named.items()}


@pytest.mark.slow
@pytest.mark.parametrize("data", ["data.yaml", "instances.json"])
@pytest.mark.parametrize("model", ["yolov8n.pt", "yolo11n.pt"])
def test_the_predictions_of_ultralytics_itself_pass(
    gate: Callable[..., Run], real_models: Path, coco: Path, tmp_path: Path, loaded_once: None, model: str, data: str
) -> None:
    checkpoint = real_models / model
    candidate = write_rows(tmp_path / "predictions.json", ultralytics_predictions(checkpoint, coco, categories_of(coco / data)))
    assert_passes(gate("--reference", checkpoint, "--candidate", candidate, "--data", coco / data, "--imgsz", SIDE))


def test_nothing_of_ultralytics_asks_the_network() -> None:
    require_ultralytics()
    assert os.environ["YOLO_OFFLINE"] == "true"
