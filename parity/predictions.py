"""Detections that were made elsewhere: read from a COCO results file, or asked of a Python callable."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity.boxes import corner_size_to_xyxy, silently
from parity.candidates import UNROUNDED, Cut, RecordedDetector, best_label
from parity.comparison import Rounding
from parity.datasets import Dataset, DatasetImage
from parity.detections import LARGEST_CLASS, Detections
from parity.errors import BadInput, UsageError
from parity.limits import EVALUATION_CONFIDENCE, MAX_ROUNDING_PX, MAX_ROUNDING_SCORE
from parity.verdict import CandidateId
from parity.wire import read_json

K = TypeVar("K", bound=Hashable)
ROUNDING_STEPS = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
FEWEST_FOR_ROUNDING = 4  # numbers; fewer lie on a grid by chance
EVALUATION_DUMP = 0.05  # a file that goes down to lower scores was written for AP; what is deployed shows every label it gives
FEWEST_FULL = 100  # detections; a count below that two images share is chance, not a cut
UNKNOWN_CLASS = 100_000  # first index of categories that the model has no class for: they can match nothing
RESULTS_STEP = "write a JSON array of {image_id, category_id, bbox: [x, y, width, height], score}"


def open_predictions(
    path: Path, dataset: Dataset, *, index_of: Mapping[int, int] | None, confidence: float | None = None, full: Dataset | None = None
) -> RecordedDetector:
    """Read a COCO results array: ``image_id`` or ``file_name``, ``category_id``, ``bbox`` as x, y, width, height, ``score``.

    ``index_of`` maps category ids to class indices, ``None`` takes them as they are. NaN is read and counted, since it is the
    candidate's answer; whatever else is not a number raises ``BadInput`` with its row.
    ``full`` is the data set that ``dataset`` was drawn from: rows of its other images are left out.
    """
    rows = read_json(path, allow_nan=True)
    if not isinstance(rows, list):
        raise BadInput(
            "is not a predictions file", file=path, found=type(rows).__name__, expected="a COCO results array", next_step=RESULTS_STEP
        )
    images = (full or dataset).images
    keys = image_keys(dataset, images)
    numbers = [read_row(row, place, path, keys) for place, row in enumerate(rows)]
    table = np.array(numbers, np.float64).reshape(-1, 7)
    category_ids = table[:, 1].astype(np.int64)
    known = {category: category for category in category_ids.tolist()} if index_of is None else index_of
    table[:, 1] = [known.get(category, unknown_class(category)) for category in category_ids.tolist()]
    identity = CandidateId("predictions", path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    unknown = sorted(set(category_ids.tolist()) - set(known))
    notes = (f"category ids that the model has no class for: {unknown[:10]}",) if unknown else ()
    return recorded(identity, table, images, confidence=confidence, notes=notes)


def unknown_class(category: int) -> int:
    """The class index of a category that the model has no class for: none of the model's; a negative id already is none."""
    return category if category < 0 else UNKNOWN_CLASS + category


def read_row(row: Any, place: int, path: Path, keys: ImageKeys) -> list[float]:
    """The image's place, category, box and score of one result."""
    where = f"result {place}"
    if not isinstance(row, dict):
        raise BadInput(f"{where} is not an object", file=path, found=row, next_step=RESULTS_STEP)
    key = row.get("image_id", row.get("file_name"))
    image = keys.find(key)
    if image is None:
        expected = "an image id or file name of the data"
        raise BadInput(f"{where} names an image that the data set has not", file=path, found=key, expected=expected)
    box, score, category = row.get("bbox"), row.get("score"), row.get("category_id")
    if not (isinstance(box, list) and len(box) == 4 and all(map(is_number, [*box, score]))):  # noqa: PLR2004 - x, y, width, height
        found = f"bbox {box}, score {score}"
        raise BadInput(f"{where} has no box of four numbers with a score", file=path, found=found, next_step=RESULTS_STEP)
    if not isinstance(category, int) or not is_number(category):
        raise BadInput(f"{where} has no whole category_id", file=path, found=category, next_step=RESULTS_STEP)
    return [image, category, *box, score]


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; ``true`` is none, ``null`` neither, nor a whole number that float64 does not hold."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_CLASS)


@dataclass(frozen=True, slots=True)
class ImageKeys:
    """How a predictions file may name an image: by number or by name; the values are places in the list of images."""

    by_number: Mapping[int, int]
    by_name: Mapping[str, int]

    def find(self, key: object) -> int | None:
        """The place of an image, ``None`` where no image, or more than one, has this key."""
        if isinstance(key, str):
            named = self.by_name.get(key)
            return self.by_number.get(int(key)) if named is None and key.isdecimal() else named
        return self.by_number.get(key) if isinstance(key, int) and not isinstance(key, bool) else None


def image_keys(dataset: Dataset, images: Sequence[DatasetImage]) -> ImageKeys:
    """Names are file name, base name and stem; numbers are COCO's ids, and elsewhere what the stem says as a number."""
    numbers, names = [], []
    for place, image in enumerate(images):
        name = Path(image.file_name)
        if dataset.kind == "coco" or name.stem.isdecimal():
            numbers.append((image.id if dataset.kind == "coco" else int(name.stem), place))
        names += [(key, place) for key in {image.file_name, name.name, name.stem}]
    return ImageKeys(unambiguous(numbers), unambiguous(names))


def unambiguous(pairs: Iterable[tuple[K, int]]) -> dict[K, int]:
    """Keys to places; a key that two places share is left out."""
    listed = list(pairs)
    shared = Counter(key for key, _ in listed)
    return {key: place for key, place in listed if shared[key] == 1}


