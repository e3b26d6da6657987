"""The suite and the fixture add what they judge to a history, from one process or several."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from parity.history_file import read_history

SUITE = ("-c", "tox.ini", "--pyargs", "parity.suite", "-m", "parity", "-p", "no:cacheprovider", "-k", "detects or against_the_reference")
SMALL = ("--parity-backend", "torchscript", "--parity-imgsz", "320,160")


def arguments(checkpoint: Path, data: Path, *more: str) -> list[str]:
    """The command line of a small suite."""
    return [*SUITE, *SMALL, "--parity-checkpoint", str(checkpoint), "--parity-data", str(data), *more]


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_a_run_of_the_suite_is_one_run_with_each_configuration_once(
    pytester: pytest.Pytester, checkpoint: Path, small_data: Path, more: tuple[str, ...]
) -> None:
    pytester.makeini("[pytest]\nparity_history = h.sqlite\n")

    result = pytester.runpytest_subprocess(*arguments(checkpoint, small_data, *more))

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["parity: added to the history *h.sqlite: `parity history` lists it"])
    rows = read_history(pytester.path / "h.sqlite")
    assert sorted((row.config, row.setting, row.verdict) for row in rows) == [
        ("yolov8n_shapes-torchscript-160", "torchscript-160", "pass"),
        ("yolov8n_shapes-torchscript-320", "torchscript-320", "pass"),
    ]
    assert len({(row.run, row.time) for row in rows}) == 1


@pytest.mark.slow
def test_two_checkpoints_of_one_name_keep_their_own_verdicts(pytester: pytest.Pytester, checkpoint: Path, small_data: Path) -> None:
    for folder in ("a", "b"):
        pytester.mkdir(folder)
        shutil.copy(checkpoint, pytester.path / folder / "best.pt")
    asked = ("-k", "baseline", "--parity-checkpoint", "a/best.pt", "--parity-checkpoint", "b/best.pt", "--parity-data", str(small_data))
    backend = ("--parity-backend", "torchscript", "--parity-imgsz", "160", "--parity-baselines", "none", "--parity-history", "h.sqlite")

    pytester.runpytest_subprocess(*SUITE[:-2], *asked, *backend)

    rows = read_history(pytester.path / "h.sqlite")  # nothing is stored, which fails
    assert sorted((row.config, row.verdict) for row in rows) == [("best_1-torchscript-160", "fail"), ("best_2-torchscript-160", "fail")]


def test_a_file_of_somebody_else_is_a_usage_error_before_anything_is_run(pytester: pytest.Pytester, checkpoint: Path) -> None:
    with closing(sqlite3.connect(pytester.path / "photos.db")) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")

    result = pytester.runpytest_subprocess(*arguments(checkpoint, checkpoint, "--parity-history", "photos.db"))

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--parity-history: *photos.db: is an SQLite file of something else*"])


def test_the_fixture_adds_a_run_for_each_gate(pytester: pytest.Pytester, checkpoint: Path, small_data: Path) -> None:
    pytester.makepyfile(
        f"""
        def test_release(parity_gate):
            for _ in range(2):
                assert parity_gate({str(checkpoint)!r}, data={str(small_data)!r}, backends=["torchscript"], sizes=[(160, 160)],
                                   latency=False).verdict == "pass"
        """
    )

    result = pytester.runpytest_subprocess("--parity-history", "h.sqlite", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)
    assert [row.config for row in read_history(pytester.path / "h.sqlite")] == ["yolov8n_shapes-torchscript-160"] * 2
