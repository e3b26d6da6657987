"""The files of a compared folder of photos: both sides' pictures and detections, the comparison, and its charts."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from parity.baselines import slug
from parity.datasets import Dataset
from parity.detections import Detections
from parity.errors import BadInput, UsageError
from parity.exhibits import Exhibit
from parity.files import write_bytes_whole
from parity.images import read_image
from parity.open_gate import Track
from parity.photos import (
    PhotoDetections,
    PhotosComparison,
    PhotoSettings,
    PhotoSide,
    SideDetections,
    compare_photos,
    found_objects,
)
from parity.report.annotated import annotated
from parity.report.evidence import LISTED, readable
from parity.report.output import ANOTHER, check_folder, check_outside, check_replaceable, make_folder, said_as_usage, write_text
from parity.report.photo_chart import write_photo_chart
from parity.request import GateRequest
from parity.verdict import ConfigResult, ReferenceId, Result
from parity.wire import from_plain, read_json, to_json

DETECTIONS, COMPARISON, RESULTS, CHART = "detections.json", "comparison", "comparison_results.json", "comparison_plots.png"
PREDICTIONS = "predictions"  # the family of a reference that is a list of detections
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, bidirectional marks, bytes that are no UTF-8, line ends
JOINERS = "\u200c\u200d"  # within emoji and in some scripts
LONGEST_STEM = 200  # bytes of UTF-8: with prefix and suffix less than the 255 that file systems take


@dataclass(frozen=True, slots=True)
class SideFiles:
    """Where the files of one side lie; all their names begin with ``prefix``."""

    folder: Path
    prefix: str = ""

    @property
    def detections(self) -> Path:
        """What it finds, as JSON."""
        return self.folder / f"{self.prefix}{DETECTIONS}"

    def picture(self, stem: str) -> Path:
        """A photo with what it finds."""
        return self.folder / f"{self.prefix}annotated_{stem}.jpg"

    def is_picture(self, name: str) -> bool:
        """Whether a name is one that ``picture`` gives."""
        return bool(re.fullmatch(rf"{re.escape(self.prefix)}annotated_[^/\\]+\.jpg", name))


@dataclass(frozen=True, slots=True)
class PhotoFiles:
    """Where the files of one configuration lie."""

    reference: SideFiles
    candidate: SideFiles
    comparison: Path

    @property
    def sides(self) -> tuple[SideFiles, SideFiles]:
        """Both sides."""
        return self.reference, self.candidate

    @property
    def results(self) -> Path:
        """The comparison as JSON."""
        return self.comparison / RESULTS

    @property
    def chart(self) -> Path:
        """The comparison as a picture."""
        return self.comparison / CHART


# Where they lie


def photo_files(out: Path, *, family: str, config: str, backend: str, alone: bool) -> PhotoFiles:
    """The places of one configuration, which has a folder of its own where it is not ``alone``.

    A folder is named after what runs there. Where the reference is no checkpoint it is called that, and where the candidate is of the
    same kind as the reference it is called candidate.
    """
    root = out if alone else out / config
    reference = "reference" if family == PREDICTIONS else "pytorch"
    candidate = slug(backend) if slug(backend) not in {reference, COMPARISON} else "candidate"
    return PhotoFiles(SideFiles(root / reference), SideFiles(root / candidate, f"{candidate}_"), root / COMPARISON)


def check_photo_folders(request: GateRequest, full: Dataset, dataset: Dataset, places: Iterable[PhotoFiles]) -> None:
    """Raise ``UsageError`` before anything runs where files would join the photos, replace an input, or cannot be written.

    ``dataset`` is what is drawn of the ``full`` data set.
    """
    stems = picture_stems([image.file_name for image in dataset.images])
    inputs = {path.resolve() for path in request.inputs} | {image.path.resolve() for image in full.images}
    walked = {path for path in (request.data, request.images) if path is not None and path.is_dir()}
    walked |= {image.path.parent for image in full.images} if full.kind in LISTED else set()
    for files in places:
        for folder in (files.reference.folder, files.candidate.folder, files.comparison):
            for photos in walked:
                check_outside(folder, photos)
            check_folder(folder, option="--out")
        for target in targets(files, stems):
            check_replaceable(target, inputs, option="--out")
        for side in files.sides:
            check_own(side.detections, SideDetections)
        check_own(files.results, PhotosComparison)


def check_own(target: Path, kind: type) -> None:
    """Raise ``UsageError`` for a JSON file that no earlier run has written: it would be replaced."""
    if not target.exists():
        return
    try:
        from_plain(kind, read_json(target), source=target)
    except BadInput:
        raise UsageError("--out holds a file that is none of an earlier run", found=target, next_step=ANOTHER) from None


def targets(files: PhotoFiles, stems: Sequence[str]) -> Iterator[Path]:
    """Every file that is written."""
    for side in files.sides:
        yield side.detections
        yield from map(side.picture, stems)
    yield from (files.results, files.chart)


def picture_stems(names: Sequence[str]) -> tuple[str, ...]:
    """A name for the picture of each file, in their order, no two alike even where case does not count.

    It is the file's own stem; of several with one stem the others keep their folders, then also their suffix, then get a number. The
    first is the one that lies least deep, a ``.jpg`` before others, so that it is called after its picture whatever lies beside it.
    """
    stems: dict[int, str] = {}
    taken: set[str] = set()
    for place in sorted(range(len(names)), key=lambda place: plainness(names[place])):
        stems[place] = next(option for option in stem_options(names[place]) if folded(option) not in taken)
        taken.add(folded(stems[place]))
    return tuple(stems[place] for place in range(len(names)))


def plainness(name: str) -> tuple[int, bool, str]:
    """How early a file chooses the name of its picture."""
    path = PurePosixPath(name)
    return len(path.parts), path.suffix.lower() != ".jpg", name


def stem_options(name: str) -> Iterator[str]:
    """The names that a picture may have, the plainest first."""
    path = PurePosixPath(name)
    yield from map(writable, (path.stem, "_".join((*path.parts[:-1], path.stem)), "_".join(path.parts)))
    number = 2
    while True:
        yield f"{writable(path.stem)}_{number}"
        number += 1


def writable(stem: str) -> str:
    """A stem without separators and characters that act on a reader, cut where it is long and then told apart by a digest."""
    clean = "".join(character if is_harmless(character) else "_" for character in stem)
    content = clean.encode()
    if len(content) <= LONGEST_STEM:
        return clean
    return f"{content[: LONGEST_STEM - 9].decode(errors='ignore')}_{hashlib.sha256(content).hexdigest()[:8]}"


def is_harmless(character: str) -> bool:
    """Whether a character may stand in a file name: also the spaces and joiners that ``isprintable`` refuses."""
    return character in JOINERS or (unicodedata.category(character) not in UNSAFE and character not in "/\\")


def folded(stem: str) -> str:
    """What two names share that one file system or another takes for the same."""
    return unicodedata.normalize("NFKC", stem).casefold()


# What is written


def write_photos(out: Path, result: Result, exhibits: Sequence[Exhibit], *, track: Track) -> tuple[PhotosComparison, ...]:
    """Write the files of every configuration, and return what is in them; pictures and detections of earlier runs are replaced.

    Raises ``UsageError`` where something cannot be written.
    """
    configs = {config.id: config for config in result.configs}
    return tuple(
        write_exhibit(out, exhibit, result.reference, configs[exhibit.config], alone=len(exhibits) == 1, track=track)
        for exhibit in exhibits
    )


def write_exhibit(
    out: Path, exhibit: Exhibit, reference: ReferenceId, config: ConfigResult, *, alone: bool, track: Track
) -> PhotosComparison:
    """Write the files of one configuration; JSON last, so that a folder with it is complete."""
    files = photo_files(out, family=reference.family, config=config.id, backend=config.backend, alone=alone)
    settings = PhotoSettings(config.id, config.conf, config.iou, config.imgsz)
    sides = photo_sides(reference, config)
    for folder in (files.reference.folder, files.candidate.folder, files.comparison):
        make_folder(folder)
    clear(files)
    pictures = list(draw_photos(files, exhibit, track=track))
    found = compare_photos(exhibit, reference=sides[0], candidate=sides[1], settings=settings)
    one, other = (SideDetections(side, settings, images) for side, images in zip(sides, zip(*pictures, strict=True), strict=True))
    for value, target in ((one, files.reference.detections), (other, files.candidate.detections), (found, files.results)):
        write_text(readable(to_json(value, indent=2)) + "\n", target)
    write_photo_chart(files.chart, found, (one, other))
    return found


def photo_sides(reference: ReferenceId, config: ConfigResult) -> tuple[PhotoSide, PhotoSide]:
    """Who is compared."""
    backend = PREDICTIONS if reference.family == PREDICTIONS else "pytorch"
    candidate = config.candidate
    return (
        PhotoSide("reference", backend, reference.path, reference.sha256),
        PhotoSide("candidate", config.backend, candidate.path, candidate.sha256),
    )


def draw_photos(files: PhotoFiles, exhibit: Exhibit, *, track: Track) -> Iterator[tuple[PhotoDetections, PhotoDetections]]:
    """Draw every photo for both sides, one photo at a time, and tell what is on it."""
    stems = picture_stems([image.file_name for image in exhibit.images])
    rows = list(zip(exhibit.images, stems, exhibit.comparisons, strict=True))
    for image, stem, comparison in track(rows, "pictures", len(rows)):
        pixels = read_image(image.path, exif=exhibit.exif)
        height, width = pixels.shape[:2]

        def drawn(side: SideFiles, detections: Detections) -> PhotoDetections:
            target = side.picture(stem)  # noqa: B023 - called within the loop
            with said_as_usage(target):
                write_bytes_whole(annotated(pixels, detections, exhibit.names), target)  # noqa: B023 - likewise
            found = found_objects(detections, exhibit.names)
            return PhotoDetections(image.file_name, target.name, width, height, found, detections.non_finite)  # noqa: B023 - likewise

        yield drawn(files.reference, comparison.matches.reference), drawn(files.candidate, comparison.matches.candidate)


def clear(files: PhotoFiles) -> None:
    """Remove what an earlier run has written there: its JSON, and the pictures that this names. Nothing else is touched."""
    for side in files.sides:
        for name in earlier_pictures(side):
            (side.folder / name).unlink(missing_ok=True)
        side.detections.unlink(missing_ok=True)
    files.results.unlink(missing_ok=True)
    files.chart.unlink(missing_ok=True)


def earlier_pictures(side: SideFiles) -> list[str]:
    """The pictures that an earlier run says it has drawn."""
    try:
        earlier = from_plain(SideDetections, read_json(side.detections), source=side.detections)
    except BadInput:
        return []
    return [image.picture for image in earlier.images if side.is_picture(image.picture)]
