"""What both sides find in a folder of photos, as one picture of four charts."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.limits import MATCH_IOU
from parity.photos import PhotosComparison, SideCounts, SideDetections
from parity.report.plotting import CANDIDATE, OTHERS, REFERENCE, legible, write_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INCHES = (14.0, 9.5)
LAYOUT: Any = [["photos", "photos", "photos"], ["confidence", "overlap", "classes"]]
MOST_NAMES = 20  # photos that are named below their bars
MOST_CLASSES = 16
FEW_PAIRS = 50
LONGEST = 22  # characters of a name at an axis
LOWEST_OVERLAP = 0.9  # where the scale of overlaps starts unless one is lower: all of a sound pair lie near 1
BARS = 0.4  # width of one of two bars


def write_photo_chart(target: Path, found: PhotosComparison, sides: tuple[SideDetections, SideDetections]) -> None:
    """Write the charts of one configuration; ``sides`` are the reference's and the candidate's detections."""

    def draw(figure: Figure) -> None:
        figure.suptitle(title(found), fontweight="bold")
        axes = figure.subplot_mosaic(LAYOUT, height_ratios=(4, 5))
        draw_detections(axes["photos"], found)
        draw_confidences(axes["confidence"], found, sides)
        draw_overlaps(axes["overlap"], found)
        draw_classes(axes["classes"], found)

    write_chart(target, draw, inches=INCHES)


def title(found: PhotosComparison) -> str:
    """What is compared, and on how many photos both sides agree."""
    agree = f"{found.total.parity.images_agreeing} of {len(found.images)} photos agree"
    sides = " against ".join(legible(Path(side.model).name) for side in (found.reference, found.candidate))
    return f"{legible(found.settings.config)}: {sides}, {agree}"


def labels(found: PhotosComparison) -> tuple[str, str]:
    """What both sides are called in a legend."""
    return f"reference ({found.reference.backend})", f"candidate ({found.candidate.backend})"


def draw_detections(axes: Axes, found: PhotosComparison) -> None:
    """Detections per photo: named bars of a few photos, of many the counts from most to fewest, differences on top."""
    counts = np.array([(image.reference.detections, image.candidate.detections) for image in found.images])
    differ = (counts[:, 0] != counts[:, 1]).sum()
    axes.set_title(f"Detections per photo: {counts[:, 0].sum()} and {counts[:, 1].sum()}, counts differ on {differ} of {len(counts)}")
    axes.set_ylabel("detections")
    if len(counts) <= MOST_NAMES:
        names = [shortened(image.file_name) for image in found.images]
        paired_bars(axes, counts, names, found)
        axes.tick_params(axis="x", labelrotation=35 if len(names) > 1 else 0)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right" if len(names) > 1 else "center")
    else:
        draw_many(axes, counts, found)
    whole_numbers(axes.yaxis)
    axes.legend(loc="upper right")


def draw_many(axes: Axes, counts: np.ndarray, found: PhotosComparison) -> None:
    """The reference's counts as an area, the candidate's as a line over it."""
    ordered = counts[np.lexsort((-counts[:, 1], -counts[:, 0]))]
    places, (reference, candidate) = np.arange(len(ordered) + 1), labels(found)
    axes.stairs(ordered[:, 0], places, fill=True, color=REFERENCE, alpha=0.45, label=reference)
    axes.stairs(ordered[:, 1], places, color=CANDIDATE, linewidth=1.2, label=candidate)
    axes.set_xlim(0, len(ordered))
    axes.set_xlabel("photos, those with most detections of the reference first")


def paired_bars(axes: Axes, counts: np.ndarray, names: Sequence[str], found: PhotosComparison) -> None:
    """Two bars for each name."""
    places = np.arange(len(names))
    for side, (shift, colour) in enumerate(((-BARS / 2, REFERENCE), (BARS / 2, CANDIDATE))):
        bars = axes.bar(places + shift, counts[:, side], BARS, color=colour, label=labels(found)[side])
        axes.bar_label(bars, fontsize=8)
    room = max(0.6, 3 - len(names) / 2)  # or one photo is as wide as a wall
    axes.set_xlim(-room, len(names) - 1 + room)
    axes.set_xticks(places, names, fontsize=8)
    axes.margins(y=0.12)
    axes.grid(visible=False, axis="x")


def draw_confidences(axes: Axes, found: PhotosComparison, sides: tuple[SideDetections, SideDetections]) -> None:
    """How the scores of both sides are distributed."""
    axes.set_title(f"Confidence, threshold {found.settings.conf:g}")
    axes.set_xlabel("score")
    axes.set_ylabel("detections")
    bins = np.linspace(0, 1, 41).tolist()
    scores = [[each.score for image in side.images for each in image.detections] for side in sides]
    axes.hist(scores[0], bins, color=REFERENCE, alpha=0.45)
    axes.hist(scores[1], bins, histtype="step", color=CANDIDATE, linewidth=1.6)
    axes.axvline(found.settings.conf, color="0.4", linestyle=":")
    axes.set_xlim(0, 1)
    whole_numbers(axes.yaxis)


def draw_overlaps(axes: Axes, found: PhotosComparison) -> None:
    """How well matched boxes lie on each other."""
    overlaps = np.array([pair.iou for image in found.images for pair in image.pairs])
    total = found.total.parity.reference_detections
    axes.set_xlabel("intersection over union of matched pairs")
    axes.set_ylabel("pairs")
    if found.total.iou is None:
        axes.set_title("Overlap: no matched pairs")
        axes.set_xlim(MATCH_IOU, 1)
        return
    median, least = (floor(value * 1e5) / 1e5 for value in (found.total.iou.median, found.total.iou.lowest))  # 1 is the same box only
    axes.set_title(f"Overlap of {len(overlaps)} matched of {total}:\nmedian {median:.5f}, lowest {least:.5f}")
    lowest = min(LOWEST_OVERLAP, found.total.iou.lowest)
    axes.hist(overlaps, np.linspace(lowest, 1, 41).tolist(), color=OTHERS[0])
    if len(overlaps) > FEW_PAIRS:
        axes.set_yscale("symlog", linthresh=1)  # one pair apart is seen beside a thousand that are not
        axes.yaxis.set_major_formatter("{x:.0f}")
    else:
        whole_numbers(axes.yaxis)
    axes.set_xlim(lowest, 1)


def draw_classes(axes: Axes, found: PhotosComparison) -> None:
    """How often both sides find each class, the most frequent on top; those that one side never finds are among them."""
    counts = by_class(found)
    telling = sorted(counts, key=lambda key: (min(counts[key]) > 0, -max(counts[key]), key))[:MOST_CLASSES]  # of one side alone first
    shown = sorted(telling, key=lambda key: (-max(counts[key]), key))
    rest = f", {len(shown)} shown" if len(shown) < len(counts) else ""
    only = ", ".join(f"{len(part)} only {side}" for side, part in coverage_words(found) if part)
    axes.set_title(f"Classes found: {len(counts)}{rest}\n{only or 'each by both sides'}")
    axes.set_xlabel("detections")
    numbers = np.array([counts[key] for key in shown]).reshape(-1, 2)
    places = np.arange(len(shown))
    for side, (shift, colour) in enumerate(((-BARS / 2, REFERENCE), (BARS / 2, CANDIDATE))):
        bars = axes.barh(places + shift, numbers[:, side], BARS, color=colour)
        axes.bar_label(bars, fontsize=8, padding=2)
    axes.set_yticks(places, [shortened(name) for _, name in shown], fontsize=8)
    axes.set_ylim(max(len(shown), 3) - 0.4, -0.6)
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    whole_numbers(axes.xaxis)


def by_class(found: PhotosComparison) -> dict[tuple[int, str], tuple[int, int]]:
    """How often the reference and the candidate find each class, by index and name."""

    def counts(side: SideCounts) -> dict[tuple[int, str], int]:
        return {(each.class_index, each.class_name): each.count for each in side.objects}

    reference, candidate = counts(found.total.reference), counts(found.total.candidate)
    return {key: (reference.get(key, 0), candidate.get(key, 0)) for key in sorted(reference.keys() | candidate.keys())}


def coverage_words(found: PhotosComparison) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The classes that only one side finds."""
    return ("by the reference", found.total.classes.only_reference), ("by the candidate", found.total.classes.only_candidate)


def shortened(name: str) -> str:
    """A name that fits beside an axis: its end tells files of one camera apart."""
    text = legible(name)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 + 1 :]}"


def whole_numbers(axis: Axis) -> None:
    """Marks at whole numbers: half a detection is none."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - matplotlib loads only where a chart is drawn

    axis.set_major_locator(MaxNLocator(integer=True))
