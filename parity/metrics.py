"""Detections held against truth: the twelve COCO numbers, AP per class, and precision and recall at the deployed threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.boxes import area, iou, xyxy_to_corner_size
from parity.datasets import Category, Dataset, Truth
from parity.detections import Detections
from parity.errors import BadInput
from parity.limits import MATCH_IOU
from parity.match import match
from parity.spec import STRICT

AREAS = ("all", "small", "medium", "large")
ALL_SIZES = AREAS.index("all")
MAX_DETECTIONS = (1, 10, 100)
IOU_50, IOU_75 = 0, 5  # places of 0.50 and 0.75 among COCO's ten IoU thresholds


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """The twelve COCO numbers, from 0 to 1; ``None`` where no object defines them."""

    AP: float | None
    AP50: float | None
    AP75: float | None
    APs: float | None
    APm: float | None
    APl: float | None
    AR1: float | None
    AR10: float | None
    AR100: float | None
    ARs: float | None
    ARm: float | None
    ARl: float | None
    __pydantic_config__ = STRICT


METRIC_NAMES = tuple(f.name for f in fields(CocoMetrics))


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """One class: its objects, AP over the evaluation's detections, precision and recall over the deployed ones."""

    name: str
    objects: int
    AP: float | None
    AP50: float | None
    precision: float | None
    recall: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The arrays that COCO's numbers are read off, -1 where undefined: recall [T, K, A, M], and precision [T, R, K, A] at the largest M."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    category_ids: tuple[int, ...]

    def metrics(self) -> CocoMetrics:
        """The twelve numbers in COCO's order."""
        ap = {name: defined_mean(self.precision[..., a]) for a, name in enumerate(AREAS)}
        ar = {name: defined_mean(self.recall[:, :, a, -1]) for a, name in enumerate(AREAS)}
        return CocoMetrics(
            AP=ap["all"],
            AP50=defined_mean(self.precision[IOU_50, ..., 0]),
            AP75=defined_mean(self.precision[IOU_75, ..., 0]),
            APs=ap["small"],
            APm=ap["medium"],
            APl=ap["large"],
            AR1=defined_mean(self.recall[:, :, 0, 0]),
            AR10=defined_mean(self.recall[:, :, 0, 1]),
            AR100=ar["all"],
            ARs=ar["small"],
            ARm=ar["medium"],
            ARl=ar["large"],
        )

    def of_category(self, category_id: int) -> tuple[float | None, float | None]:
        """AP and AP50 of one category."""
        k = self.category_ids.index(category_id)
        return defined_mean(self.precision[:, :, k, 0]), defined_mean(self.precision[IOU_50, :, k, 0])


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Class indices of a model to categories of a data set, by name."""

    category_of: Mapping[int, int]
    only_model: tuple[str, ...]
    only_dataset: tuple[str, ...]

    @property
    def index_of(self) -> dict[int, int]:
        """Category ids to class indices."""
        return {category: index for index, category in self.category_of.items()}

    def categories(self, class_indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The category id of every class index; -1 where the data set has none."""
        return np.array([self.category_of.get(int(index), -1) for index in class_indices], np.int64).reshape(-1)


def map_classes(names: Sequence[str], categories: Sequence[Category], *, source: str) -> ClassMap:
    """Match classes by name; raises ``BadInput`` when model and data set share none."""
    by_name = {category.name: category.id for category in categories}
    category_of = {index: by_name[name] for index, name in enumerate(names) if name in by_name}
    if not category_of:
        found = f"model: {', '.join(names[:5])}; data set: {', '.join(list(by_name)[:5])}"
        step = "evaluate on the data that the model was trained for, or give both the same class names"
        raise BadInput("the data set shares no class with the model", file=source, found=found, next_step=step)
    only_model = tuple(name for name in names if name not in by_name)
    return ClassMap(category_of, only_model, tuple(name for name in by_name if name not in names))


