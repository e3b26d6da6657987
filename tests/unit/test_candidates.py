"""Predictions files and callables: every accepted form, every refused row, and what is read off the numbers."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.samples import dataset, found, spec, truth

from parity.backends.fake import FakeSession
from parity.candidates import Cut, ModelDetector, RecordedDetector, best_label
from parity.comparison import Rounding
from parity.datasets import Dataset
from parity.errors import BadInput, UsageError
from parity.pipeline import Pipeline
from parity.predictions import UNKNOWN_CLASS, image_keys, import_callable, open_callable, open_predictions, rounding_step
from parity.spec import Suppress, Suppressor
from parity.verdict import CandidateId

NAMES = ["000000000012.jpg", "street/b c.png", "7.jpg"]
INDEX = {1: 0, 5: 1}
BOX = [1.2345, 2.3456, 3.4567, 4.5678]


def data(**others: Any) -> Dataset:
    """Three images without files."""
    return dataset([truth()] * 3, ((1, "a"), (5, "b")), names=NAMES, **others)


def row(**changes: Any) -> dict[str, Any]:
    """A good result with some values changed or left out."""
    values = {"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.87654} | changes
    return {key: value for key, value in values.items() if value != "left out"}


def written(folder: Path, rows: Any) -> Path:
    """A predictions file."""
    path = folder / "predictions.json"
    path.write_text(json.dumps(rows))
    return path


def opened(folder: Path, *rows: dict[str, Any], **options: Any) -> RecordedDetector:
    """The detector of these rows."""
    return open_predictions(written(folder, list(rows)), options.pop("data", data()), index_of=INDEX, **options)


# Forms


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ({"image_id": 1}, 1),
        ({"image_id": "1"}, 1),
        ({"image_id": "000000000012"}, 1),
        ({"image_id": "000000000012.jpg"}, 1),
        ({"image_id": "left out", "file_name": "street/b c.png"}, 2),
        ({"image_id": "left out", "file_name": "b c.png"}, 2),
        ({"image_id": "left out", "file_name": "b c"}, 2),
    ],
)
def test_an_image_is_named_by_id_file_name_or_stem(name: dict[str, Any], image: int, tmp_path: Path) -> None:
    assert list(opened(tmp_path, row(**name)).recorded) == [image]


def test_an_id_of_a_data_set_without_ids_is_the_number_in_the_file_name(tmp_path: Path) -> None:
    assert list(opened(tmp_path, row(image_id=12), data=data(kind="yolo")).recorded) == [1]
    with pytest.raises(BadInput, match="names an image that the data set has not"):
        opened(tmp_path, row(image_id=2), data=data(kind="yolo"))


def test_a_name_of_two_images_is_no_name() -> None:
    two = dataset([truth()] * 2, ((1, "a"),), names=["x/a.jpg", "y/a.jpg"])
    keys = image_keys(two, two.images)
    assert keys.find("a.jpg") is None
    assert keys.find("y/a.jpg") == 1


def test_an_id_and_a_file_name_that_look_alike_stay_apart() -> None:
    shifted = dataset([truth()] * 2, ((1, "a"),), names=["0.jpg", "1.jpg"])
    keys = image_keys(shifted, shifted.images)
    assert (keys.find(1), keys.find(2)) == (0, 1)
    assert (keys.find("1"), keys.find("1.jpg"), keys.find("2")) == (1, 1, 1)


def test_an_id_that_float64_does_not_hold_is_found(tmp_path: Path) -> None:
    large = 2**60 + 1
    one = dataset([truth()], ((1, "a"), (5, "b")))
    numbered = replace(one, images=(replace(one.images[0], id=large),))
    assert list(opened(tmp_path, row(image_id=large), data=numbered).recorded) == [large]


def test_boxes_are_corner_and_size(tmp_path: Path) -> None:
    detections = opened(tmp_path, row(bbox=[10, 20, 30, 40], category_id=5)).recorded[1]
    assert detections.boxes.tolist() == [[10, 20, 40, 60]]
    assert (detections.scores.tolist(), detections.classes.tolist()) == ([0.87654], [1])


def test_the_identity_is_the_files_content(tmp_path: Path) -> None:
    identity = opened(tmp_path, row()).identity
    assert (identity.kind, identity.path, len(identity.sha256 or "")) == ("predictions", "predictions.json", 64)


def test_an_empty_array_is_nothing_on_record(tmp_path: Path) -> None:
    assert opened(tmp_path).recorded == {}


# Bad rows


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(image_id=99), "names an image that the data set has not; found 99"),
        (row(image_id="left out"), "names an image that the data set has not"),
        (row(image_id=None), "names an image that the data set has not"),
        (row(bbox=[1, 2, 3]), "no box of four numbers"),
        (row(bbox=[1, 2, 3, "4"]), "no box of four numbers"),
        (row(bbox=[1, 2, 3, True]), "no box of four numbers"),
        (row(bbox=[1, 2, 3, 10**400]), "no box of four numbers"),
        (row(bbox={"x": 1}), "no box of four numbers"),
        (row(bbox="left out"), "no box of four numbers"),
        (row(score="0.5"), "no box of four numbers"),
        (row(score=None), "no box of four numbers"),
        (row(score="left out"), "no box of four numbers"),
        (row(category_id=1.0), "no whole category_id"),
        (row(category_id="1"), "no whole category_id"),
        (row(category_id=True), "no whole category_id"),
        (row(category_id=10**30), "no whole category_id"),
        (row(category_id="left out"), "no whole category_id"),
        ([1, 2], "is not an object"),
        (None, "is not an object"),
    ],
)
def test_a_bad_row_is_refused_with_its_number(bad: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"predictions\.json: result 1 .*{why}") as caught:
        opened(tmp_path, row(), bad)
    assert caught.value.exit_code == 10


@pytest.mark.parametrize("content", [{"annotations": []}, "text", 3, None])
def test_what_is_no_array_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a predictions file"):
        open_predictions(written(tmp_path, content), data(), index_of=INDEX)


@pytest.mark.parametrize("bad", [{"score": float("nan")}, {"bbox": [1, 2, 3, float("inf")]}])
def test_what_is_no_number_is_counted_not_refused(bad: dict[str, Any], tmp_path: Path) -> None:
    detections = opened(tmp_path, row(), row(**bad)).recorded[1]
    assert (len(detections), detections.non_finite) == (1, 1)


@pytest.mark.parametrize("category", [0, 2, 90, -1, -UNKNOWN_CLASS, -UNKNOWN_CLASS + 1])
def test_an_unknown_category_is_kept_and_is_no_class_of_the_model(category: int, tmp_path: Path) -> None:
    detector = opened(tmp_path, row(category_id=category))
    assert detector.recorded[1].classes[0] not in INDEX.values()
    assert f"[{category}]" in detector.notes[0]


def test_rows_of_images_outside_the_sample_are_left_out(tmp_path: Path) -> None:
    full = data()
    sample = dataset([truth()], ((1, "a"),), names=NAMES[:1])
    detector = opened(tmp_path, row(image_id=1), row(image_id=2), data=sample, full=full)
    seen = list(detector.observe(sample.images, deployed=Suppress(), evaluated=Cut()))
    assert [len(each.deployed) for each in seen] == [1]
    with pytest.raises(BadInput, match="result 1 names an image"):
        opened(tmp_path, row(image_id=1), row(image_id=2), data=sample)


# What is read off the numbers


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1.234, 5.678, 9.012, 3.456], 0.001),
        ([1.2, 5.6, 9.0, 3.4], 0.1),
        ([1.25, 5.5, 9.0, 3.75], 0.01),
        ([1.0, 5.0, 9.0, 3.0], 0.0),
        ([1.2, 5.6, 9.0], 0.0),
        ([0.1234567, 0.7654321, 0.2345678, 0.9], 0.0),
        ([1.2, 5.6, 9.0, 3.4, np.nan], 0.1),
        ([1e308, -1e308, 1e300, 1e-300], 0.0),
    ],
)
def test_the_rounding_step_is_detected_and_a_coarse_one_not_excused(values: list[float], step: float) -> None:
    assert rounding_step(np.array(values), 0.1) == step


def test_rounded_numbers_are_allowed_for_and_said(tmp_path: Path) -> None:
    detector = opened(tmp_path, *[row(bbox=[1.234, 2.345, 3.456, n], score=0.5 + n / 1000) for n in range(1, 6)])
    assert detector.rounding == Rounding(0.001, 0.001)
    assert "rounded: boxes to 0.001 px, scores to 0.001" in detector.notes[-1]


def test_whole_pixels_are_not_excused(tmp_path: Path) -> None:
    assert opened(tmp_path, row(bbox=[1, 2, 3, 4], score=0.123456)).rounding.box_px == 0


def test_the_cut_is_read_off_just_below_the_lowest_score(tmp_path: Path) -> None:
    shows = opened(tmp_path, row(score=0.43218765), row(score=0.9, image_id=2)).shows
    assert 0.43 < shows.confidence < 0.43218765
    assert not shows.multi_label


def test_a_declared_cut_is_taken_and_said(tmp_path: Path) -> None:
    detector = opened(tmp_path, row(score=0.43218765), confidence=0.25)
    assert detector.shows.confidence == 0.25
    assert "above confidence 0.25 (declared)" in detector.notes[0]


def test_several_classes_on_one_box_of_a_deployed_file_are_what_it_deploys(tmp_path: Path) -> None:
    detector = opened(tmp_path, row(score=0.9), row(score=0.8, category_id=5))
    assert not detector.shows.multi_label
    (first, *_) = detector.observe(data().images, deployed=Suppress(), evaluated=detector.shows)
    assert (len(first.deployed), len(first.evaluated)) == (2, 2)


def test_several_classes_on_one_box_of_a_file_written_for_ap_are_multi_label(tmp_path: Path) -> None:
    detector = opened(tmp_path, row(score=0.9), row(score=0.8, category_id=5), row(bbox=[50, 50, 9, 9], score=0.002))
    assert detector.shows.multi_label
    (first, *_) = detector.observe(data().images, deployed=Suppress(), evaluated=Cut(0.0))
    assert (len(first.deployed), len(first.evaluated)) == (1, 3)


def test_a_number_of_rows_that_images_share_is_a_cut(tmp_path: Path) -> None:
    rows = [row(image_id=image, bbox=[n, 1, 2, 3.14159]) for image in (1, 2) for n in range(100)]
    assert opened(tmp_path, *rows).shows.max_detections == 100
    assert opened(tmp_path, *rows[:-1]).shows.max_detections == 300


def test_two_cuts_meet_where_both_can_show() -> None:
    assert Cut(0.25, True, 100).alike(Cut(0.1, False, 300)) == Cut(0.25, False, 100)  # noqa: FBT003 - as declared
    settings = Cut(0.25, True, 100).apply(Suppress(iou=0.5))  # noqa: FBT003
    assert (settings.confidence, settings.multi_label, settings.max_detections, settings.iou) == (0.25, True, 100, 0.5)


def test_best_label_keeps_the_best_of_each_box() -> None:
    detections = found((0, 0, 9, 9, 0.9, 0), (1, 1, 9, 9, 0.8, 0), (0, 0, 9, 9, 0.7, 1))
    assert best_label(detections).scores.tolist() == [0.9, 0.8]


def test_a_detection_given_twice_stays_visible(tmp_path: Path) -> None:
    detector = opened(tmp_path, row(), row(), row(category_id=5, score=0.5), row(bbox=[50, 50, 9, 9], score=0.002))
    (first, *_) = detector.observe(data().images, deployed=Suppress(), evaluated=Cut(0.0))
    assert first.deployed.classes.tolist() == [0, 0]


def test_an_image_without_rows_is_absent_not_empty(tmp_path: Path) -> None:
    seen = list(opened(tmp_path, row()).observe(data().images, deployed=Suppress(), evaluated=Cut()))
    assert [each.shipped.absent for each in seen] == [False, True, True]
    assert [len(each.deployed) for each in seen] == [1, 0, 0]


# Models


@pytest.mark.parametrize(
    ("settings", "shows"),
    [
        (Suppress(), Cut(0.001, True, 300)),  # noqa: FBT003
        (Suppress(method=Suppressor.IN_GRAPH, iou=None, graph_confidence=0.25, max_detections=100), Cut(0.25, False, 100)),  # noqa: FBT003
    ],
)
def test_a_model_shows_what_its_graph_lets_out(settings: Suppress, shows: Cut) -> None:
    pipeline = Pipeline(replace(spec(), suppress=settings), FakeSession([]))
    assert ModelDetector(CandidateId("model", "a.onnx", None), pipeline).shows == shows


# Callables


@pytest.fixture
def detect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open a callable whose body is given."""
    monkeypatch.chdir(tmp_path)

    def make(body: str) -> RecordedDetector:
        monkeypatch.delitem(sys.modules, "their_detector", raising=False)
        (tmp_path / "their_detector.py").write_text(f"import numpy as np\ndef detect(path):\n    {body}\n")
        return open_callable("their_detector:detect", data())

    yield make
    sys.modules.pop("their_detector", None)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("return np.array([[1, 2, 30, 40, 0.5, 1]])", 1),
        ("return [[1, 2, 30, 40, 0.5, 1], [1, 2, 3, 4, 0.25, 0]]", 2),
        ("return []", 0),
        ("return np.empty((0, 6))", 0),
        ("return np.zeros((0, 5))", 0),
    ],
)
def test_a_callable_gives_rows(body: str, count: int, detect: Any) -> None:
    detector = detect(body)
    assert [len(each) for each in detector.recorded.values()] == [count] * 3
    assert (detector.identity.kind, detector.identity.sha256) == ("callable", None)


