"""Input that cannot be judged is refused with its own exit code, a message that helps, and nothing changed on disk."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate.running import SIDE, assert_helps, assert_passes, assert_refused, tree_digest, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.running import Run

HTML = b"<!DOCTYPE html><html><head><title>404</title></head></html>\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 6534387\n"


@pytest.fixture
def refuse(gate: Callable[..., Run], own_shapes: Path, reference: Path, exported: Path, tmp_path: Path) -> Callable[..., Run]:
    """Gate with one thing wrong, and see that no input was touched."""

    def run(**changes: object) -> Run:
        options = {"reference": reference, "candidate": exported, "data": own_shapes / "data.yaml", "imgsz": SIDE} | changes
        arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        folders = (tmp_path, reference.parent, exported.parent)
        before = [tree_digest(folder) for folder in folders]
        answer = gate(*arguments, "--no-latency")
        assert [tree_digest(folder) for folder in folders] == before
        return answer

    return run


# Model files


def empty(_: bytes) -> bytes:
    """No bytes."""
    return b""


def half(content: bytes) -> bytes:
    """The first half."""
    return content[: len(content) // 2]


BROKEN = {
    "empty": (empty, "empty"),
    "truncated": (half, "truncated"),
    "a web page": (lambda _: HTML, "HTML"),
    "a Git LFS pointer": (lambda _: LFS, "git lfs pull"),
    "random bytes": (lambda _: bytes(range(256)) * 40, ""),
}


@pytest.mark.parametrize(("damage", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_reference_is_refused(
    refuse: Callable[..., Run], reference: Path, tmp_path: Path, damage: Callable[[bytes], bytes], says: str
) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(damage(reference.read_bytes()))
    run = refuse(reference=broken)
    assert_refused(run, exit_code=10, names="broken.pt", says=says)
    assert_helps(run)


@pytest.mark.parametrize(("damage", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_candidate_is_refused(
    refuse: Callable[..., Run],
    exported: Path,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    says: str,
    loaded_once: None,
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(damage(exported.read_bytes()))
    run = refuse(candidate=broken)
    assert_refused(run, exit_code=10, names="broken.onnx", says=says)
    assert_helps(run)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What unpickling would call."""
        return self.function, self.arguments


