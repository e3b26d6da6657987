"""An untrusted string reaches a terminal only in printable characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.display import LONGEST, display, display_whole


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("abc\u202egpj.exe", r"abc\u202egpj.exe"),
        ("\u2066\u200b\ufeff", r"\u2066\u200b\ufeff"),
        ("\ud800", r"\ud800"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("\u2028", r"\u2028"),
        ("a ##[add-mask]b", r"a #\x23[add-mask]b"),
        ("", ""),
    ],
)
def test_what_could_act_is_escaped(hostile: str, shown: str) -> None:
    assert display(hostile) == shown


@pytest.mark.parametrize("plain", ["café 日本 🚗.jpg", "a b\\c", "x" * LONGEST])
def test_what_can_be_read_stays(plain: str) -> None:
    assert display(plain) == plain


def test_what_is_long_is_cut_and_marked() -> None:
    assert display("x" * (LONGEST + 1)) == "x" * LONGEST + "…"


def test_other_values_are_shown_as_text() -> None:
    assert (display(Path("a") / "b"), display(None), display([1])) == ("a/b", "None", "[1]")


@given(st.text(st.characters(), max_size=300))
def test_nothing_unprintable_comes_out(text: str) -> None:
    assert display(text).isprintable()


def test_a_text_is_shown_whole_however_long() -> None:
    assert display_whole("a\x1b" * 300) == "a\\x1b" * 300
