"""A contestant runs alone in a process; what goes wrong there is said here, and nothing outlives who started it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from parity import bench_process
from parity.bench_process import Process, Room, furnished, raised
from parity.bench_worker import Failure, Opened, Turn
from parity.contestants import Contestant
from parity.errors import BackendUnavailable, BadInput, ParityError, ResourceLimit, UntrustedInput
from parity.turns import Plan, take_turns

TENSOR = np.zeros((1, 3, 4, 5), np.float32)
HERE = Path(__file__).parent
PARENT = """
import sys
from pathlib import Path
from parity import bench_process
from parity.contestants import Contestant
bench_process.PROGRAM = "made_up_worker"
with bench_process.Process(Contestant(sys.argv[1], Path("a.onnx"), 1), bench_process.Room(Path(sys.argv[2]), 1)) as one:
    print(one.ready()._process.pid, flush=True)
    one.turn(0, 1)
    sys.stdin.read()
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A room with one tensor."""
    with furnished(tmp_path, [TENSOR], threads=2) as room:
        yield room


def test_a_room_is_cleared_when_nobody_needs_it_any_more(tmp_path: Path) -> None:
    with furnished(tmp_path, [TENSOR], threads=2) as room:
        assert room.tensors.is_file()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_ascii_reaches_the_process_whatever_the_locale(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    with (
        Process(named("a", Path("caf\u00e9.onnx")), room) as one,
        pytest.raises(BadInput, match="caf\u00e9"),
    ):
        one.ready()


def test_a_name_that_is_not_utf8_is_refused(room: Room) -> None:
    with pytest.raises(BadInput, match="is not UTF-8\n  next: time it under another name"):
        Process(named("a", Path("caf\udce9.onnx")), room)


@pytest.fixture
def _made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes run made-up networks."""
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setattr(bench_process, "PROGRAM", "made_up_worker")


def named(name: str, model: Path = Path("a.onnx"), *, trusted: frozenset[str] = frozenset()) -> Contestant:
    """A contestant that does what its name says."""
    return Contestant(name, model, 1, trusted=trusted)


def is_gone(process: int, *, seconds: float = 60) -> bool:
    """Whether a process ends within a time; one that nobody has asked for its exit code yet has."""
    until = monotonic() + seconds
    while monotonic() < until:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        sleep(0.05)
    return False


# A process


@pytest.mark.usefixtures("_made_up")
def test_a_turn_is_as_many_times_as_were_asked_for_of_a_network_that_is_open_once(room: Room, tmp_path: Path) -> None:
    with Process(named("a", tmp_path / "signed"), room) as one:
        assert one.ready().opened == Opened("fake", "fp32", None)
        assert [len(one.turn(0, runs)) for runs in (1, 5)] == [1, 5]
        assert min(one.turn(0, 2)) >= 5
    assert (tmp_path / "signed").read_text() == "a<a>" * (1 + 2 + 6 + 3)  # warming up, and each turn settles


@pytest.mark.usefixtures("_made_up")
def test_exactly_one_runs_at_a_time_in_the_order_of_the_turns(room: Room, tmp_path: Path) -> None:
    signed = tmp_path / "signed"
    with Process(named("a", signed), room) as first, Process(named("b", signed), room) as other:
        runners = [first.ready(), other.ready()]
        signed.write_text("")
        take_turns([one.turn for one in (*runners, runners[0])], Plan(2, 1), tensors=1, follow=iter)
    assert signed.read_text() == "".join(f"{name}<{name}>" * 2 for name in "aba" + "aba")


@pytest.mark.usefixtures("_made_up")
def test_what_a_process_prints_disturbs_neither_its_answers_nor_ours(room: Room, capfd: pytest.CaptureFixture[str]) -> None:
    with Process(named("prints"), room) as one:
        assert len(one.ready().turn(0, 2)) == 2
    assert capfd.readouterr() == ("", "")
    assert "said on stdout\n" in one._stderr.read_text()


def test_a_process_imports_from_where_this_one_does_and_leaves_temporary_files_in_its_room(tmp_path: Path) -> None:
    found = bench_process.surroundings(tmp_path)
    assert found["PYTHONPATH"].split(os.pathsep) == [entry or str(Path.cwd()) for entry in sys.path]
    assert {found[name] for name in ("TMPDIR", "TEMP", "TMP")} == {str(tmp_path)}


# What goes wrong


@pytest.mark.usefixtures("_made_up")
@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("is killed", ResourceLimit, "is killed: the process that timed it was killed; found SIGKILL\n  next: that is mostly"),
        ("crashes", BackendUnavailable, "crashes: the process that timed it has crashed; found SIGABRT: the last words\n"),
        ("leaves", BackendUnavailable, "leaves: the process that timed it has crashed; found exit code 7\n"),
    ],
)
def test_a_process_that_ends_is_said_with_the_reason(room: Room, name: str, error: type[ParityError], said: str) -> None:
    with Process(named(name), room) as one, pytest.raises(error, match=f"^{re.escape(said)}"):
        one.ready().turn(0, 1)


@pytest.mark.usefixtures("_made_up")
def test_one_that_has_ended_while_it_slept_is_said_at_its_next_turn(room: Room) -> None:
    with Process(named("prints"), room) as one:
        one.ready()._process.kill()
        one._process.wait()
        with pytest.raises(ResourceLimit, match="prints: the process that timed it was killed"):
            one.turn(0, 1)


@pytest.mark.usefixtures("_made_up")
def test_what_is_refused_there_is_the_same_error_here(room: Room) -> None:
    said = rf"^{re.escape(str(Path.cwd() / 'a.onnx'))}: is refused; found 2 threads; expected \['sha256:1'\]\n  next: go$"
    with Process(named("refuses", trusted=frozenset({"sha256:1"})), room) as one, pytest.raises(BadInput, match=said):
        one.ready()


@pytest.mark.parametrize(
    ("kind", "error"), [("UntrustedInput", UntrustedInput), ("KeyError", RuntimeError), ("Path", RuntimeError), ("nothing", RuntimeError)]
)
def test_only_an_error_of_ours_is_raised_by_its_name(kind: str, error: type[Exception]) -> None:
    found = raised(Failure(kind, "said"))
    assert (type(found), str(found)) == (error, "said")


# The end


@pytest.mark.usefixtures("_made_up")
def test_a_process_ends_with_its_block_in_the_middle_of_a_run(room: Room) -> None:
    with Process(named("hangs"), room) as one:
        one.ready()._send(Turn(0, 1))
    assert one._process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("_made_up")
def test_a_process_does_not_hear_the_keys_that_interrupt_the_bench(room: Room) -> None:
    with Process(named("prints"), room) as one:
        assert os.getpgid(one.ready()._process.pid) != os.getpgid(0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="whether a process lives is read in /proc")
@pytest.mark.parametrize("name", ["prints", "hangs"])
def test_a_process_ends_when_the_bench_is_killed_asleep_and_in_a_run(room: Room, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(HERE), *filter(None, sys.path))))
    asked = [sys.executable, "-c", PARENT, name, str(room.folder)]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not is_gone(child, seconds=0.5)
        parent.kill()
    assert is_gone(child)
