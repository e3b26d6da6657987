"""What a data set is, wherever it came from: images in a fixed order and, where there are labels, what is truly on them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import numpy as np

from parity.errors import BadInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DatasetKind: TypeAlias = Literal["coco", "yolo", "jsonl", "folder"]
SHOWN_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class Category:
    """A class of the data set; ``id`` as it came (COCO's has gaps, Ultralytics' is the index)."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """One image; ``id`` is COCO's, else 1 to n; ``file_name`` is relative to the root, with forward slashes.

    Images of one ``group``, such as the frames of a video, are no evidence independent of each other.
    """

    id: int
    file_name: str
    path: Path
    group: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is truly on one image.

    ``boxes`` (n, 4) are x1, y1, x2, y2 in image pixels, ``category_ids`` (n,) as they came, ``areas`` (n,) in square pixels,
    ``crowd`` (n,) marks regions that stand for many objects.
    """

    boxes: NDArray[np.float64]
    category_ids: NDArray[np.int64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check shapes and values, and make the arrays read-only."""
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or any(a.shape != (n,) for a in (self.category_ids, self.areas, self.crowd)):
            raise ValueError("shapes do not fit: boxes (n, 4), category_ids, areas and crowd (n,)")
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.areas).all() and (self.areas >= 0).all()):
            raise ValueError("boxes must be finite, areas finite and not negative")
        if not (self.boxes[:, 2:] > self.boxes[:, :2]).all():
            raise ValueError("boxes must have a width and a height")
        for array in (self.boxes, self.category_ids, self.areas, self.crowd):
            array.flags.writeable = False

    def __len__(self) -> int:
        """The number of boxes."""
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class Sample:
    """Which images of a data set are used: all, or ``limit`` of them drawn by ``seed``; a larger sample contains a smaller one."""

    limit: int | None = None
    seed: int = 42

    def __post_init__(self) -> None:
        """Refuse an empty sample, which would pass for want of evidence."""
        if self.limit is not None and self.limit < 1:
            raise UsageError("the image limit must be at least 1", found=self.limit, next_step="give --limit a positive number")

    def indices(self, total: int) -> list[int]:
        """The chosen indices, rising."""
        if self.limit is None or self.limit >= total:
            return list(range(total))
        return [int(i) for i in np.sort(np.random.default_rng(self.seed).permutation(total)[: self.limit])]

    def notes(self, total: int) -> tuple[str, ...]:
        """What a reader should know: that this is a sample."""
        return () if self.limit is None or self.limit >= total else (f"{self.limit} of {total} images, drawn with seed {self.seed}",)


EVERYTHING = Sample()


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images with or without truth; ``truths`` are in the order of ``images``, ``None`` when there are no labels.

    ``sha256`` covers image bytes, file names, categories and truth of exactly these images; ``notes`` say what was assumed.
    """

    name: str
    kind: DatasetKind
    categories: tuple[Category, ...]
    images: tuple[DatasetImage, ...]
    truths: tuple[Truth, ...] | None
    sha256: str
    notes: tuple[str, ...]
    root: Path

    def __post_init__(self) -> None:
        """A data set has images, and a truth for each of them or for none."""
        if not self.images:
            raise ValueError("a data set needs at least one image")
        if self.truths is not None and len(self.truths) != len(self.images):
            raise ValueError(f"{len(self.images)} images but {len(self.truths)} truths")

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    @classmethod
    def sampled(
        cls,
        sample: Sample,
        *,
        name: str,
        kind: DatasetKind,
        categories: tuple[Category, ...],
        images: Sequence[DatasetImage],
        truths: Sequence[Truth] | None,
        notes: tuple[str, ...],
        root: Path,
    ) -> Self:
        """The sampled images as a data set, with the digest of just these; reads their files."""
        chosen = sample.indices(len(images))
        kept = tuple(images[i] for i in chosen)
        known = None if truths is None else tuple(truths[i] for i in chosen)
        return cls(name, kind, categories, kept, known, digest(categories, kept, known), notes + sample.notes(len(images)), root)

    def subset(self, limit: int | None, seed: int = 42) -> Self:
        """``limit`` images drawn by ``seed``, in their order; reads them to take the digest."""
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "sha256"}
        return self.sampled(Sample(limit, seed), **parts)

    def at(self, places: Sequence[int], *, note: str) -> Self:
        """The images of some places alone, with a note that says why; reads them to take the digest."""
        images = tuple(self.images[place] for place in places)
        truths = None if self.truths is None else tuple(self.truths[place] for place in places)
        sha256 = digest(self.categories, images, truths)
        return replace(self, images=images, truths=truths, sha256=sha256, notes=(*self.notes, note))


def digest(categories: Sequence[Category], images: Sequence[DatasetImage], truths: Sequence[Truth] | None) -> str:
    """The SHA-256 of all that results depend on; the order of an image's boxes, where files lie and how labels are written do not count."""
    total = hashlib.sha256()
    for part in digest_parts(categories, images, truths):
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()


def digest_parts(categories: Sequence[Category], images: Sequence[DatasetImage], truths: Sequence[Truth] | None) -> Iterator[bytes]:
    """The byte strings that a digest covers."""
    for category in categories:
        yield f"{category.id} {category.name}".encode("utf-8", "surrogatepass")
    for image in images:
        yield image.file_name.encode("utf-8", "surrogatepass")
        yield file_digest(image.path)
    for truth in truths or ():
        rows = np.column_stack([truth.category_ids, truth.boxes, truth.areas, truth.crowd]).astype("<f8")
        yield rows[np.lexsort(rows.T)].tobytes()


def file_digest(path: Path) -> bytes:
    """The SHA-256 of a file's bytes."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as failure:
        raise BadInput("cannot be read", file=path, found=failure.strerror, next_step="check the file and its permissions") from None


def refuse(problems: Sequence[str], *, file: Path, expected: str, next_step: str) -> None:
    """Raise one error that lists the first of all ``problems``, if there are any; each is shown on a line of its own."""
    if not problems:
        return
    shown = "".join(f"\n  {problem}" for problem in problems[:SHOWN_PROBLEMS])
    more = f"\n  and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise BadInput(f"{count}:{shown}{more}\n ", file=file, expected=expected, next_step=next_step)
