"""The images that an INT8 file's ranges are taken from, kept apart from those that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parity.convert.quantisation import CalibrationSet
from parity.datasets import Dataset
from parity.datasets.base import file_digest
from parity.datasets.training import offered_images, training_images
from parity.errors import UsageError
from parity.held_out import Division, digest_of, divide

NEXT_STEP = "give --calibration with a folder of images like those that the model is for, a few hundred, none of them in --data"


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The files to calibrate with and what is known of them, and the data set that judges."""

    calibration: tuple[Path, ...]
    described: CalibrationSet
    judged: Dataset


def divided_images(full: Dataset, data: Path, calibration: Path | None, *, most: int, seed: int) -> Images:
    """Divide what is there into images that calibrate and images that judge; raises ``UsageError`` where none is left for either.

    ``calibration`` is what was given for it; ``None`` takes the training split of ``data``.
    """
    offered = training_images(data) if calibration is None else offered_images(calibration)
    offered_digests, judged_digests = [file_digest(path) for path in offered], [file_digest(image.path) for image in full.images]
    division = divide(offered_digests, judged_digests, most=most, seed=seed, hold_out=calibration is None and bool(offered))
    if not division.calibration or not division.judged:
        raise no_images(full, data, calibration, division)
    paths = [image.path for image in full.images] if division.held_out else offered
    digests = judged_digests if division.held_out else offered_digests
    chosen = tuple(paths[place] for place in division.calibration)
    source = in_words(division, given=calibration is not None)
    described = CalibrationSet(len(chosen), digest_of([digests[place] for place in division.calibration]), source)
    note = f"{len(full) - len(division.judged)} of {len(full)} images were held out to calibrate with, and judge nothing"
    return Images(chosen, described, full.at(division.judged, note=note) if division.held_out else full)


def no_images(full: Dataset, data: Path, calibration: Path | None, division: Division) -> UsageError:
    """The error for nothing to calibrate or nothing to judge with."""
    if division.refused:
        problem = "every image that is offered for calibration is one that the file would be judged by"
        return UsageError(problem, file=calibration or data, found=f"{division.refused} images", next_step=NEXT_STEP)
    if division.held_out:
        return UsageError("too few images to hold some out for calibration", file=data, found=len(full), next_step=NEXT_STEP)
    return UsageError("no calibration images: no train split, and no --calibration", file=data, next_step=NEXT_STEP)


def in_words(division: Division, *, given: bool) -> str:
    """Where the calibration images are from."""
    if division.held_out:
        return "held out of the images to judge by, since the train split has no others"
    source = "--calibration" if given else "the train split"
    return f"{source}, without {division.refused} images that judge" if division.refused else source
