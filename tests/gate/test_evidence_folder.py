"""The evidence of a failed gate: the fewest images that show it, in a folder that replays it by itself."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate.running import SIDE, tree_digest, write_rows
from PIL import Image

from parity.cli import main
from parity.replay import Record
from parity.spec import Fit
from parity.wire import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.running import Run

ROOT = Path(__file__).parents[2]
HEALTHY, QUOTED, FOREIGN = "healthy.png", 'it\'s "fine"; rm -rf $HOME.png', "ünï 图 `id`.PNG"
TWINS = ("left/one.png", "right/one.png")
NAMES = (HEALTHY, QUOTED, FOREIGN, *TWINS)


def row(name: str, *, x: float = 10.123456789, score: float = 0.9, index: int = 0) -> dict[str, Any]:
    """A detection of 20 by 20 pixels."""
    return {"file_name": name, "category_id": index, "bbox": [x, 10.25, 20.5, 20.75], "score": score}


REFERENCE = [row(name, score=0.9 + place / 100) for place, name in enumerate(NAMES)] + [row(HEALTHY, x=50.0), row(TWINS[0], x=50.7)]
# missed on one twin, a ghost on the other, shifted and rescored on the hostile names; nothing on the healthy one
CANDIDATE = [
    *(row(HEALTHY, score=0.9), row(HEALTHY, x=50.0)),
    *(row(QUOTED, x=12.5, score=0.91), row(FOREIGN, score=0.8)),
    *(row(TWINS[0], score=0.93), row(TWINS[1], score=0.94), row(TWINS[1], x=50.7, score=0.6)),
]
FAILING = {"missed", "ghosts", "shifted", "rescored"}
CONFIG = "reference-predictions"


@dataclass(frozen=True, slots=True)
class Desk:
    """The inputs of a comparison in one folder, and the folder that evidence goes to."""

    inputs: Path
    evidence: Path

    def arguments(self, *others: object) -> list[str]:
        """The command line of the comparison."""
        sides = ("--reference", self.inputs / "reference.json", "--candidate", self.inputs / "candidate.json")
        return [*map(str, (*sides, "--images", self.inputs / "images", "--out", self.inputs.parent / "out", *others))]

    def compare(self, *others: object) -> int:
        """Run the comparison and return its exit code."""
        return main(["compare", *self.arguments("--evidence", self.evidence, *others)])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Five images of hostile names, and what both sides detected on them."""
    images = tmp_path / "inputs/images"
    for place, name in enumerate(NAMES):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (96, 64), (40 * place, 90, 120)).save(images / name)
    write_rows(tmp_path / "inputs/reference.json", REFERENCE)
    write_rows(tmp_path / "inputs/candidate.json", CANDIDATE)
    return Desk(tmp_path / "inputs", tmp_path / "evidence")


def record(folder: Path) -> Record:
    """The record of an evidence folder."""
    return from_json(Record, (folder / "evidence.json").read_bytes(), source=folder)


def command(folder: Path, name: str) -> list[str]:
    """The one command of a script, without the program's name."""
    program, *words = shlex.split((folder / name).read_text().splitlines()[-1])
    assert program == "parity"
    return words


