"""What both sides find on every photo, as a table for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from parity.photos import AllPhotos, Coverage, Differences, PhotoComparison, PhotosComparison, SideCounts, Spread
from parity.report.terminal import plain_console, safe, table, titled

FITTING = 8  # photos of a table that fits a screen
LONGEST_NAME = 22  # columns of a photo's name, before it is folded
MOST_OBJECTS = 8  # classes that are told of one photo
WEIGHTS = {"missed": 4, "ghosts": 4, "class_flips": 4, "shifted": 2, "rescored": 1, "edges": 0.01}  # as images of a report are ranked
WORDS = {"ghosts": ("ghost", "ghosts"), "class_flips": ("class flip", "class flips")}


def print_photos(found: Sequence[PhotosComparison], console: Console, *, most: int | None = FITTING) -> None:
    """Print a table for each configuration; of more than ``most`` photos those that differ most, and how many more there are."""
    for each in found:
        console.print(photos_table(each, most=len(each.images) if most is None else most))
        for line in closing_lines(each, most=most):
            console.print(line)


def photos_text(found: Sequence[PhotosComparison]) -> str:
    """The tables with every photo, as plain text for a file."""
    page = StringIO()
    print_photos(found, plain_console(page), most=None)
    return page.getvalue()


def photos_table(found: PhotosComparison, *, most: int) -> RenderableType:
    """A row for each photo and side, then all photos together."""
    rows = table("photo", "side", "found", "objects", "confidence", "agree", left=2)
    for column, least in zip(rows.columns, (8, 7, 5, 10, 10, 5), strict=True):
        column.min_width, column.vertical = least, "top"
    rows.columns[0].max_width = LONGEST_NAME
    rows.columns[3].justify = rows.columns[5].justify = "left"
    for image in shown_images(found, most=most):
        add_rows(rows, found, safe(image.file_name), image, agree=("yes", "green") if image.agrees else ("no", "red"))
        if differs := differences_text(image):
            rows.add_row("", "", "", Text(differs, style="red"), "", "")
    if len(found.images) > 1:
        add_total(rows, found)
    return titled(f"Photos: {found.settings.config} at confidence {found.settings.conf:g}", rows)


def add_total(rows: Table, found: PhotosComparison) -> None:
    """The rows of all photos together."""
    rows.add_section()
    counts = found.total.parity
    style = "green" if counts.images_agreeing == counts.images else "red"
    add_rows(rows, found, Text(f"all {counts.images} photos"), found.total, agree=(f"{counts.images_agreeing}/{counts.images}", style))


def add_rows(rows: Table, found: PhotosComparison, name: Text, both: PhotoComparison | AllPhotos, *, agree: tuple[str, str]) -> None:
    """Two rows: what each side finds."""
    first = (name, Text(*agree)), (Text(), Text())
    for (title, agrees), side, counts in zip(first, (found.reference, found.candidate), (both.reference, both.candidate), strict=True):
        backend = side.backend if found.reference.backend != found.candidate.backend else side.role
        rows.add_row(title, backend, str(counts.detections), safe(objects_text(counts)), range_text(counts.confidence), agrees)


def shown_images(found: PhotosComparison, *, most: int) -> list[PhotoComparison]:
    """The photos in their order, or where there are too many those that differ most."""
    if len(found.images) <= most:
        return list(found.images)
    return sorted(found.images, key=disagreement, reverse=True)[:most]


def disagreement(image: PhotoComparison) -> float:
    """How much a photo differs, to rank by."""
    weighted = sum(WEIGHTS[name] * number for name, number in numbers_of(image.differences))
    return weighted + 1000 * (not image.on_record) + 0.5 * (not image.agrees)


def objects_text(side: SideCounts) -> str:
    """The objects with their numbers, the most frequent first: ``3 person, 1 dog``."""
    told = [f"{each.count} {each.class_name}" for each in side.objects[:MOST_OBJECTS]]
    rest = len(side.objects) - len(told)
    return ", ".join(told + [f"{rest} more classes"] * (rest > 0)) or "nothing"


def range_text(confidence: Spread | None) -> str:
    """The lowest and the highest score."""
    return "-" if confidence is None else f"{confidence.lowest:.2f}-{confidence.highest:.2f}"


def differences_text(image: PhotoComparison) -> str:
    """What differs on a photo, in words."""
    said = [] if image.on_record else ["one side has nothing on record"]
    said += [f"{number} {WORDS.get(name, (name, name))[number > 1]}" for name, number in numbers_of(image.differences) if name != "edges"]
    return f"differs: {', '.join(said) or 'outputs that are no numbers'}" if not image.agrees else ""


def numbers_of(differences: Differences) -> Iterator[tuple[str, int]]:
    """The differences that there are, by name."""
    for name in WEIGHTS:
        if number := getattr(differences, name):
            yield name, number


def closing_lines(found: PhotosComparison, *, most: int | None) -> Iterator[Text]:
    """How many photos are not in the table, and which classes only one side finds."""
    left_out = shown_images(found, most=len(found.images)) if most is not None and len(found.images) > most else []
    if most is not None and left_out:
        rest = sorted(left_out, key=disagreement, reverse=True)[most:]
        differ = sum(not image.agrees for image in rest)
        yield Text(f"and {len(rest)} more photos, of which {len(rest) - differ} agree and {differ} differ: report.txt lists all")
    yield from (safe(line) for line in coverage_lines(found.total.classes))


def coverage_lines(classes: Coverage) -> Iterator[str]:
    """Which classes each side finds at all."""
    for side, names in (("reference", classes.only_reference), ("candidate", classes.only_candidate)):
        if names:
            yield f"only the {side} finds: {', '.join(names)}"
    if not classes.only_reference and not classes.only_candidate:
        yield f"both sides find the same {len(classes.both)} classes"
