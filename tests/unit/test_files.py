"""A file is written whole or not at all, whatever fails on the way and wherever the process is killed."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parity.errors import BadInput
from parity.files import TEMPORARY, UPDATING, kept_path, only_writer, write_keeping, write_whole
from parity.sealed import read_sealed, update_sealed, write_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
KILLER = Path(__file__).with_name("updates_to_kill.py")
CALLS = ("open", "fsync", "replace", "chmod", "unlink")
STRAY = f"{UPDATING}left"
FAILURES = [
    *(OSError(code, os.strerror(code)) for code in (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EINTR)),
    MemoryError(),
]


@dataclass(slots=True)
class Fault:
    """Lets the ``at``-th of all calls fail."""

    at: int
    failure: BaseException
    seen: list[str] = field(default_factory=list)

    def meets(self, name: str) -> None:
        """One call more."""
        self.seen.append(name)
        if len(self.seen) == self.at:
            raise self.failure

    def guarding(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that may fail."""

        def call(*arguments: Any, **options: Any) -> Any:
            self.meets(name)
            return function(*arguments, **options)

        return call


class FaultyFile(io.BufferedWriter):
    """A file of which half a write may reach the disk."""

    def __init__(self, handle: int, fault: Fault) -> None:
        super().__init__(io.FileIO(handle, "wb"))
        self.fault = fault

    def write(self, content: Any) -> int:
        """Write, or half of it."""
        super().write(content[: len(content) // 2])
        self.fault.meets("write")
        return super().write(content[len(content) // 2 :])


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a failed update left: the value of the file, that of the kept one, and the temporary files; then after another update."""

    failed: bool
    value: str
    kept: str
    strays: int
    later: str
    later_strays: int


def value_of(path: Path) -> str:
    """The sealed value, or that it is damaged."""
    try:
        return read_sealed(str, path, "value")
    except BadInput:
        return "damaged"


def strays(folder: Path) -> int:
    """Temporary files."""
    return len(list(folder.glob(f"{UPDATING}*")))


def update_with(fault: Fault, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Aftermath:
    """Update "old" to "new" while one call fails, then to "later" while none does."""
    path = folder / "a.json"
    for target, value in ((path, "old"), (kept_path(path), "older")):
        write_sealed(target, "value", value)
    (folder / STRAY).touch()
    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, fault.guarding(name, getattr(os, name)))
        patch.setattr(os, "fdopen", lambda handle, _: FaultyFile(handle, fault))
        failed = raises(fault.failure, lambda: update_sealed(path, "value", "new"))
    first = (failed, value_of(path), value_of(kept_path(path)), strays(folder) - (folder / STRAY).exists())
    update_sealed(path, "value", "later")
    return Aftermath(*first, value_of(path), strays(folder))


def raises(failure: BaseException, function: Callable[[], None]) -> bool:
    """Whether a call ends in this failure."""
    try:
        function()
    except type(failure) as met:
        return met is failure
    return False


def sweep(failure: BaseException, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Fault, Aftermath]]:
    """Let every call fail in turn, until none is left to fail."""
    for at in range(1, 100):
        place = folder / str(at)
        place.mkdir()
        fault = Fault(at, failure)
        yield fault, update_with(fault, place, monkeypatch)
        if len(fault.seen) < at:
            return


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: getattr(failure, "strerror", None) or "out of memory")
def test_whichever_call_fails_the_old_value_or_the_new_one_stands(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, found = zip(*sweep(failure, tmp_path, monkeypatch), strict=True)

    assert {"open", "write", "fsync", "replace", "chmod", "unlink"} == set(faults[-1].seen)
    assert len(found) >= 15
    assert [each.failed for each in found] == [True] * (len(found) - 1) + [False]
    assert {each.value for each in found} == {"old", "new"}
    assert {each.kept for each in found} == {"older", "old"}
    assert {each.strays for each in found} == {0}
    assert {(each.later, each.later_strays) for each in found} == {("later", 0)}


def test_a_writer_that_is_not_whole_is_seen_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault(4, OSError("disk full"))  # the folder, the stray file, the file, and what is written to it
    monkeypatch.setattr("parity.sealed.write_keeping", lambda text, path, **_: written_in_place(text, path, fault))
    found = update_with(fault, tmp_path, monkeypatch)
    assert (found.failed, found.value) == (True, "damaged")


def written_in_place(text: str, path: Path, fault: Fault) -> None:
    """What must not be done."""
    with FaultyFile(os.open(path, os.O_WRONLY | os.O_TRUNC), fault) as file:
        file.write(text.encode())


def killed(folder: Path, kills: int, writer: str) -> dict[str, Any]:
    """What updates that are killed leave."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(KILLER), str(folder), str(kills), writer]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")
def test_200_killed_updates_leave_the_old_baseline_or_the_new_one(tmp_path: Path) -> None:
    found = killed(tmp_path, 200, "whole")
    assert set(found["held"]) == set(found["kept"]) == {"old", "new"}
    assert sum(found["held"].values()) == 200
    assert min(found["held"].values()) >= 20
    assert found["strays"] >= 20, "too few were killed in the middle of an update to show anything"
    assert (found["files"], found["at last"], found["torch"]) == (["a.json", "a.json.bak"], "new", False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")
def test_killed_updates_in_place_are_seen_to_leave_neither(tmp_path: Path) -> None:
    assert killed(tmp_path, 20, "naive")["held"]["neither"] >= 1


def test_what_a_file_held_is_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in ("one", "two", "three"):
        write_keeping(text, path, sound=path.exists())
    assert (path.read_text(), kept_path(path).read_text()) == ("three", "two")
    assert len(list(tmp_path.iterdir())) == 2


def test_bytes_that_are_no_text_are_kept_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\x00")
    write_keeping("new", tmp_path / "a", sound=True)
    assert kept_path(tmp_path / "a").read_bytes() == b"\xff\x00"


def test_a_damaged_file_never_replaces_the_sound_one_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for value in ("one", "two"):
        update_sealed(path, "value", value)
    path.write_text(path.read_text().replace("two", "2"))
    update_sealed(path, "value", "three")
    assert (value_of(path), value_of(kept_path(path))) == ("three", "one")
    update_sealed(path, "value", "four")
    assert (value_of(path), value_of(kept_path(path))) == ("four", "three")


def test_what_others_have_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / ".parity-convert-left").mkdir()
    (tmp_path / f"{UPDATING}folder").mkdir()
    (tmp_path / f"{TEMPORARY}of_another").touch()
    before = sorted(tmp_path.iterdir())
    update_sealed(tmp_path / "a.json", "value", "one")
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "a.json"])


def test_a_link_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "link").symlink_to("a")
    write_whole("new", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such lock")
def test_one_writer_waits_for_the_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from parity.files import only_writer\n"
        f"with only_writer(Path({str(tmp_path)!r})): print('in', flush=True)"
    )
    with only_writer(tmp_path):
        (tmp_path / STRAY).touch()
        other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=2)
        assert strays(tmp_path) == 1
    assert other.communicate(timeout=60)[0] == "in\n"
    assert strays(tmp_path) == 0