def truth_as_coco(dataset: Dataset) -> dict[str, Any]:
    """The ground truth as COCO has it: images and annotations numbered from 1."""
    images = [{"id": number} for number in range(1, len(dataset.images) + 1)]
    annotations = [
        {"id": 0, "image_id": number, "category_id": category, "bbox": box, "area": size, "iscrowd": int(crowd)}
        for number, truth in enumerate(truths_of(dataset), 1)
        for category, box, size, crowd in zip(
            truth.category_ids.tolist(), xyxy_to_corner_size(truth.boxes).tolist(), truth.areas.tolist(), truth.crowd, strict=True
        )
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    categories = [{"id": category.id, "name": category.name} for category in dataset.categories]
    return {"images": images, "annotations": annotations, "categories": categories}


def detections_as_coco(detections: Sequence[Detections], classes: ClassMap) -> list[dict[str, Any]]:
    """COCO results rows of the detections whose class the data set has."""
    rows = []
    for number, found in enumerate(detections, 1):
        categories = classes.categories(found.classes)
        boxes = xyxy_to_corner_size(found.boxes).tolist()
        rows += [
            {"image_id": number, "category_id": category, "bbox": box, "score": score}
            for category, box, score in zip(categories.tolist(), boxes, found.scores.tolist(), strict=True)
            if category != -1
        ]
    return rows


def defined_mean(values: NDArray[np.float64]) -> float | None:
    """The mean of the values that are defined (COCO marks others by -1), ``None`` if none is."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def truths_of(dataset: Dataset) -> tuple[Truth, ...]:
    """The truths of a labelled data set."""
    if dataset.truths is None:
        raise BadInput(
            "has no labels", file=dataset.root, expected="a COCO JSON or a data.yaml", next_step="use `parity compare` without labels"
        )
    return dataset.truths


def per_class(dataset: Dataset, evaluation: Evaluation, deployed: Sequence[Detections], classes: ClassMap) -> tuple[ClassMetrics, ...]:
    """A row for every category of the data set, in its order."""
    counts = [true_positives(truth, found, classes) for truth, found in zip(truths_of(dataset), deployed, strict=True)]
    rows = []
    for category in dataset.categories:
        objects, hits, claims = (sum(count[k].get(category.id, 0) for count in counts) for k in range(3))
        ap, ap50 = evaluation.of_category(category.id)
        rows.append(ClassMetrics(category.name, objects, ap, ap50, ratio(hits, claims), ratio(hits, objects)))
    return tuple(rows)


def precision_recall(dataset: Dataset, deployed: Sequence[Detections], classes: ClassMap) -> tuple[float | None, float | None]:
    """Precision and recall over all classes at the deployed threshold (IoU 0.5, one-to-one, crowd regions ignored)."""
    counts = [true_positives(truth, found, classes) for truth, found in zip(truths_of(dataset), deployed, strict=True)]
    objects, hits, claims = (sum(sum(count[k].values()) for count in counts) for k in range(3))
    return ratio(hits, claims), ratio(hits, objects)


def true_positives(truth: Truth, found: Detections, classes: ClassMap) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """Objects, true positives and detections of one image, each by category; detections within a crowd region do not count."""
    single = ~truth.crowd
    objects = Detections.best_first(truth.boxes[single], np.ones(int(single.sum())), truth.category_ids[single])
    claimed = Detections(found.boxes, found.scores, classes.categories(found.classes))
    pairs = match(objects, claimed).pairs
    unpaired = np.setdiff1d(np.arange(len(claimed)), pairs[:, 1])
    counted = np.delete(claimed.classes, unpaired[within_crowd(truth, claimed, unpaired)])
    return tally(objects.classes), tally(objects.classes[pairs[:, 0]]), tally(counted)


def within_crowd(truth: Truth, claimed: Detections, which: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether half of a detection lies in a crowd region of its class, which COCO ignores."""
    regions, boxes = truth.boxes[truth.crowd], claimed.boxes[which]
    overlap = iou(boxes, regions)
    union_free = (area(boxes)[:, None] + area(regions)[None, :]) * overlap / (1 + overlap)  # intersection from IoU
    share = np.divide(union_free, area(boxes)[:, None], out=np.zeros_like(overlap), where=area(boxes)[:, None] > 0)
    same = claimed.classes[which][:, None] == truth.category_ids[truth.crowd][None, :]
    return np.asarray((same & (share >= MATCH_IOU)).any(1))


def tally(values: NDArray[np.int64]) -> dict[int, int]:
    """How often each value occurs."""
    unique, counts = np.unique(values, return_counts=True)
    return dict(zip(unique.tolist(), counts.tolist(), strict=True))


def ratio(part: int, whole: int) -> float | None:
    """A share, ``None`` of nothing."""
    return part / whole if whole else None
