"""Small values for tests: detections from rows, data sets without files, and hypothesis strategies for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from parity.datasets import Category, Dataset, DatasetImage, Truth
from parity.detections import Detections
from parity.environment import Environment
from parity.metrics import METRIC_NAMES, ClassMap, CocoMetrics
from parity.spec import PipelineSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Row = tuple[float, float, float, float, float, float]  # x1, y1, x2, y2, score, class

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
seeds = st.integers(0, 2**32 - 1)


def found(*rows: Row) -> Detections:
    """Detections from rows of x1, y1, x2, y2, score, class."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections.best_first(table[:, :4], table[:, 4], table[:, 5])


def rows_of(detections: Detections) -> NDArray[np.float64]:
    """The rows that ``found`` takes, (n, 6)."""
    return np.column_stack([detections.boxes, detections.scores, detections.classes])


def random_boxes(rng: np.random.Generator, n: int, *, side: float = 100.0, smallest: float = 2.0) -> NDArray[np.float64]:
    """Boxes (n, 4) within a square, of at least ``smallest`` pixels."""
    corners = rng.uniform(0, side - smallest, (n, 2))
    return np.concatenate([corners, corners + rng.uniform(smallest, side / 2, (n, 2))], axis=1)


def random_detections(rng: np.random.Generator, n: int, *, classes: int = 2, side: float = 100.0) -> Detections:
    """Detections with scores that differ."""
    return Detections.best_first(random_boxes(rng, n, side=side), rng.permutation(n) / (n + 1), rng.integers(0, classes, n))


def wiggled(rng: np.random.Generator, detections: Detections, *, px: float) -> Detections:
    """The same objects, each box moved a little and some scores exchanged."""
    n = len(detections)
    return Detections.best_first(detections.boxes + rng.uniform(-px, px, (n, 4)), rng.uniform(0, 1, n), detections.classes)


def truth(*rows: tuple[float, float, float, float, int], crowd: Sequence[int] = ()) -> Truth:
    """Truth from rows of x1, y1, x2, y2, category id; ``crowd`` are the rows that are regions."""
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = table[:, :4]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return Truth(boxes, table[:, 4].astype(np.int64), areas, np.isin(np.arange(len(table)), crowd))


def dataset(truths: Sequence[Truth] | None, categories: Sequence[tuple[int, str]], *, names: Sequence[str] = (), **others: Any) -> Dataset:
    """A data set whose image files need not exist."""
    file_names = names or [f"{number:012d}.jpg" for number in range(1, len(truths or ()) + 1)]
    images = tuple(DatasetImage(number, name, Path("images") / name) for number, name in enumerate(file_names, 1))
    parts = {"name": "sample", "kind": "coco", "sha256": "0" * 64, "notes": (), "root": Path("images")} | others
    return Dataset(
        categories=tuple(Category(*category) for category in categories),
        images=images,
        truths=None if truths is None else tuple(truths),
        **parts,
    )


def same_classes(count: int) -> ClassMap:
    """Class indices that are the category ids."""
    return ClassMap({index: index for index in range(count)}, (), ())


def spec(*names: str) -> PipelineSpec:
    """A default pipeline."""
    return PipelineSpec(names or ("a", "b", "c"))


def metrics(value: float | None = 0.5, **others: float | None) -> CocoMetrics:
    """The twelve numbers, all alike but the named ones."""
    return CocoMetrics(**(dict.fromkeys(METRIC_NAMES, value) | others))


def some_environment() -> Environment:
    """An environment of nowhere."""
    return Environment("3.12.0", "Linux x86_64", "a processor", ("avx2",), 2, {"numpy": "2.0.0", "torch": None})
