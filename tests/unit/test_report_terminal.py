"""A real terminal gets colours and progress, and whoever does not want them, or is none, gets neither."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from parity.report.terminal import Bars, Clock, Count

TESTS = Path(__file__).parents[1]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
PROGRAM = """
from time import sleep
from oracles.exhibits import failing
from parity.report.brief import print_brief
from parity.report.terminal import progress, stdout_console

with progress() as follow:
    for _ in follow(range(3), "all images", 3):
        sleep(0.6)  # several times as long as a picture of the progress stands, also on a busy machine
    for _ in follow((None,), "look for the cause", 1):
        sleep(0.3)
    sleep(0.3)
print_brief(failing(), stdout_console())
"""


def environment(**others: str) -> dict[str, str]:
    """This process's, with a terminal that knows colours."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"}}
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), **others}


def on_a_terminal(**others: str) -> str:
    """What the program writes to a pseudo terminal."""
    master, slave = pty.openpty()
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=slave, stderr=slave, env=environment(**others))
    os.close(slave)
    written = b"".join(iter(lambda: chunk(master), b""))
    assert program.wait(timeout=60) == 0
    return written.decode()


def chunk(terminal: int) -> bytes:
    """What comes next; nothing when the other side has closed, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_terminal_gets_colours_and_progress_with_the_time_that_is_left() -> None:
    written = on_a_terminal()
    assert COLOUR.search(written)
    assert "all images" in written
    assert re.search(r"2/3.*0:00:0\d", written)
    assert "look for the cause" in written
    assert "working" in written


def test_no_color_is_heard() -> None:
    written = on_a_terminal(NO_COLOR="1")
    assert COLOUR.search(written) is None
    assert "CAUSE" in written


def test_a_dumb_terminal_gets_text_alone() -> None:
    written = on_a_terminal(TERM="dumb")
    assert "\x1b" not in written
    assert "all images" not in written
    assert "CAUSE" in written


def test_a_pipe_gets_text_alone() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment(), timeout=60)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "CAUSE" in done.stdout


@pytest.fixture
def drawn() -> Progress:
    """A progress display that draws nowhere."""
    return Progress(Count(), Clock(), console=Console(file=StringIO(), force_terminal=True), auto_refresh=False)


def shown(bars: Progress) -> list[tuple[str, float | None]]:
    """The labels and totals that can be seen."""
    return [(task.description, task.total) for task in bars.tasks if task.visible]


def test_a_loop_has_a_bar_a_single_piece_a_spinner_and_between_them_there_is_one_too(drawn: Progress) -> None:
    follow, seen = Bars(drawn), [shown(drawn)]
    seen.extend(shown(drawn) for _ in follow(range(2), "loop", 2))
    seen.extend(shown(drawn) for _ in follow((None,), "piece", 1))
    seen.append(shown(drawn))
    assert seen == [[("opening", None)], [("loop", 2)], [("loop", 2)], [("piece", None)], [("working", None)]]


def test_a_loop_within_another_shows_both(drawn: Progress) -> None:
    follow = Bars(drawn)
    seen = [shown(drawn) for _ in follow(range(2), "outer", 2) for _ in follow(range(3), "inner", 3)]
    assert set(map(tuple, seen)) == {(("outer", 2), ("inner", 3))}


def test_work_that_breaks_leaves_no_bar_behind(drawn: Progress) -> None:
    follow = Bars(drawn)
    bar = iter(follow(range(3), "loop", 3))
    next(bar)
    bar.close()
    assert shown(drawn) == [("working", None)]
