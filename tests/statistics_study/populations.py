"""Synthetic pairs of detectors of which the true difference is known: records are drawn, no image is made.

An object is as hard for one side as for the other, but for each side's own noise. Without noise and shift both sides are equal; with
noise alone they differ on every object and not on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from parity.datasets import Category
from parity.hits import IOU_THRESHOLDS
from parity.records import CategoryRecords, Kinds, Records, curves, patterns

CLASSES = 8
CATEGORIES = tuple(Category(index, f"class {index}") for index in range(CLASSES))
SHARES = (1 / np.arange(1, CLASSES + 1)) / (1 / np.arange(1, CLASSES + 1)).sum()  # the k-th class is k times as rare as the first
SIZES = (0.4, 0.35, 0.25)  # small, medium, large, about as in COCO
OBJECTS, FALSE = 3, 2  # on an image, on average


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What images there are and how good two sides are: ``noise`` is each side's own, ``shift`` the candidate's loss of skill."""

    skill: float
    noise: float
    shift: float
    class_skill: np.ndarray  # (classes,)
    clusters: float  # the share of objects that are of their image's main class

    def draw(self, images: int, seed: int) -> tuple[Records, Records]:
        """Reference and candidate on the same new images."""
        rng = np.random.default_rng(seed)
        things = some_things(self, images, rng)
        return side(things, self.skill, self.noise, rng), side(things, self.skill - self.shift, self.noise, rng)

    def true_difference(self, images: int, seed: int) -> float:
        """Candidate minus reference of AP on so many images that chance is out of it."""
        reference, candidate = self.draw(images, seed)
        return ap(candidate) - ap(reference)


@dataclass(frozen=True, slots=True, eq=False)
class Things:
    """Objects, then false detections, (n,): on which image, of which class and size, how easy, and what a score makes of them."""

    total: int  # images
    objects: int
    images: np.ndarray
    classes: np.ndarray
    sizes: np.ndarray
    ease: np.ndarray
    appeal: np.ndarray


def some_population(seed: int, *, noise: float, shift: float = 0.0) -> Population:
    """One of many: its skill, its classes and how they cluster are drawn."""
    rng = np.random.default_rng(seed)
    return Population(rng.normal(0.6, 0.3), noise, shift, rng.normal(0, 0.5, CLASSES), rng.uniform(0, 0.6))


def some_things(population: Population, images: int, rng: np.random.Generator) -> Things:
    """What is on new images; objects of one image are alike in how hard they are, and often of one class."""
    counts = [rng.poisson(mean, images) for mean in (OBJECTS, FALSE)]
    place = np.concatenate([np.repeat(np.arange(images), count) for count in counts])
    main, own = rng.choice(CLASSES, images, p=SHARES), rng.choice(CLASSES, len(place), p=SHARES)
    classes = np.where(rng.random(len(place)) < population.clusters, main[place], own)
    sizes = rng.choice(3, len(place), p=SIZES)
    ease = population.class_skill[classes] + 0.4 * (sizes - 1) + rng.normal(0, 0.5, images)[place] + rng.normal(0, 1, len(place))
    return Things(images, int(counts[0].sum()), place, classes, sizes, ease, rng.normal(0, 0.7, len(place)))


def side(things: Things, skill: float, noise: float, rng: np.random.Generator) -> Records:
    """One side's records: the better it does an object, the larger the overlap and, by and large, the score."""
    real = np.arange(len(things.images)) < things.objects
    quality = np.where(real, skill + things.ease, -1.2) + noise * rng.normal(0, 1, len(real))
    scores = expit(quality + things.appeal + noise * rng.normal(0, 1, len(real)))
    overlaps = np.where(real, expit(0.9 * quality + 1.0), 0)
    order = np.argsort(-scores, kind="stable")
    categories = tuple(category_records(things, real, scores, overlaps, order[things.classes[order] == k], k) for k in range(CLASSES))
    return Records(tuple(range(CLASSES)), categories, things.total)


def category_records(
    things: Things, real: np.ndarray, scores: np.ndarray, overlaps: np.ndarray, order: np.ndarray, category: int
) -> CategoryRecords:
    """The rows of one category: a detection is of the size of its object, and ignored in every other."""
    sizes = np.stack([np.ones(len(order), bool), *(things.sizes[order] == size for size in range(3))])
    ignored = np.repeat(~sizes[:, None, :], len(IOU_THRESHOLDS), axis=1)
    hits = (overlaps[order] >= IOU_THRESHOLDS[:, None]) & ~ignored
    places = things.images[order].astype(np.int32)
    objects = np.stack([np.bincount(places[real[order] & of_size], minlength=things.total) for of_size in sizes])
    ranks = np.zeros(len(places), np.uint8)
    kinds = Kinds()
    codes = kinds.codes(patterns(hits), patterns(ignored))
    return CategoryRecords(scores[order], places, ranks, codes, kinds.table(), objects.astype(np.int32))


def ap(records: Records) -> float:
    """AP of all sizes over all classes."""
    defined = [category for category in records.categories if category.objects[0].any()]
    return float(np.mean([curves(each.hits(0), each.ignored(0), int(each.objects[0].sum())).mean() for each in defined]))