def open_callable(name: str, dataset: Dataset, *, confidence: float | None = None) -> RecordedDetector:
    """Import ``module:function`` and run it on every image: ``detect(path) -> (n, 6)`` of x1, y1, x2, y2, score, class index."""
    rows = [np.empty((0, 7))]
    with current_folder_on_path():
        detect = import_callable(name)
        for place, image in enumerate(dataset.images):
            found = rows_of_callable(call(detect, name, image.path), name, image.path)
            corner_size = np.concatenate([found[:, :2], found[:, 2:4] - found[:, :2]], axis=1)
            rows.append(np.column_stack([np.full(len(found), place), found[:, 5], corner_size, found[:, 4]]))
    identity = CandidateId("callable", name, None)
    detector = recorded(identity, np.concatenate(rows), dataset.images, confidence=confidence, rounding=UNROUNDED)
    seen = {image.id: Detections.none() for image in dataset.images}
    return replace(detector, recorded={**seen, **detector.recorded})


@contextmanager
def current_folder_on_path() -> Iterator[None]:
    """Modules of the current folder can be imported, as with ``python -m``, by the callable too while it runs."""
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")


def call(detect: Callable[[Path], Any], name: str, image: Path) -> Any:
    """Run somebody's function on an image; whatever it raises becomes ``BadInput`` with the image's name."""
    try:
        return detect(image)
    except Exception as failure:
        step = "run it on this image by itself"
        raise BadInput(f"{name} failed", file=image, found=f"{type(failure).__name__}: {failure}", next_step=step) from failure


def rows_of_callable(answer: Any, name: str, image: Path) -> NDArray[np.float64]:
    """What a callable gave for an image, (n, 6); raises ``BadInput`` where it is something else."""
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        found = np.empty(())
    if (found.size or found.ndim > 2) and found.shape[1:] != (6,):  # noqa: PLR2004 - an empty list is no detections
        step = "return rows of x1, y1, x2, y2, score, class index"
        given = found.shape if found.ndim else type(answer).__name__
        raise BadInput(f"{name} gave something else than detections", file=image, found=given, expected="(n, 6)", next_step=step)
    return found.reshape(-1, 6)


def import_callable(name: str) -> Callable[[Path], Any]:
    """The function of ``module:function``; whatever its import raises becomes ``UsageError``."""
    module, _, attribute = name.partition(":")
    try:
        found: Callable[[Path], Any] = getattr(import_module(module), attribute)
    except Exception as failure:
        reason = f"{name}: {type(failure).__name__}: {failure}"
        raise UsageError("the candidate callable cannot be imported", found=reason, expected="module:function") from failure
    return found


def recorded(
    identity: CandidateId,
    table: NDArray[np.float64],
    images: Sequence[DatasetImage],
    *,
    confidence: float | None,
    rounding: Rounding | None = None,
    notes: tuple[str, ...] = (),
) -> RecordedDetector:
    """A detector from rows of an image's place, class, x, y, width, height, score; how they were cut and rounded is read off."""
    if rounding is None:
        rounding = Rounding(rounding_step(table[:, 2:6], MAX_ROUNDING_PX), rounding_step(table[:, 6], MAX_ROUNDING_SCORE))
    order = np.argsort(table[:, 0], kind="stable")
    groups = groupby(order.tolist(), key=lambda row: int(table[row, 0]))
    by_image = {images[place].id: detections(table[list(rows)]) for place, rows in groups}
    shows = read_cut(by_image.values(), rounding, confidence=confidence)
    return RecordedDetector(identity, by_image, shows, rounding, notes + cut_notes(shows, rounding, declared=confidence is not None))


def detections(table: NDArray[np.float64]) -> Detections:
    """Detections of one image from its rows."""
    return Detections.best_first(corner_size_to_xyxy(table[:, 2:6]), table[:, 6], table[:, 1])


@silently
def rounding_step(values: NDArray[np.float64], largest: float) -> float:
    """The coarsest decimal step that all values are multiples of, 0 where there is none; above ``largest`` it is not excused."""
    finite = values[np.isfinite(values)]
    if finite.size < FEWEST_FOR_ROUNDING:
        return 0.0
    fitting = (step for step in ROUNDING_STEPS if (np.abs(finite - np.round(finite / step) * step) < step * 1e-6).all())
    step = next(fitting, 0.0)
    return step if step <= largest else 0.0


def read_cut(by_image: Iterable[Detections], rounding: Rounding, *, confidence: float | None) -> Cut:
    """How a recorded side was cut: as declared, else just below its lowest score; at its largest count where several images share it."""
    images = list(by_image)
    lowest = min((float(found.scores[-1]) for found in images if len(found)), default=0.0)
    counts = sorted((len(found) for found in images), reverse=True)
    full = counts[0] if len(counts) > 1 and counts[0] == counts[1] and counts[0] >= FEWEST_FULL else Cut().max_detections
    several = lowest < EVALUATION_DUMP and any(len(best_label(found)) < len(found) for found in images)
    read_off = max(lowest - rounding.score / 2 - lowest * 1e-3, 0.0)
    return Cut(max(read_off if confidence is None else confidence, EVALUATION_CONFIDENCE), several, full)


def cut_notes(shows: Cut, rounding: Rounding, *, declared: bool) -> tuple[str, ...]:
    """What was read off a recorded side, for people."""
    origin = "declared" if declared else "read off its lowest score"
    notes = [f"AP of both sides is taken above confidence {shows.confidence:.4g} ({origin})"]
    if shows.multi_label:
        notes.append("it was written for AP, with several classes a box; as deployed each box keeps its best class")
    if rounding.box_px or rounding.score:
        notes.append(f"its numbers are rounded: boxes to {rounding.box_px:g} px, scores to {rounding.score:g}; the limits allow for it")
    return tuple(notes)
