"""The one way an untrusted string reaches a terminal, a log or a report."""

from __future__ import annotations

LONGEST = 200  # characters; what is longer is cut and marked


def display(untrusted: object) -> str:
    r"""Text with every unprintable character (control, bidirectional, surrogate) as an escape like ``\x1b``.

    So is what begins a command to a runner of GitHub's anywhere in a line: ``##[add-mask]x``.
    """
    text = str(untrusted)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:LONGEST]).replace("##[", "#\\x23[")
    return shown if len(text) <= LONGEST else f"{shown}…"


def display_whole(untrusted: object) -> str:
    """The same of a text that is no name, however long."""
    text = str(untrusted)
    return "".join(display(text[start : start + LONGEST]) for start in range(0, len(text), LONGEST))
