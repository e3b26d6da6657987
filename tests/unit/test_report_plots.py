"""Chart files: which are written, that they open, and what is said of those that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import compared, exhibit
from oracles.hostile import HOSTILE
from oracles.plotted import many, plotted
from oracles.results import config, result
from oracles.samples import dataset
from PIL import Image

from parity.detections import Detections
from parity.errors import UsageError
from parity.report.drawings import LONGEST_NAME, MARKERS, change_words, shortened, styles
from parity.report.plots import PLOTS, check_plots_folder, write_plots
from parity.report.plotting import OTHERS, REFERENCE
from parity.report.series import Pair
from parity.request import GateRequest

if TYPE_CHECKING:
    from parity.exhibits import Exhibit
    from parity.verdict import Result

FILES = ["detections.png", "parity.png", "accuracy.png", "latency.png", "accuracy-latency.png"]


def drawn(folder: Path, found: Result, exhibits: list[Exhibit]) -> list[str]:
    """The files that were written, each of which opens and has more than one colour."""
    written = [plot.file for plot in write_plots(folder, found, exhibits).written]
    assert min(len(Image.open(folder / file).convert("L").resize((100, 50)).getcolors()) for file in written) > 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(written)
    return written


def test_one_configuration_gives_every_chart(tmp_path: Path) -> None:
    assert drawn(tmp_path / "made" / "here", *plotted(tmp_path)) == FILES == [plot.file for plot in PLOTS]


@pytest.mark.parametrize("images", [2, 130])
def test_eight_configurations_give_every_chart_of_few_and_of_many_images(tmp_path: Path, images: int) -> None:
    assert drawn(tmp_path / "plots", *many(tmp_path, images=images)) == FILES


@pytest.mark.parametrize(
    ("lacking", "written", "said"),
    [
        (("metrics",), ["detections.png", "parity.png", "latency.png"], "the images have no labels"),
        (("latency_ms",), ["detections.png", "parity.png", "accuracy.png"], "no latency was measured of two networks"),
        (("metrics", "latency_ms"), ["detections.png", "parity.png"], "the images have no labels"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path: Path, lacking: tuple[str, ...], written: list[str], said: str) -> None:
    found, exhibits = plotted(tmp_path, **dict.fromkeys(lacking))
    assert drawn(tmp_path / "plots", found, exhibits) == written
    notes = list(write_plots(tmp_path / "plots", found, exhibits).notes())
    assert notes[0].startswith("plots written to ")
    assert notes[0].count(".png") == len(written)
    assert f"accuracy-latency.png was not drawn: {said}" in notes
    assert len(notes) == 1 + len(FILES) - len(written)


def test_an_old_chart_is_not_taken_for_one_of_this_result(tmp_path: Path) -> None:
    write_plots(tmp_path / "plots", *plotted(tmp_path))
    notes = write_plots(tmp_path / "plots", *plotted(tmp_path, metrics=None)).notes()
    stale = [note for note in notes if "earlier run" in note]
    assert len(stale) == 2


def test_neither_an_image_without_detections_nor_an_undefined_number_is_in_the_way(tmp_path: Path) -> None:
    nothing = exhibit(tmp_path, [compared(Detections.none(), Detections.none())])
    assert drawn(tmp_path / "plots", result(configs=(config(imgsz=None),)), [nothing]) == FILES


@pytest.mark.parametrize("first", range(0, len(HOSTILE), 8))
def test_hostile_names_are_drawn_as_text(tmp_path: Path, first: int) -> None:
    names = HOSTILE[first : first + 8]  # of images, and of what is said beside bars and in legends
    found, [shown, *_] = many(tmp_path, images=len(names))
    images = tuple(replace(image, file_name=name) for image, name in zip(shown.images, names, strict=True))
    configs = tuple(replace(each, id=name, backend=name) for each, name in zip(found.configs, names, strict=True))
    assert drawn(tmp_path / "plots", replace(found, configs=configs), [replace(shown, images=images)] * len(names)) == FILES


def test_a_long_file_name_keeps_its_end() -> None:
    assert shortened("x" * 100 + "_0042.jpg", LONGEST_NAME) == "..." + "x" * (LONGEST_NAME - 12) + "_0042.jpg"
    assert shortened("a.jpg") == "a.jpg"


def test_every_side_of_many_looks_different() -> None:
    chosen = styles(["reference", *map(str, range(20))])
    assert chosen["reference"] == (REFERENCE, MARKERS[0])
    assert len(set(chosen.values())) == 21
    assert len(OTHERS) == 4


def test_a_change_is_said_with_its_sign_and_none_without() -> None:
    assert [change_words(Pair(0.5, value, None)) for value in (0.4, 0.6, 0.50001, None)] == ["-0.1000", "+0.1000", "0.0000", "undefined"]


# Where they may go


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--plots cannot be written"):
        check_plots_folder(tmp_path / "file", GateRequest(Path("m.pt")), dataset(None, [(0, "cat")], names=("a.png",)))


def test_a_folder_of_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in an input"):
        check_plots_folder(tmp_path / "plots", GateRequest(Path("m.pt"), data=tmp_path), dataset(None, [(0, "cat")], names=("a.png",)))


def test_an_image_that_would_be_overwritten_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    Path("images/parity.png").touch()
    with pytest.raises(UsageError, match="holds an input"):
        check_plots_folder(Path("images"), GateRequest(Path("m.pt")), dataset(None, [(0, "cat")], names=("parity.png",)))


def test_what_is_written_beside_the_charts_replaces_no_input(tmp_path: Path) -> None:
    (tmp_path / "study.json").touch()
    request, images = GateRequest(Path("m.pt"), data=tmp_path / "study.json"), dataset(None, [(0, "cat")], names=("a.png",))
    with pytest.raises(UsageError, match="--study holds an input"):
        check_plots_folder(tmp_path, request, images, option="--study", beside=("study.md", "study.json"))