def replayed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The result of the replay, which fails."""
    monkeypatch.chdir(folder)
    assert main(command(folder, "replay.sh")) == 1
    result: dict[str, Any] = json.loads((folder / "replay/result.json").read_bytes())
    return result


def failed(result: dict[str, Any]) -> set[str]:
    """The names of the failed checks."""
    return {check["name"] for check in result["checks"] if check["status"] == "fail"}


# What is in the folder


def test_a_failure_leaves_its_images_detections_and_record_and_changes_no_input(desk: Desk) -> None:
    before = tree_digest(desk.inputs)

    assert desk.compare() == 1

    folder = desk.evidence / CONFIG
    assert tree_digest(desk.inputs) == before
    assert {path.name for path in desk.evidence.iterdir()} == {CONFIG}
    assert {path.name for path in folder.iterdir()} == {"images", "reference.json", "candidate.json", "evidence.json", "replay.sh"}
    found = record(folder)
    assert {check.name: check.measured for check in found.checks} == {"missed": 1, "ghosts": 1, **largest(found)}
    assert [image.source for image in found.images] == [QUOTED, *TWINS, FOREIGN]
    assert [image.shows for image in found.images] == [{"shifted": 1}, {"missed": 1}, {"ghosts": 1}, {"rescored": 1}]
    sources = {image.file: desk.inputs / "images" / image.source for image in found.images}
    assert {name: (folder / "images" / name).read_bytes() for name in sources} == {
        name: path.read_bytes() for name, path in sources.items()
    }
    assert [path.name for path in sorted((folder / "images").iterdir())] == sorted(sources)


def largest(found: Record) -> dict[str, float | None]:
    """The measurements that are distances, by check."""
    distances = {check.name: check.measured for check in found.checks if check.name in {"shifted", "rescored"}}
    assert distances == pytest.approx({"shifted": 12.5 - 10.123456789, "rescored": 0.12})
    return distances


def test_every_input_is_named_by_its_digest(desk: Desk) -> None:
    desk.compare()
    folder = desk.evidence / CONFIG
    found = record(folder)
    files = {f"images/{image.file}": image.sha256 for image in found.images} | found.files
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files} == files
    sides = [hashlib.sha256((desk.inputs / name).read_bytes()).hexdigest() for name in ("reference.json", "candidate.json")]
    assert [found.reference.sha256, found.candidate.sha256] == sides


def test_copies_have_names_that_no_shell_minds_and_twins_stay_apart(desk: Desk) -> None:
    desk.compare()
    names = [image.file for image in record(desk.evidence / CONFIG).images]
    assert [name for name in names if shlex.quote(name) != name or not name.isascii()] == []
    assert names[1:3] == ["2-one.png", "3-one.png"]


def test_detections_keep_every_digit(desk: Desk) -> None:
    desk.compare()
    folder = desk.evidence / CONFIG
    (twin,) = (each for each in json.loads((folder / "reference.json").read_bytes()) if each["file_name"] == "3-one.png")
    assert twin["bbox"] == pytest.approx([10.123456789, 10.25, 20.5, 20.75], rel=0, abs=1e-14)
    assert (twin["score"], twin["category_id"]) == (0.9 + 4 / 100, 0)


# The replay


def test_the_replay_fails_at_the_same_checks_with_the_same_measurements(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.compare()
    folder = desk.evidence / CONFIG
    result = replayed(folder, monkeypatch)
    assert failed(result) == FAILING
    before = {check.name: check.measured for check in record(folder).checks}
    assert {check["name"]: check["measured"] for check in result["checks"] if check["name"] in FAILING} == pytest.approx(before)


def test_the_script_runs_from_anywhere(desk: Desk, tmp_path: Path) -> None:
    desk.compare()
    program = tmp_path / "bin/parity"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m parity.cli "$@"\n')
    program.chmod(0o755)
    moved = tmp_path / "sent to; a colleague's"
    shutil.move(desk.evidence / CONFIG, moved)
    shutil.rmtree(desk.inputs)

    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["/bin/sh", moved / "replay.sh"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stderr
    assert failed(json.loads((moved / "replay/result.json").read_bytes())) == FAILING


@pytest.mark.parametrize("left_out", range(4))
def test_no_image_can_be_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch, left_out: int) -> None:
    desk.compare()
    folder = desk.evidence / CONFIG
    without(folder, record(folder).images[left_out].file)
    assert failed(replayed(folder, monkeypatch)) < FAILING


def without(folder: Path, name: str) -> None:
    """Take an image out of an evidence folder."""
    (folder / "images" / name).unlink()
    for side in ("reference.json", "candidate.json"):
        rows = [each for each in json.loads((folder / side).read_bytes()) if each["file_name"] != name]
        write_rows(folder / side, rows)


def test_nothing_found_is_told_from_nothing_on_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has no rows for an image where it found nothing: that is a missing image, and stays one."""
    write_rows(desk.inputs / "candidate.json", [each for each in CANDIDATE if each["file_name"] != TWINS[0]])
    desk.compare()
    folder = desk.evidence / CONFIG
    assert [image.absent for image in record(folder).images] == [False, True, False, False]
    assert failed(replayed(folder, monkeypatch)) == FAILING | {"images"}


