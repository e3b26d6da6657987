"""Old beside new: every value that differs is named, and what is only provenance is told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from oracles.samples import metrics, some_environment

from parity.baselines import Baseline, Identity, write_baseline
from parity.errors import BaselineError, UsageError
from parity.metrics import METRIC_NAMES
from parity.revisions import Change, Revision, State, compare_stored, in_words, revision

BASELINE = Baseline(Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (640, 640)), metrics(0.25, APs=None), 12, some_environment())
BETTER = replace(BASELINE, metrics=metrics(0.25, APs=None, AP50=0.5))
ELSEWHERE = replace(BASELINE, environment=replace(some_environment(), packages={"numpy": "3.0.0", "torch": "2.15.0"}), latency_ms=7.5)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with one file the same, one changed, one gone and one added."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, names in ((old, ("same", "changed", "gone")), (new, ("same", "added"))):
        for name in names:
            write_baseline(folder / f"{name}.json", BASELINE)
    write_baseline(new / "changed.json", BETTER)
    return old, new


def test_every_value_of_both_sides_is_laid_out_metrics_first() -> None:
    values = Revision("a.json", BASELINE, BETTER).values
    assert tuple(value.name for value in values[: len(METRIC_NAMES)]) == METRIC_NAMES
    assert Change("metrics", "AP50", 0.25, 0.5) in values
    assert Change("identity", "imgsz", "640 640", "640 640") in values
    assert Change("environment", "numpy", "2.0.0", "2.0.0") in values


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [
        (BASELINE, BASELINE, State.SAME),
        (BASELINE, ELSEWHERE, State.SAME),
        (BASELINE, BETTER, State.CHANGED),
        (BASELINE, replace(BASELINE, detections=13), State.CHANGED),
        (BASELINE, replace(BASELINE, precision="int8"), State.CHANGED),
        (BASELINE, replace(BASELINE, identity=replace(BASELINE.identity, backend="torchscript")), State.CHANGED),
        (None, BASELINE, State.ADDED),
        (BASELINE, None, State.REMOVED),
    ],
)
def test_what_happens_to_a_file_follows_from_what_is_held_against(old: Baseline | None, new: Baseline | None, state: State) -> None:
    assert Revision("a.json", old, new).state is state


def test_another_environment_is_worth_storing_and_another_latency_is_not() -> None:
    assert Revision("a.json", BASELINE, ELSEWHERE).worth_storing
    assert not Revision("a.json", BASELINE, replace(BASELINE, latency_ms=7.5)).worth_storing
    assert not Revision("a.json", BASELINE, None).worth_storing


def test_an_update_says_in_words_what_changes() -> None:
    assert in_words(Revision("a.json", BASELINE, BETTER)) == "AP50 0.2500 → 0.5000"
    assert in_words(Revision("a.json", BASELINE, BASELINE)) == "no change in the metrics"
    assert "AP none → 0.2500" in in_words(Revision("a.json", None, BASELINE))


def test_a_fresh_result_for_a_damaged_file_says_the_damage(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    found = revision(tmp_path / "a.json", BASELINE)
    assert (found.state, found.new) == (State.ADDED, BASELINE)
    assert "the baseline cannot be read" in str(found.damage)


def test_folders_are_compared_file_by_file(folders: tuple[Path, Path]) -> None:
    found = compare_stored(*folders)
    states = {Path(each.file).stem: each.state for each in found.revisions}
    assert states == {"same": State.SAME, "changed": State.CHANGED, "gone": State.REMOVED, "added": State.ADDED}
    assert found.differ


def test_a_file_or_folder_does_not_differ_from_itself(folders: tuple[Path, Path]) -> None:
    assert not compare_stored(folders[0], folders[0]).differ
    assert not compare_stored(folders[0] / "same.json", folders[1] / "same.json").differ


def test_what_does_not_compare_is_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="a file does not compare with a folder"):
        compare_stored(folders[0], folders[1] / "same.json")
    with pytest.raises(UsageError, match=r"nowhere: no such baseline"):
        compare_stored(folders[0], folders[1] / "nowhere")


def test_a_damaged_file_has_no_difference(folders: tuple[Path, Path]) -> None:
    (folders[1] / "same.json").write_text("{}")
    with pytest.raises(BaselineError, match=r"same\.json"):
        compare_stored(*folders)
