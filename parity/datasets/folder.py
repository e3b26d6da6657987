"""A folder of images, without labels; and the walk through folders that other data sets share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from parity.datasets.base import EVERYTHING, Dataset, DatasetImage, Sample
from parity.errors import BadInput
from parity.images import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Listing:
    """The images found under a folder, sorted by path, and what was left out."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def open_folder(path: Path, *, sample: Sample = EVERYTHING) -> Dataset:
    """The images of a folder and its sub-folders."""
    listing = list_images(path)
    return Dataset.sampled(
        sample,
        name=path.resolve().name,
        kind="folder",
        categories=(),
        images=numbered(listing.paths, root=path),
        truths=None,
        notes=listing.notes,
        root=path,
    )


def list_images(folder: Path) -> Listing:
    """Every image below ``folder`` but hidden ones (as Ultralytics); linked folders are not entered, so that a loop ends, and are noted."""
    images: list[Path] = []
    linked = other = 0
    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]  # in place: os.walk enters those that are left
        paths = [Path(parent, name) for name in files if not name.startswith(".")]
        wanted = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
        images += wanted
        other += len(paths) - len(wanted)
        linked += sum(Path(parent, name).is_symlink() for name in folders)
    if not images:
        expected = f"files that end in {', '.join(sorted(IMAGE_SUFFIXES))}"
        found = f"{other} other files"
        raise BadInput("0 images", file=folder, found=found, expected=expected, next_step="give the folder that holds images")
    notes = [f"{linked} linked folders in {folder.name} were not entered"] if linked else []
    notes += [f"{other} files in {folder.name} are not images"] if other else []
    return Listing(regular_files(images), tuple(notes))


def unreadable(failure: OSError) -> None:
    """Stop at a folder that cannot be listed: its images would be missing."""
    raise BadInput("cannot be listed", file=failure.filename, found=failure.strerror, next_step="check its permissions") from None


def regular_files(paths: list[Path]) -> tuple[Path, ...]:
    """The paths, sorted; one that is no regular file (a pipe, a device, a broken link) is refused before anything opens it."""
    for path in paths:
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name that is too long
            raise BadInput("is not a regular file", file=path, expected="an image", next_step="remove it, or repair the link")
    return tuple(sorted(paths, key=Path.as_posix))


def numbered(paths: tuple[Path, ...], *, root: Path) -> tuple[DatasetImage, ...]:
    """Images with the ids 1 to n and names relative to ``root``."""
    return tuple(DatasetImage(i, path.relative_to(root).as_posix(), path) for i, path in enumerate(paths, start=1))
