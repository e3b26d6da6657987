"""Compared folders of photos, made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracles.exhibits import exhibit
from oracles.results import config, result

from parity.exhibits import Exhibit
from parity.photos import PhotosComparison, PhotoSettings, PhotoSide, SideDetections, compare_photos
from parity.report.photos import PhotoFiles, photo_files, write_photos
from parity.report.terminal import silent

if TYPE_CHECKING:
    from pathlib import Path

    from parity.comparison import ImageComparison

REFERENCE, CANDIDATE = PhotoSide("reference", "pytorch", "m.pt", "1" * 64), PhotoSide("candidate", "onnx", "m.onnx", "0" * 64)
SETTINGS = PhotoSettings("m-onnx-640", 0.25, 0.7, (640, 640))


def compared_photos(folder: Path, comparisons: list[ImageComparison], **others: tuple[str, ...]) -> PhotosComparison:
    """These comparisons as photos of a folder."""
    return compare_photos(exhibit(folder, comparisons, **others), reference=REFERENCE, candidate=CANDIDATE, settings=SETTINGS)


def written(out: Path, *exhibits: Exhibit) -> list[PhotoFiles]:
    """The files of some configurations, written."""
    configs = tuple(config(id=each.config) for each in exhibits)
    write_photos(out, result(configs=configs), exhibits, track=silent)
    return [photo_files(out, family="", config=each.id, backend=each.backend, alone=len(configs) == 1) for each in configs]


def no_detections(side: PhotoSide) -> SideDetections:
    """A side that was shown nothing."""
    return SideDetections(side, SETTINGS, ())
