"""The charts of a result as files: which there are, what each needs, and where they may go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from parity.datasets import Dataset
from parity.display import display
from parity.exhibits import Exhibit
from parity.report import drawings
from parity.report.evidence import walked_folders
from parity.report.output import check_apart, check_folder, check_replaceable, make_folder
from parity.report.plotting import write_chart
from parity.report.series import accuracy_rows, image_series, latency_rows, parity_rates, points
from parity.request import GateRequest
from parity.verdict import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Size = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart that can be drawn: its width and height in inches, and what fills an empty figure."""

    inches: Size
    draw: Callable[[Figure], None]


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart file, what it shows, and what makes it of a result: a drawing, or the reason why there is none."""

    file: str
    shows: str
    make: Callable[[Result, Sequence[Exhibit]], Drawing | str]


@dataclass(frozen=True, slots=True)
class Plots:
    """What was written into a folder, in the order of ``PLOTS``, and what was not, by file, with the reason."""

    folder: Path
    written: tuple[Plot, ...]
    left_out: dict[str, str]

    def notes(self) -> Iterator[str]:
        """Where the charts are, and which were not drawn; an old one of such a name is not of this result."""
        yield f"plots written to {display(self.folder)}: {', '.join(plot.file for plot in self.written)}"
        for file, reason in self.left_out.items():
            stale = "; the one that lies there is of an earlier run" if (self.folder / file).exists() else ""
            yield f"{file} was not drawn: {reason}{stale}"


def detections(result: Result, exhibits: Sequence[Exhibit]) -> Drawing | str:
    """Detections and confidence on each image."""
    series = image_series(result, exhibits)
    return Drawing(drawings.image_inches(series), lambda figure: drawings.draw_images(figure, series))


def parity(result: Result, exhibits: Sequence[Exhibit]) -> Drawing | str:
    """Images that agree."""
    del exhibits
    rates = parity_rates(result)
    return Drawing(drawings.parity_inches(rates), lambda figure: drawings.draw_parity(figure, rates))


def accuracy(result: Result, exhibits: Sequence[Exhibit]) -> Drawing | str:
    """AP, where there are labels."""
    del exhibits
    rows = accuracy_rows(result)
    return Drawing(drawings.accuracy_inches(rows), lambda figure: drawings.draw_accuracy(figure, rows)) if rows else no_labels(result)


def latency(result: Result, exhibits: Sequence[Exhibit]) -> Drawing | str:
    """Milliseconds, where they were measured."""
    del exhibits
    rows = latency_rows(result)
    return Drawing(drawings.latency_inches(rows), lambda figure: drawings.draw_latency(figure, rows)) if rows else no_latency(result)


def accuracy_and_latency(result: Result, exhibits: Sequence[Exhibit]) -> Drawing | str:
    """Both, where there are both."""
    del exhibits
    found = points(result)
    if not found:
        return no_labels(result) or no_latency(result) or "AP is undefined without an object"
    return Drawing(drawings.POINT_INCHES, lambda figure: drawings.draw_points(figure, found))


def no_labels(result: Result) -> str:
    """Why there is no AP, empty where there is."""
    return "" if any(config.metrics for config in result.configs) else "the images have no labels"


def no_latency(result: Result) -> str:
    """Why there is no latency, empty where there is."""
    return "" if any(config.latency_ms for config in result.configs) else "no latency was measured of two networks"


PLOTS = (
    Plot("detections.png", "Detections and confidence on each image, of every side", detections),
    Plot("parity.png", "Images that agree, by size and backend", parity),
    Plot("accuracy.png", "AP of both sides of every configuration", accuracy),
    Plot("latency.png", "Milliseconds of both sides of every configuration", latency),
    Plot("accuracy-latency.png", "Accuracy against latency", accuracy_and_latency),
)


def write_plots(folder: Path, result: Result, exhibits: Sequence[Exhibit]) -> Plots:
    """Draw what can be drawn into a folder, which is made where it is missing; raises ``UsageError`` where it cannot be written."""
    make_folder(folder)
    made = {plot: plot.make(result, exhibits) for plot in PLOTS}
    drawn = {plot: each for plot, each in made.items() if isinstance(each, Drawing)}
    for plot, drawing in drawn.items():
        write_chart(folder / plot.file, drawing.draw, inches=drawing.inches)
    return Plots(folder, tuple(drawn), {plot.file: each for plot, each in made.items() if isinstance(each, str)})


def check_plots_folder(
    folder: Path | None, request: GateRequest, dataset: Dataset, *, option: str = "--plots", beside: Iterable[str] = ()
) -> None:
    """Raise ``UsageError`` before any work for a folder that cannot be written, or whose files would join or replace an input's.

    ``beside`` are the names of what is written beside the charts.
    """
    if folder is None:
        return
    place = folder.resolve()
    check_folder(place, option=option)
    check_apart(place, walked_folders(request, dataset), option=option)
    inputs = {path.resolve() for path in (*request.inputs, *(image.path for image in dataset.images))}
    for name in (*(plot.file for plot in PLOTS), *beside):
        check_replaceable(place / name, inputs, option=option)