def test_a_callables_row_is_corners_score_class(detect: Any) -> None:
    detections = detect("return [[1, 2, 30, 40, 0.5, 1]]").recorded[1]
    assert (detections.boxes.tolist(), detections.scores.tolist(), detections.classes.tolist()) == ([[1, 2, 30, 40]], [0.5], [1])


def test_a_callables_nan_is_counted(detect: Any) -> None:
    assert detect("return [[1, 2, 30, 40, float('nan'), 1]]").recorded[1].non_finite == 1


@pytest.mark.parametrize(
    "body",
    [
        "return np.zeros((2, 5))",
        "return np.zeros(6)",
        "return np.zeros((1, 2, 6))",
        "return None",
        "return [[1], [1, 2]]",
        "return 'text'",
        "return {}",
    ],
)
def test_a_callable_that_gives_something_else_is_refused(body: str, detect: Any) -> None:
    with pytest.raises(BadInput, match="gave something else than detections"):
        detect(body)


def test_a_callable_that_fails_is_refused_with_the_image_and_its_reason(detect: Any) -> None:
    with pytest.raises(BadInput, match=r"their_detector:detect failed; found RuntimeError: out of memory"):
        detect("raise RuntimeError('out of memory')")


@pytest.mark.parametrize("name", ["no_such_module:detect", "json:no_such_function", ":detect", ".relative:detect", "json:"])
def test_a_callable_that_is_not_there_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be imported"):
        import_callable(name)
    assert sys.path[0] != ""
