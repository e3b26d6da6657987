"""Charts as PNG files, drawn by matplotlib without a display, without its global state, and with all text as plain text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.display import display
from parity.files import write_bytes_whole
from parity.report.output import said_as_usage

# ruff: noqa: PLC0415 - matplotlib loads for half a second, and only where a chart is drawn
if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
REFERENCE, CANDIDATE, OTHERS = "#2563a8", "#c4571b", ("#3d8b5f", "#8657a6", "#7a6a2c", "#4d4d4d")  # told apart by the colour-blind as well
SETTINGS: Any = {"text.parse_math": False, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False}


def write_chart(target: Path, draw: Callable[[Figure], None], *, inches: tuple[float, float]) -> None:
    """Let ``draw`` fill an empty figure of a size (width, height) and write it as PNG; the same figure gives the same bytes.

    Raises ``UsageError`` where the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    content = BytesIO()
    with mpl.rc_context(SETTINGS):  # text asks for it when it is made and when it is drawn
        figure = Figure(figsize=inches, dpi=DPI, layout="constrained")
        draw(figure)
        figure.savefig(content, format="png", metadata={"Software": None})
    with said_as_usage(target):
        write_bytes_whole(content.getvalue(), target)


def legible(untrusted: object) -> str:
    r"""An untrusted string as charts show it: what cannot be printed, or has no glyph in the font, as an escape like ``\u6c34``."""
    drawn = glyphs()
    return "".join(c if ord(c) in drawn else c.encode("unicode_escape").decode("ascii") for c in display(untrusted))


@cache
def glyphs() -> frozenset[int]:
    """The code points that the font of all charts can draw."""
    from matplotlib.font_manager import get_font

    return frozenset(get_font(font_file()).get_charmap())


@cache
def font_file() -> str:
    """The font of all charts, which comes with matplotlib, so that all machines draw alike."""
    from matplotlib.font_manager import FontProperties, findfont

    return findfont(FontProperties())
