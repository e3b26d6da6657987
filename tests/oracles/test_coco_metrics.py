"""The twelve numbers and AP per class equal pycocotools."""

from __future__ import annotations

import contextlib
import io
from dataclasses import astuple
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from oracles.samples import dataset, found, random_boxes, same_classes, seeds, truth

from parity.datasets import Dataset, Truth
from parity.detections import Detections
from parity.metrics import ClassMap
from parity.records import evaluate

if find_spec("pycocotools") is None:
    pytest.skip("the oracle is pycocotools, which is not installed", allow_module_level=True)

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CATEGORIES = ((3, "circle"), (7, "ring"), (11, "never there"), (90, "square"))
CLASSES = ClassMap({0: 90, 1: 3, 2: 7, 4: 11}, ("unknown",), ())  # index 3 is a class that the data set has not


def theirs(data: Dataset, detections: list[Detections], classes: ClassMap, *, category: int | None = None) -> list[float | None]:
    """The twelve numbers of pycocotools, of everything or of one category; -1 is undefined."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image.id} for image in data.images],
            "categories": [{"id": each.id, "name": each.name} for each in data.categories],
            "annotations": [],
        }
        answers = COCO()
        answers.dataset = {**coco.dataset, "annotations": []}
        for image, each in zip(data.images, data.truths or (), strict=True):
            for box, category_id, area, crowd in zip(each.boxes, each.category_ids, each.areas, each.crowd, strict=True):
                coco.dataset["annotations"].append(annotation(len(coco.dataset["annotations"]), image.id, box, category_id, area, crowd))
        for image, each in zip(data.images, detections, strict=True):
            for box, label, score in zip(each.boxes, each.classes, each.scores, strict=True):
                area, category_id = float((box[2] - box[0]) * (box[3] - box[1])), classes.category_of.get(int(label), -5)
                row = annotation(len(answers.dataset["annotations"]), image.id, box, category_id, area, crowd=False)
                answers.dataset["annotations"].append({**row, "score": float(score)})
        coco.createIndex()
        answers.createIndex()
        judge = COCOeval(coco, answers, "bbox")
        judge.params.catIds = judge.params.catIds if category is None else [category]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [None if value < 0 else float(value) for value in judge.stats]


def annotation(place: int, image: int, box: np.ndarray, category: int, area: float, crowd: bool) -> dict[str, object]:  # noqa: FBT001 - as stored
    """One annotation as COCO stores it, numbered from 1."""
    x1, y1, x2, y2 = box.tolist()
    return {
        "id": place + 1,
        "image_id": image,
        "category_id": int(category),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": float(area),
        "iscrowd": int(crowd),
    }


def random_truth(rng: np.random.Generator) -> Truth:
    """Objects of every size, about a tenth of them crowd regions; often none."""
    n = int(rng.integers(0, 9))
    boxes = random_boxes(rng, n, side=float(rng.choice([40, 150, 500])))
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) * rng.uniform(0.3, 1, n)
    return Truth(boxes, rng.choice([3, 7, 90], n), areas, rng.random(n) < 0.1)


def random_answer(rng: np.random.Generator, real: Truth) -> Detections:
    """Some objects found, some twice, some of another class, some that are not there."""
    index = {90: 0, 3: 1, 7: 2}
    seen = rng.choice(len(real), int(rng.integers(0, 2 * len(real) + 1))) if len(real) else np.empty(0, np.intp)
    others = int(rng.integers(0, 4))
    boxes = np.concatenate([real.boxes[seen] + rng.normal(0, 3, (len(seen), 4)), random_boxes(rng, others, side=200)])
    classes = np.array([index[int(category)] for category in real.category_ids[seen]] + [0] * others, np.float64)
    wrong = rng.random(len(classes)) < 0.2
    classes[wrong] = rng.integers(0, 5, int(wrong.sum()))
    upright = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return Detections.best_first(boxes[upright], rng.random(int(upright.sum())), classes[upright])


def random_sample(seed: int) -> tuple[Dataset, list[Detections]]:
    """A data set of up to twelve images and the answers to it."""
    rng = np.random.default_rng(seed)
    truths = [random_truth(rng) for _ in range(int(rng.integers(1, 13)))]
    return dataset(truths, CATEGORIES), [random_answer(rng, each) for each in truths]


def plain(values: list[float | None] | tuple[float | None, ...]) -> list[float]:
    """Numbers that can be compared: an undefined one is -1."""
    return [-1.0 if value is None else value for value in values]


@given(seeds)
def test_the_twelve_numbers_equal_pycocotools(seed: int) -> None:
    data, detections = random_sample(seed)
    ours = astuple(evaluate(data, detections, CLASSES).metrics())
    np.testing.assert_allclose(plain(ours), plain(theirs(data, detections, CLASSES)), rtol=0, atol=1e-9)


@given(seeds)
def test_ap_of_a_class_equals_pycocotools_on_that_class(seed: int) -> None:
    data, detections = random_sample(seed)
    evaluation = evaluate(data, detections, CLASSES)
    ours = [evaluation.of_category(category) for category, _ in CATEGORIES]
    expected = [theirs(data, detections, CLASSES, category=category)[:2] for category, _ in CATEGORIES]
    np.testing.assert_allclose([plain(pair) for pair in ours], [plain(pair) for pair in expected], rtol=0, atol=1e-9)


def test_a_lost_detection_is_seen_by_that_comparison() -> None:
    data, detections = random_sample(5)
    fewer = [each.take(slice(1, None)) for each in detections]
    ours = astuple(evaluate(data, fewer, CLASSES).metrics())
    assert not np.allclose(plain(ours), plain(theirs(data, detections, CLASSES)), atol=1e-9)


def test_more_than_a_hundred_detections_are_cut_as_in_pycocotools() -> None:
    rng = np.random.default_rng(2)
    real = Truth(random_boxes(rng, 130, side=900), np.full(130, 3), rng.uniform(50, 20_000, 130), np.zeros(130, bool))
    data, detections = dataset([real], CATEGORIES), [Detections.best_first(real.boxes, rng.random(130), np.ones(130))]
    ours = astuple(evaluate(data, detections, CLASSES).metrics())
    np.testing.assert_allclose(plain(ours), plain(theirs(data, detections, CLASSES)), rtol=0, atol=1e-9)
    assert ours[8] == pytest.approx(100 / 130, abs=1e-9)


def test_nothing_found_is_zero_as_in_pycocotools() -> None:
    data = dataset([truth((0, 0, 10, 10, 3)), truth()], CATEGORIES)
    ours = evaluate(data, [Detections.none(), Detections.none()], CLASSES).metrics()
    expected = theirs(data, [Detections.none(), Detections.none()], CLASSES)
    assert expected == list(astuple(ours))
    assert (ours.AP, ours.APs, ours.APl) == (0, 0, None)


def test_a_data_set_without_objects_defines_no_number() -> None:
    data = dataset([truth(), truth()], CATEGORIES)
    ours = evaluate(data, [found((0, 0, 9, 9, 0.9, 0)), Detections.none()], CLASSES).metrics()
    assert astuple(ours) == (None,) * 12


def test_the_first_annotation_counts() -> None:
    data = dataset([truth((0, 0, 10, 10, 0))], ((0, "a"),))
    ours = evaluate(data, [found((0, 0, 10, 10, 0.9, 0))], same_classes(1)).metrics()
    assert pytest.approx(1, abs=1e-9) == ours.AP
