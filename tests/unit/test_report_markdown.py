"""What others wrote stays text in Markdown, as a renderer by somebody else reads it."""

from __future__ import annotations

from string import printable

import pytest
from oracles.hostile import HOSTILE
from oracles.rendered import rendered

from parity.display import display
from parity.report.markdown import cell

MARKUP = (
    "*b*",
    "_i_",
    "**b**",
    "`code`",
    "~~s~~",
    "[a](b)",
    "![a](b)",
    "<https://a.b>",
    "a|b",
    "a\\|b",
    "\\",
    "# h",
    "- l",
    "1. l",
    "> q",
    "&lt;",
)
MARKUP += ("[a]: b", "***", "---", "===", "```", "~~~", "    code", "a\\", "[^1]", "- [ ] t", "<!-- x", "&#35;", printable)


@pytest.mark.parametrize("hostile", [*HOSTILE, *MARKUP])
def test_a_cell_shows_a_string_as_it_is(hostile: str) -> None:
    page = rendered(f"| before | {cell(hostile)} | after |\n| --- | --- | --- |\n| 1 | {cell(hostile)} | 3 |\n")
    assert page.tags == ["table", "thead", "tr", "th", "th", "th", "tbody", "tr", "td", "td", "td"]
    shown = display(hostile).strip()
    assert page.text.split() == f"before {shown} after 1 {shown} 3".split()


@pytest.mark.parametrize("hostile", [*HOSTILE, *MARKUP])
def test_a_line_shows_a_string_as_it_is(hostile: str) -> None:
    page = rendered(f"- {cell(hostile)}, said\n")
    assert page.tags == ["ul", "li"]
    assert page.text.split() == f"{display(hostile).strip()}, said".split()


@pytest.mark.parametrize("hostile", ["<b>x</b>", "a|b", "*b*", "[a](b)"])
def test_the_renderer_would_notice(hostile: str) -> None:
    page = rendered(f"| {hostile} | after |\n| --- | --- |\n")
    assert (page.tags, page.text.split()) != (["table", "thead", "tr", "th", "th"], [hostile, "after"])


def test_what_is_no_text_is_shown_as_text() -> None:
    assert cell(None) == "None"
    assert cell(0.5) == r"0\.5"