def test_what_is_no_number_is_none_in_the_replay(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(desk.inputs / "candidate.json", [*CANDIDATE, row(HEALTHY, score=float("nan"))])
    desk.compare()
    assert failed(replayed(desk.evidence / CONFIG, monkeypatch)) == FAILING | {"finite"}


def test_a_file_name_that_is_no_unicode_replays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = os.fsdecode(b"\xff odd.png")
    (desk.inputs / "images" / QUOTED).rename(desk.inputs / "images" / odd)
    for side, rows in (("reference", REFERENCE), ("candidate", CANDIDATE)):
        write_rows(desk.inputs / f"{side}.json", [{**each, "file_name": each["file_name"].replace(QUOTED, odd)} for each in rows])
    assert desk.compare() == 1
    folder = desk.evidence / CONFIG
    assert "\\udcff odd.png" in [image.source for image in record(folder).images]
    assert failed(replayed(folder, monkeypatch)) == FAILING


def test_rounding_and_thresholds_are_those_of_the_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four whole numbers do not tell that they were rounded to tenths; the whole file did."""
    nearly_whole = {**row(TWINS[0]), "bbox": [10.04, 9.96, 20.03, 19.98]}
    reference = [*(each for each in REFERENCE if each["file_name"] != TWINS[0]), nearly_whole]
    rounded = [{**each, "bbox": [round(value, 1) for value in each["bbox"]]} for each in reference]
    write_rows(desk.inputs / "reference.json", [*reference, row(TWINS[0], x=50.7)])
    write_rows(desk.inputs / "candidate.json", rounded)
    assert desk.compare("--conf", 0.4) == 1
    folder = desk.evidence / CONFIG
    assert (record(folder).rounding.box_px, record(folder).thresholds.confidence) == (0.1, 0.4)
    assert failed(replayed(folder, monkeypatch)) == {"missed"}


# Of models


@pytest.mark.slow
def test_a_failed_model_replays_from_its_detections_and_runs_again_live(
    gate: Callable[..., Run],
    reference: Path,
    exported: Path,
    shapes: Path,
    loaded_once: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from parity.models import load_checkpoint  # noqa: PLC0415 - loads torch

    spec = load_checkpoint(reference).spec
    stretched = replace(spec, preprocess=replace(spec.preprocess, size=(SIDE, SIDE), fit=Fit.STRETCH))
    (tmp_path / "a spec.json").write_text(to_json(stretched))
    options = ("--candidate-spec", tmp_path / "a spec.json", "--threads", 1, "--no-diagnosis", "--no-latency", "--conf", 0.3)

    sides = ("--reference", reference, "--candidate", exported, "--data", shapes / "data.yaml")
    run = gate(*sides, *options, "--evidence", tmp_path / "evidence")

    folder = tmp_path / "evidence" / run.config["id"]
    shown = run.failed - {"ap_reference"}
    assert shown >= {"missed", "ghosts", "shifted", "rescored"}
    assert len(record(folder).images) < len(list((shapes / "images/val").iterdir()))
    assert any(image.gain not in {None, 1.0} for image in record(folder).images)
    assert failed(replayed(folder, monkeypatch)) == shown
    live = command(folder, "live.sh")
    assert live[0] == "gate"
    assert gate(*live[1:], "--no-diagnosis").failed == shown


@pytest.mark.slow
def test_a_scale_of_the_network_is_kept(
    gate: Callable[..., Run],
    reference: Path,
    predict: Callable[..., list[dict[str, Any]]],
    instances: Path,
    loaded_once: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Boxes 0.008 px off are within the limit of 0.01 px, but not on the input of a network that enlarges the image."""
    moved = [{**each, "bbox": [each["bbox"][0] + 0.008, *each["bbox"][1:]]} for each in predict()]
    sides = ("--reference", reference, "--candidate", write_rows(tmp_path / "moved.json", moved), "--data", instances, "--imgsz", SIDE)
    run = gate(*sides, "--no-diagnosis", "--threads", 1, "--no-latency", "--evidence", tmp_path / "evidence")
    folder = tmp_path / "evidence" / run.config["id"]
    assert run.failed - {"ap_reference"} == {"shifted"}
    assert [image.source for image in record(folder).images] == ["small_gray_control.png"]
    assert not (folder / "live.sh").exists()
    assert failed(replayed(folder, monkeypatch)) == {"shifted"}


# When nothing is written


def test_a_passed_comparison_leaves_the_folder_as_it_is_and_says_so(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(desk.inputs / "candidate.json", REFERENCE)
    assert desk.compare() == 0
    assert not desk.evidence.exists()
    assert "nothing failed, so" in capsys.readouterr().out


def test_evidence_of_before_stays_when_nothing_fails_and_is_replaced_when_it_fails_otherwise(desk: Desk) -> None:
    desk.compare()
    before = tree_digest(desk.evidence)
    write_rows(desk.inputs / "candidate.json", REFERENCE)
    assert desk.compare() == 0
    assert tree_digest(desk.evidence) == before
    write_rows(desk.inputs / "candidate.json", [*REFERENCE, row(HEALTHY, x=70.5)])
    assert desk.compare() == 1
    assert [image.shows for image in record(desk.evidence / CONFIG).images] == [{"ghosts": 1}]
    assert len(list((desk.evidence / CONFIG / "images").iterdir())) == 1


def test_a_folder_that_holds_an_input_is_refused_before_anything_runs(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree_digest(desk.inputs)
    inside = replace(desk, evidence=desk.inputs)
    assert inside.compare() == 4
    assert "--evidence holds an input" in capsys.readouterr().err
    assert tree_digest(desk.inputs) == before


@pytest.mark.parametrize("name", ["images", "images/left", "images/new", "images/left/new"])
def test_a_folder_among_the_images_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str], name: str) -> None:
    before = tree_digest(desk.inputs)
    assert replace(desk, evidence=desk.inputs / name).compare() == 4
    assert "--evidence" in capsys.readouterr().err
    assert tree_digest(desk.inputs) == before


@pytest.mark.parametrize("stranger", ["notes.txt", "reference-predictions/evidence.json", "link"])
def test_a_folder_of_something_else_is_refused_and_left_alone(desk: Desk, capsys: pytest.CaptureFixture[str], stranger: str) -> None:
    (desk.evidence / stranger).parent.mkdir(parents=True)
    (desk.evidence / stranger).write_text("{}")
    before = tree_digest(desk.evidence)
    assert desk.compare() == 4
    assert "holds something else" in capsys.readouterr().err
    assert tree_digest(desk.evidence) == before


def test_a_link_to_evidence_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    desk.compare()
    shutil.move(desk.evidence / CONFIG, tmp_path / "kept")
    (desk.evidence / CONFIG).symlink_to(tmp_path / "kept")
    before = tree_digest(tmp_path / "kept")
    assert desk.compare() == 4
    assert tree_digest(tmp_path / "kept") == before


def test_a_file_in_the_place_of_the_folder_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.evidence.write_text("mine")
    assert desk.compare() == 4
    assert "--evidence cannot be written" in capsys.readouterr().err


# Terms


def test_terms_belong_to_recorded_detections(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.compare()
    terms = desk.evidence / CONFIG / "evidence.json"
    arguments = ["compare", "--reference", "m.pt", "--candidate", "c.json", "--images", str(desk.inputs / "images"), "--terms", str(terms)]
    assert main([*arguments, "--out", str(desk.inputs.parent / "out")]) == 4
    assert "--terms belongs to the two predictions files" in capsys.readouterr().err


def test_limits_are_those_of_the_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A family of networks may have limits of its own, and recorded detections do not say which made them."""
    desk.compare()
    folder = desk.evidence / CONFIG
    plain = json.loads((folder / "evidence.json").read_bytes())
    plain["limits"]["box"]["value"] = 5.0
    (folder / "evidence.json").write_text(json.dumps(plain))
    assert failed(replayed(folder, monkeypatch)) == FAILING - {"shifted"}


@pytest.mark.parametrize(("key", "value"), [("schema", 2), ("images", [{}]), ("limits", None)])
def test_a_record_that_was_changed_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch, key: str, value: object) -> None:
    desk.compare()
    folder = desk.evidence / CONFIG
    plain = json.loads((folder / "evidence.json").read_bytes())
    (folder / "evidence.json").write_text(json.dumps({**plain, key: value}))
    monkeypatch.chdir(folder)
    assert main(command(folder, "replay.sh")) == 10


def test_a_scale_of_nothing_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make every difference vanish."""
    desk.compare()
    folder = desk.evidence / CONFIG
    plain = json.loads((folder / "evidence.json").read_bytes())
    plain["images"][0]["gain"] = 0.0
    (folder / "evidence.json").write_text(json.dumps(plain))
    monkeypatch.chdir(folder)
    assert main(command(folder, "replay.sh")) == 10
