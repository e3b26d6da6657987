"""Every planted fault turns the gate red at the check that is meant for it, and the healthy predictions stay green.

The faults come from the independent pipeline, so that Parity is not its own judge; their values lie off any grid a search would try.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import independent_pipeline as faulty
import pytest
from gate.running import assert_fails, assert_passes, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.running import Run

    Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A pipeline with one thing wrong, the checks that must fail, and those that must not."""

    settings: dict[str, Any]
    failing: set[str]
    passing: set[str] = field(default_factory=set)


BOXES = {"missed", "ghosts", "shifted"}
SUPPRESSION = Fault({}, {"missed"}, {"images", "finite", "ghosts", "class_flips"})
FAULTS = {
    "stretched instead of letterboxed": Fault({"fit": "stretch", "unletterbox": "stretch"}, {"shifted", "rescored"}, {"images", "finite"}),
    "stretched, undone as a letterbox": Fault({"fit": "stretch", "unletterbox": "letterbox"}, BOXES | {"ap_reference"}),
    "blue first": Fault({"channels": "bgr"}, {"class_flips", "ap_reference"}),
    "divided by 256": Fault({"divisor": 256.0}, {"rescored"}, {"images", "finite", "class_flips"}),
    "normalised as for ImageNet": Fault({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, {"missed"}),
    "padded with 0": Fault({"pad": 0}, {"shifted", "rescored"}, {"images", "finite", "class_flips"}),
    "padded at the bottom right": Fault({"pad_position": "top_left"}, {"shifted", "rescored"}),
    "resized by area": Fault({"interpolation": "area"}, {"shifted", "rescored"}, {"class_flips"}),
    "resized by cubic": Fault({"interpolation": "cubic"}, {"shifted", "rescored"}, {"class_flips"}),
    "resized by Pillow": Fault({"reader": "pillow", "interpolation": "pil_bilinear"}, {"shifted", "rescored"}, {"class_flips"}),
    "small images not enlarged": Fault({"scale_up": False}, {"shifted", "rescored"}, {"missed", "ghosts", "class_flips"}),
    "EXIF orientation ignored": Fault({"exif": False}, {"missed", "ghosts"}, {"shifted", "rescored", "class_flips"}),
    "second sigmoid": Fault({"sigmoids": 1}, {"ghosts", "rescored"}, {"missed", "shifted", "class_flips"}),
    "scores scaled": Fault({"score_scale": 0.9973}, {"rescored"}, {"shifted", "ghosts", "class_flips"}),
    "first class read as objectness": Fault({"objectness": True}, {"missed"}),
    "xywh read as xyxy": Fault({"box_format": "xyxy"}, {"missed", "ghosts"}),
    "normalised boxes": Fault({"box_scale": 1 / 320}, {"missed", "ghosts", "ap_reference"}),
    "normalised boxes, not undone": Fault({"box_scale": 1 / 320, "unletterbox": "none"}, {"missed", "ghosts", "ap_reference"}),
    "IoU 0.45": Fault({"iou": 0.45}, SUPPRESSION.failing, SUPPRESSION.passing),
    "IoU 0.83": Fault({"iou": 0.83}, {"ghosts"}, {"images", "finite", "missed", "class_flips"}),
    "confidence 0.4": Fault({"confidence": 0.4}, SUPPRESSION.failing, SUPPRESSION.passing | {"shifted", "rescored"}),
    "class-agnostic NMS": Fault({"agnostic": True}, SUPPRESSION.failing, SUPPRESSION.passing | {"shifted", "rescored"}),
    "at most 10 detections": Fault({"max_detections": 10}, SUPPRESSION.failing, SUPPRESSION.passing | {"shifted", "rescored"}),
    "class index off by one": Fault({"class_offset": 1}, {"class_flips"}, {"missed", "ghosts", "shifted", "rescored"}),
    "letterbox not undone": Fault({"unletterbox": "none"}, {"missed", "ghosts", "ap_reference"}),
    "pad not subtracted": Fault({"unletterbox": "no_pad"}, BOXES | {"ap_reference"}),
    "pad subtracted unrounded": Fault({"unletterbox": "exact_pad"}, {"shifted"}, {"missed", "ghosts", "rescored", "class_flips"}),
    "boxes not clipped": Fault({"clip": False}, {"shifted"}, {"missed", "ghosts", "rescored", "class_flips"}),
    "boxes cut to whole pixels": Fault({"integer": True}, {"shifted"}, {"missed", "ghosts", "rescored", "class_flips"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_pipeline_fails_at_its_check(
    fault: Fault, judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", predict(**fault.settings)))
    assert_fails(run, failing=fault.failing, passing=fault.passing | {"repeatable", "evidence"})


@dataclass(frozen=True, slots=True)
class Damage:
    """Healthy predictions with one thing done to them, the checks that must fail, and those that must not."""

    change: Callable[[Rows], Rows]
    failing: set[str]
    passing: set[str] = field(default_factory=set)


def first_image(rows: Rows) -> int:
    """The first image that something was found in."""
    return rows[0]["image_id"]


def with_a_ghost(rows: Rows) -> Rows:
    """One more object where there is none."""
    return faulty.add_ghost(rows, first_image(rows), rows[0]["category_id"], bbox=(3.3, 2.1, 40.7, 33.9), score=0.613)


OTHERS = {"missed", "ghosts", "class_flips", "shifted", "rescored"}
ROUNDED_AWAY = {"rescored", "missed"}  # 0.2516 becomes 0.25, which is not above the threshold
DAMAGES = {
    "one ghost": Damage(with_a_ghost, {"ghosts"}, OTHERS - {"ghosts"}),
    "some NaN scores": Damage(lambda rows: faulty.nan_scores(rows, 7), {"finite"}, {"images"}),
    "all NaN scores": Damage(faulty.nan_scores, {"finite"}, set()),
    "one image left out": Damage(lambda rows: faulty.drop_image(rows, first_image(rows)), {"images"}, {"finite"}),
    "every 40th detection left out": Damage(lambda rows: faulty.drop_every(rows, 40), {"missed"}, OTHERS - {"missed"}),
    "images in another order": Damage(faulty.shuffled_image_ids, {"missed", "ghosts", "ap_reference"}, {"finite"}),
    "class ids off by one": Damage(faulty.shift_classes, {"class_flips", "ap_reference"}, {"missed", "ghosts"}),
    "two classes exchanged": Damage(lambda rows: faulty.mapped_classes(rows, {1: 2, 2: 1}), {"class_flips"}, {"missed", "ghosts"}),
    "scores 0.3 % lower": Damage(lambda rows: faulty.rescored(rows, 0.997), {"rescored"}, {"shifted", "ghosts", "class_flips"}),
    "boxes moved by 0.37 px": Damage(lambda rows: faulty.moved(rows, x_px=0.37), {"shifted"}, OTHERS - {"shifted"}),
    "corners where width and height belong": Damage(faulty.corner_boxes, {"missed", "ghosts"}, {"images", "finite"}),
    "boxes rounded to whole pixels": Damage(lambda rows: faulty.rounded(rows, 0, score_digits=9), {"shifted"}, OTHERS - {"shifted"}),
    "scores rounded to two digits": Damage(lambda rows: faulty.rounded(rows, 9, score_digits=2), {"rescored"}, OTHERS - ROUNDED_AWAY),
    "every detection twice": Damage(lambda rows: [*rows, *rows], {"ghosts"}, OTHERS - {"ghosts"}),
    "nothing found": Damage(lambda _: [], {"images", "missed"}, {"ghosts"}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_predictions_fail_at_their_check(
    damage: Damage, judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", damage.change(predict())))
    assert_fails(run, failing=damage.failing, passing=damage.passing)


def test_the_message_of_a_ghost_names_image_class_and_place(
    judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", with_a_ghost(predict())))
    detail = run.check("ghosts")["detail"]
    assert "landscape odd pad.jpg: " in detail
    assert "0.613000 at (3.3, 2.1, 44.0, 36.0)" in detail


# Healthy predictions


def by_file_name(rows: Rows, images: dict[int, Path]) -> Rows:
    """The rows with the file's name in place of its id."""
    plain = [{key: value for key, value in row.items() if key != "image_id"} for row in rows]
    return [{**row, "file_name": images[old["image_id"]].name} for row, old in zip(plain, rows, strict=True)]


HEALTHY = {
    "as they are": lambda rows: rows,
    "3 digits, as COCO result writers": lambda rows: faulty.rounded(rows, 3),
    "2 digits and 5 of the score": lambda rows: faulty.rounded(rows, 2, score_digits=5),
    "1 digit and 3 of the score": lambda rows: faulty.rounded(rows, 1, score_digits=3),
    "in any order": lambda rows: rows[::-1],
    "with other fields": lambda rows: [{**row, "id": number, "area": 1.0, "segmentation": []} for number, row in enumerate(rows)],
}


@pytest.mark.parametrize("write", HEALTHY.values(), ids=HEALTHY)
def test_healthy_predictions_pass(
    write: Callable[[Rows], Rows], judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    assert_passes(judge(write_rows(tmp_path / "predictions.json", write(predict()))))


def test_healthy_predictions_by_file_name_pass(
    judge: Callable[..., Run], predict: Callable[..., Rows], images: dict[int, Path], tmp_path: Path
) -> None:
    assert_passes(judge(write_rows(tmp_path / "predictions.json", by_file_name(predict(), images))))


def test_healthy_predictions_with_class_indices_pass_on_data_yaml(
    gate: Callable[..., Run],
    reference: Path,
    shapes: Path,
    predict: Callable[..., Rows],
    images: dict[int, Path],
    category_ids: dict[int, int],
    tmp_path: Path,
    loaded_once: None,
) -> None:
    index_of = {category: index for index, category in category_ids.items()}
    rows = faulty.mapped_classes(by_file_name(predict(), images), index_of)
    candidate = write_rows(tmp_path / "predictions.json", rows)
    assert_passes(gate("--reference", reference, "--candidate", candidate, "--data", shapes / "data.yaml", "--imgsz", 320, "--no-latency"))


def test_healthy_predictions_at_other_thresholds_pass_when_both_are_given(
    judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    candidate = write_rows(tmp_path / "predictions.json", predict(confidence=0.37, iou=0.53))
    assert_passes(judge(candidate, "--conf", 0.37, "--iou", 0.53))


def test_a_declared_confidence_above_the_reference_s_cuts_both_sides(
    judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", predict(confidence=0.4)), "--candidate-conf", 0.4)
    assert_passes(run)


def test_predictions_down_to_the_evaluation_s_confidence_pass(
    judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", predict(confidence=0.01)), "--candidate-conf", 0.01)
    assert_passes(run)


def test_ap_is_taken_over_the_same_part_of_both_sides(
    judge: Callable[..., Run], predict: Callable[..., Rows], exported: Path, tmp_path: Path
) -> None:
    cut = judge(write_rows(tmp_path / "predictions.json", predict()))
    whole = judge(exported)
    metrics = cut.config["metrics"]
    assert metrics["candidate"]["AP"] == pytest.approx(metrics["reference"]["AP"], abs=1e-3)
    assert metrics["reference"]["AP"] < whole.config["metrics"]["reference"]["AP"]
    assert "both sides cut alike" in cut.check("ap_reference")["detail"]


MODULE = """
from pathlib import Path
from independent_pipeline import Settings, as_array, detect, onnx_network
network = onnx_network(Path({path!r}))
def healthy(path): return as_array(detect(path, network, Settings(side=320)))
def blue_first(path): return as_array(detect(path, network, Settings(side=320, channels="bgr")))
def nothing(path): return as_array([])
def strange(path): return as_array([])[:, :4]
def scores(path): return [[1.0, 2.0, 3.0]]
"""


@pytest.fixture
def deployed(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of callables, importable from the current folder."""
    name = f"deployed_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(path=str(exported)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return name


def test_a_healthy_callable_passes(judge: Callable[..., Run], deployed: str) -> None:
    assert_passes(judge(f"{deployed}:healthy"))


@pytest.mark.parametrize(("function", "failing"), [("blue_first", {"class_flips"}), ("nothing", {"missed"})])
def test_a_faulty_callable_fails(judge: Callable[..., Run], deployed: str, function: str, failing: set[str]) -> None:
    assert_fails(judge(f"{deployed}:{function}"), failing=failing, passing={"images", "finite"})


def test_a_callable_that_gives_no_detections_is_refused(judge: Callable[..., Run], deployed: str) -> None:
    run = judge(f"{deployed}:scores")
    assert run.exit_code == 10
    assert f"{deployed}:scores" in run.stderr


# More than one thing at once, and other kinds of sides


def test_one_faulty_candidate_among_two_fails_alone(
    judge: Callable[..., Run], predict: Callable[..., Rows], exported: Path, tmp_path: Path
) -> None:
    run = judge(exported, "--candidate", write_rows(tmp_path / "predictions.json", predict(channels="bgr")))
    assert run.exit_code == 1
    red = {check["config"] for check in run.result["checks"] if check["status"] == "fail"}
    assert [config["id"] for config in run.result["configs"] if config["id"] in red] == ["yolov8n_shapes-predictions-320"]
    assert len(run.result["configs"]) == 2


def test_a_checkpoint_is_like_itself(judge: Callable[..., Run], reference: Path) -> None:
    assert_passes(judge(reference))


def test_a_sample_of_the_images_takes_its_part_of_the_predictions(
    judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path
) -> None:
    run = judge(write_rows(tmp_path / "predictions.json", predict()), "--limit", 5, "--seed", 7)
    assert_passes(run)
    assert run.result["dataset"]["images"] == 5


def test_without_labels_ap_is_not_checked_and_the_gate_says_so(
    gate: Callable[..., Run], reference: Path, exported: Path, shapes: Path, loaded_once: None
) -> None:
    run = gate("--reference", reference, "--candidate", exported, "--data", shapes / "images/val", "--no-latency", "--limit", 4)
    assert_passes(run)
    assert run.statuses["ap_reference"] == "not_checked"
    assert "no labels" in run.check("ap_reference")["detail"]


@pytest.mark.slow
def test_a_backend_is_converted_and_judged(gate: Callable[..., Run], reference: Path, own_shapes: Path, loaded_once: None) -> None:
    backends = ("--backend", "onnx,torchscript", "--imgsz", 320)
    run = gate("--reference", reference, *backends, "--data", own_shapes / "data.yaml", "--no-latency")
    assert run.exit_code == 0, run.stderr
    assert [config["backend"] for config in run.result["configs"]] == ["onnx", "torchscript"]
    assert set(run.statuses.values()) == {"pass", "not_checked"}


@pytest.mark.parametrize("digits", [9, 1], ids=["whole", "rounded"])
def test_predictions_are_a_reference_too(
    gate: Callable[..., Run], predict: Callable[..., Rows], instances: Path, exported: Path, tmp_path: Path, digits: int
) -> None:
    recorded = write_rows(tmp_path / "reference.json", faulty.rounded(predict(), digits, score_digits=4))
    run = gate("--reference", recorded, "--candidate", exported, "--data", instances, "--imgsz", 320, "--no-latency")
    assert_passes(run)


def test_a_predictions_reference_finds_a_faulty_file(
    gate: Callable[..., Run], predict: Callable[..., Rows], instances: Path, tmp_path: Path
) -> None:
    recorded = write_rows(tmp_path / "reference.json", predict())
    candidate = write_rows(tmp_path / "candidate.json", predict(channels="bgr"))
    run = gate("--reference", recorded, "--candidate", candidate, "--data", instances)
    assert_fails(run, failing={"class_flips"}, passing={"images", "finite"})


def test_predictions_with_several_classes_a_box_pass(judge: Callable[..., Run], predict: Callable[..., Rows], tmp_path: Path) -> None:
    assert_passes(judge(write_rows(tmp_path / "predictions.json", predict(multi_label=True, confidence=0.05))))


def test_predictions_rounded_on_both_sides_pass(
    gate: Callable[..., Run], predict: Callable[..., Rows], instances: Path, tmp_path: Path
) -> None:
    reference = write_rows(tmp_path / "reference.json", faulty.rounded(predict(), 1, score_digits=3))
    candidate = write_rows(tmp_path / "candidate.json", faulty.rounded(predict(), 2, score_digits=4))
    assert_passes(gate("--reference", reference, "--candidate", candidate, "--data", instances))