@pytest.mark.parametrize("option", ["reference", "candidate"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(refuse: Callable[..., Run], tmp_path: Path, option: str) -> None:
    import torch  # noqa: PLC0415 - the checkpoint's format

    canary, hostile = tmp_path / "canary", tmp_path / "hostile.pt"
    torch.save({"model": Call(os.system, f"touch {canary}")}, hostile)
    run = refuse(**{option: hostile})
    assert_refused(run, exit_code=11, names="hostile.pt", says="system")
    assert not canary.exists()


def test_weights_outside_an_onnx_file_s_folder_are_refused(
    refuse: Callable[..., Run], exported: Path, tmp_path: Path, loaded_once: None
) -> None:
    import onnx  # noqa: PLC0415 - here only

    model = onnx.load(exported)
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    hostile = tmp_path / "hostile.onnx"
    hostile.write_bytes(model.SerializeToString())
    assert_refused(refuse(candidate=hostile), exit_code=11, names="hostile.onnx", says="../secret.bin")


@pytest.mark.parametrize("name", ["missing.onnx", "missing.json", "missing.pt"])
def test_a_missing_candidate_is_named(refuse: Callable[..., Run], tmp_path: Path, loaded_once: None, name: str) -> None:
    assert_refused(refuse(candidate=tmp_path / name), exit_code=10, names=name, says="cannot be read")


@pytest.mark.parametrize("name", ["missing.pt", "missing.json", "missing"])
def test_a_missing_reference_is_named(refuse: Callable[..., Run], tmp_path: Path, name: str) -> None:
    run = refuse(reference=tmp_path / name)
    assert_refused(run, exit_code=10, names=name, says="")
    assert_helps(run)


@pytest.mark.parametrize("name", ["model.engine", "model.tflite", "model", "model.json.gz"])
def test_a_candidate_of_unknown_suffix_is_refused(refuse: Callable[..., Run], tmp_path: Path, loaded_once: None, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00" * 100)
    run = refuse(candidate=tmp_path / name)
    assert_refused(run, exit_code=10, names=name, says="no way to open this candidate")
    assert_helps(run)


# Options


def test_nothing_to_gate_is_a_usage_error(gate: Callable[..., Run], reference: Path, own_shapes: Path) -> None:
    run = gate("--reference", reference, "--data", own_shapes / "data.yaml")
    assert_refused(run, exit_code=4, names="--candidate", says="nothing to gate")


def test_an_unknown_backend_is_a_usage_error(gate: Callable[..., Run], reference: Path, own_shapes: Path, loaded_once: None) -> None:
    run = gate("--reference", reference, "--backend", "coreml", "--data", own_shapes / "data.yaml")
    assert_refused(run, exit_code=4, names="coreml", says="onnx, torchscript")


@pytest.mark.parametrize(
    "option", [("--imgsz", "320,100"), ("--conf", "1.5"), ("--conf", "nan"), ("--iou", "-1"), ("--limit", "0"), ("--no-such", "1")]
)
def test_an_option_without_sense_is_a_usage_error(
    gate: Callable[..., Run], reference: Path, exported: Path, own_shapes: Path, option: tuple[str, str]
) -> None:
    run = gate("--reference", reference, "--candidate", exported, "--data", own_shapes / "data.yaml", *option)
    assert_refused(run, exit_code=4, names=option[0], says="")


@pytest.mark.parametrize("missing", ["--reference", "--data"])
def test_a_missing_option_is_a_usage_error(
    gate: Callable[..., Run], reference: Path, exported: Path, own_shapes: Path, missing: str
) -> None:
    given = {"--reference": reference, "--data": own_shapes / "data.yaml"}
    del given[missing]
    run = gate("--candidate", exported, *(part for pair in given.items() for part in pair))
    assert_refused(run, exit_code=4, names=missing, says="")


def test_recorded_detections_belong_to_one_size(refuse: Callable[..., Run], tmp_path: Path, loaded_once: None) -> None:
    run = refuse(candidate=write_rows(tmp_path / "predictions.json", []), imgsz="320,640")
    assert_refused(run, exit_code=4, names="--imgsz", says="one size")


# Data sets


def test_a_truncated_image_is_refused(refuse: Callable[..., Run], own_shapes: Path, loaded_once: None) -> None:
    image = own_shapes / "images/val/val_0028.jpg"
    image.write_bytes(half(image.read_bytes()))
    assert_refused(refuse(), exit_code=10, names="val_0028.jpg", says="truncated")


def test_an_image_that_is_a_web_page_is_refused(refuse: Callable[..., Run], own_shapes: Path, loaded_once: None) -> None:
    (own_shapes / "images/val/val_0028.jpg").write_bytes(HTML)
    assert_refused(refuse(), exit_code=10, names="val_0028.jpg", says="HTML")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("val: images/val\n", "has no class names"),
        ("names: [a, b]\n", "has no val split"),
        ("val: images/nowhere\nnames: [red_triangle]\n", "images/nowhere"),
        ("", "is not a data.yaml"),
        ("val: [", "is not plain YAML"),
        ("val: !!python/object/apply:os.system ['touch canary']\n", "is not plain YAML"),
    ],
    ids=["no names", "no split", "no such folder", "empty", "not YAML", "YAML that would run code"],
)
def test_a_damaged_data_yaml_is_refused(refuse: Callable[..., Run], own_shapes: Path, content: str, says: str) -> None:
    (own_shapes / "data.yaml").write_text(content)
    run = refuse()
    assert_refused(run, exit_code=10, names="data.yaml", says=says)
    assert_helps(run)


def test_a_label_of_a_class_without_a_name_is_refused(refuse: Callable[..., Run], own_shapes: Path) -> None:
    (own_shapes / "data.yaml").write_text("val: images/val\nnames: [red_triangle]\n")
    assert_refused(refuse(), exit_code=10, names="square.txt", says="line")


def annotations(document: dict[str, Any]) -> Any:
    """The first annotation, to be changed."""
    return document["annotations"][0]


COCO_DAMAGES = {
    "unknown image": (lambda document: annotations(document).update(image_id=4711), "4711"),
    "unknown category": (lambda document: annotations(document).update(category_id=99), "99"),
    "duplicate annotation id": (lambda document: document["annotations"].append(annotations(document)), "annotations"),
    "duplicate image id": (lambda document: document["images"].append(document["images"][0]), "images"),
    "NaN box": (lambda document: annotations(document).update(bbox=[1.0, 2.0, float("nan"), 4.0]), "finite"),
    "box without width": (lambda document: annotations(document).update(bbox=[1.0, 2.0, 0.0, 4.0]), "width"),
    "missing image file": (lambda document: document["images"][0].update(file_name="gone.jpg"), "gone.jpg"),
    "no annotations": (lambda document: document.pop("annotations"), "annotations"),
}


@pytest.mark.parametrize(("damage", "says"), COCO_DAMAGES.values(), ids=COCO_DAMAGES)
def test_a_damaged_coco_json_is_refused(
    refuse: Callable[..., Run], own_shapes: Path, damage: Callable[[dict[str, Any]], object], says: str
) -> None:
    path = own_shapes / "annotations/instances_val.json"
    document = json.loads(path.read_bytes())
    damage(document)
    path.write_text(json.dumps(document))
    run = refuse(data=path)
    assert_refused(run, exit_code=10, names="instances_val.json", says=says)
    assert_helps(run)


def test_a_data_set_that_shares_no_class_with_the_model_is_refused(refuse: Callable[..., Run], own_shapes: Path, loaded_once: None) -> None:
    (own_shapes / "data.yaml").write_text("val: images/val\nnames: [a, b, c, d, e, f, g]\n")
    assert_refused(refuse(), exit_code=10, names="data.yaml", says="shares no class with the model")


def test_a_labels_cache_beside_the_labels_is_not_read(refuse: Callable[..., Run], own_shapes: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (own_shapes / "labels/val.cache").write_bytes(pickle.dumps(Call(os.system, f"touch {canary}")))
    assert_passes(refuse())
    assert not canary.exists()


def test_a_download_script_is_not_run(refuse: Callable[..., Run], own_shapes: Path, tmp_path: Path, loaded_once: None) -> None:
    canary, config = tmp_path / "canary", own_shapes / "data.yaml"
    config.write_text(f"{config.read_text()}download: |\n  open({str(canary)!r}, 'w')\n")
    assert_passes(refuse())
    config.write_text(config.read_text().replace("images/val", "images/gone"))
    assert refuse().exit_code == 10
    assert not canary.exists()


# Predictions files

ROW = {"image_id": 3, "category_id": 1, "bbox": [1.0, 2.0, 3.0, 4.0], "score": 0.5}
PREDICTIONS = {
    "not JSON": ("detections: 3", "is not valid JSON"),
    "empty file": ("", "is empty"),
    "an object": ('{"annotations": []}', "is not a predictions file"),
    "a list of lists": ("[[1, 2, 3, 4]]", "result 0 is not an object"),
    "an unknown image": (json.dumps([ROW, ROW | {"image_id": 4711}]), "4711"),
    "no image": (json.dumps([{key: value for key, value in ROW.items() if key != "image_id"}]), "result 0"),
    "no score": (json.dumps([{key: value for key, value in ROW.items() if key != "score"}]), "result 0"),
    "three numbers in a box": (json.dumps([ROW | {"bbox": [1, 2, 3]}]), "result 0"),
    "numbers as text": (json.dumps([ROW | {"score": "0.5"}]), "result 0"),
    "a category that is no whole number": (json.dumps([ROW | {"category_id": 1.5}]), "result 0"),
    "a category beyond any number": (json.dumps([ROW | {"category_id": 10**30}]), "result 0"),
    "a number beyond any float": (json.dumps([ROW | {"bbox": [10**400, 1, 2, 3]}]), "result 0"),
    "an image id that is a list": (json.dumps([ROW | {"image_id": [3]}]), "result 0"),
}


@pytest.mark.parametrize(("content", "says"), PREDICTIONS.values(), ids=PREDICTIONS)
@pytest.mark.parametrize("option", ["candidate", "reference"])
def test_a_damaged_predictions_file_is_refused(
    refuse: Callable[..., Run], own_shapes: Path, tmp_path: Path, loaded_once: None, content: str, says: str, option: str
) -> None:
    (tmp_path / "predictions.json").write_text(content)
    (tmp_path / "good.json").write_text(json.dumps([ROW]))
    sides = {"candidate": tmp_path / "good.json"} | {option: tmp_path / "predictions.json"}
    run = refuse(data=own_shapes / "annotations/instances_val.json", **sides)
    assert_refused(run, exit_code=10, names="predictions.json", says=says)
    assert_helps(run)


# Places that are nobody's input


@pytest.mark.slow
def test_nothing_is_written_to_home_or_the_current_folder(reference: Path, exported: Path, own_shapes: Path, tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    root = str(Path(__file__).parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "YOLO_"))}
    command = [sys.executable, "-B", "-c", "import sys; from parity.cli import main; sys.exit(main())", "gate", "--reference", reference]
    options = ["--candidate", exported, "--data", own_shapes / "data.yaml", "--no-latency", "--limit", "1"]
    env = {**kept, "HOME": str(home), "PYTHONPATH": root}
    before = tree_digest(own_shapes), tree_digest(reference.parent), tree_digest(exported.parent)
    ended = subprocess.run([*command, *options], cwd=here, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tree_digest(home), tree_digest(here)) == ({}, {})
    assert (tree_digest(own_shapes), tree_digest(reference.parent), tree_digest(exported.parent)) == before


def test_a_result_that_would_overwrite_an_input_is_refused(
    gate: Callable[..., Run], reference: Path, exported: Path, own_shapes: Path, tmp_path: Path
) -> None:
    instances = own_shapes / "annotations/instances_val.json"
    before = tree_digest(own_shapes)
    run = gate("--reference", reference, "--candidate", exported, "--data", instances, "--json", instances)
    assert run.exit_code == 4
    assert "instances_val.json" in run.stderr
    assert tree_digest(own_shapes) == before
