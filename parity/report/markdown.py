"""The one way an untrusted string reaches Markdown."""

from __future__ import annotations

from string import punctuation

from parity.display import LONGEST, display, display_whole

LONGEST_PROSE = 5 * LONGEST  # characters; a summary is not the place for more
HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}  # GitHub lets some tags through, and an entity is read even where a tag is not
SHOWN_AS_IT_IS = str.maketrans({mark: HTML.get(mark, f"\\{mark}") for mark in punctuation})


def cell(untrusted: object) -> str:
    """Text that a table cell of GitHub's Markdown, or a line of prose, shows as it is: no markup, no link, no further cell.

    Any ASCII punctuation may be escaped by a backslash (CommonMark 0.31, section 2.4), and so is all of it.
    """
    return display(untrusted).strip().translate(SHOWN_AS_IT_IS)  # four spaces before a text make code of it


def prose(untrusted: object) -> str:
    """The same of a text that is longer than a name."""
    return display_whole(str(untrusted)[:LONGEST_PROSE]).strip().translate(SHOWN_AS_IT_IS)
