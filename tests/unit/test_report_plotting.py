"""Charts as files: plain text whatever the names, the same bytes each time, and a message where they cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from oracles.hostile import HOSTILE
from PIL import Image

from parity.errors import UsageError
from parity.report.plotting import DPI, legible, write_chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def titled(text: str) -> Callable[[Figure], None]:
    """A chart with a title."""

    def draw(figure: Figure) -> None:
        figure.subplots().set_title(legible(text))

    return draw


@pytest.mark.parametrize("text", [*HOSTILE, "$\\frac{1}$", "$", "\U0001f600", "\u6c34"])
def test_a_hostile_name_is_drawn_without_a_warning(text: str, tmp_path: Path) -> None:
    write_chart(tmp_path / "chart.png", titled(text), inches=(4, 2))  # warnings are errors here
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.size == (4 * DPI, 2 * DPI)


def test_what_the_font_lacks_is_escaped() -> None:
    assert legible("a\u6c34b\x1b") == "a\\u6c34b\\x1b"


def test_the_same_chart_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        write_chart(tmp_path / name, titled("same"), inches=(4, 2))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_a_place_that_takes_no_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_chart(tmp_path / "missing" / "chart.png", titled("x"), inches=(4, 2))
