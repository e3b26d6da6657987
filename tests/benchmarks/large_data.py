"""Data of the size of COCO's validation split: 5,000 images, 80 classes of which few are frequent, 36 detections an image."""

from __future__ import annotations

import numpy as np
from oracles.samples import dataset, random_boxes

from parity.datasets import Dataset, Truth
from parity.detections import Detections

CLASSES = 80
OBJECTS = 7  # on an image, on average, as in COCO
DETECTIONS = 36
SIDE = 640.0


def large_dataset(images: int, *, seed: int = 0) -> Dataset:
    """Objects of every size; a hundredth of them are crowd regions."""
    rng = np.random.default_rng(seed)
    return dataset([some_objects(rng) for _ in range(images)], tuple((index, f"class {index}") for index in range(CLASSES)))


def some_objects(rng: np.random.Generator) -> Truth:
    """The objects of one image, of few classes."""
    n = rng.poisson(OBJECTS)
    boxes = random_boxes(rng, n, side=float(rng.choice([60.0, 200.0, SIDE])))
    present = frequent_first(rng, 3)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) * 0.7
    return Truth(boxes, rng.choice(present, n), areas, rng.random(n) < 0.01)


def frequent_first(rng: np.random.Generator, count: int) -> np.ndarray:
    """Classes drawn as in COCO, where the k-th is about k times as rare as the first."""
    shares = 1 / np.arange(1, CLASSES + 1)
    return rng.choice(CLASSES, count, p=shares / shares.sum())


def answers(data: Dataset, *, blur: float, seed: int) -> list[Detections]:
    """What a model of some quality finds: most objects, some of them twice, and false ones; 36 an image."""
    rng = np.random.default_rng(seed)
    return [answer(rng, truth, blur) for truth in data.truths or ()]


def answer(rng: np.random.Generator, truth: Truth, blur: float) -> Detections:
    """The detections of one image."""
    seen = np.flatnonzero(rng.random(len(truth)) < 0.85)
    again = np.concatenate([seen, seen[rng.random(len(seen)) < 0.5]])
    size = truth.boxes[again, 2:] - truth.boxes[again, :2]
    near = truth.boxes[again] + np.tile(size, 2) * rng.normal(0, blur, (len(again), 4))
    others = max(DETECTIONS - len(again), 0)
    boxes = np.concatenate([near, random_boxes(rng, others, side=SIDE)])
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    scores = np.concatenate([rng.beta(2, 1.5, len(again)), rng.beta(0.5, 6, others)])
    return Detections.best_first(boxes, scores, np.concatenate([truth.category_ids[again], frequent_first(rng, others)]))
