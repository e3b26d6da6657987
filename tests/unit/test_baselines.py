"""A baseline survives reformatting and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from oracles.samples import metrics, some_environment

from parity.baselines import Baseline, Identity, baseline_path, changes, check_identity, load_baseline, slug, write_baseline
from parity.errors import BaselineError
from parity.sealed import write_sealed

IDENTITY = Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (640, 640))
BASELINE = Baseline(IDENTITY, metrics(0.25, APs=None), 12, some_environment())


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A baseline on disk."""
    write_baseline(tmp_path / "baselines" / "a.json", BASELINE)
    return tmp_path / "baselines" / "a.json"


def test_what_is_written_is_read(stored: Path) -> None:
    assert load_baseline(stored) == BASELINE
    assert [path.name for path in stored.parent.iterdir()] == ["a.json"]


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    assert load_baseline(tmp_path / "a.json") is None


@pytest.mark.parametrize("indent", [None, 4])
def test_a_reformatted_file_is_the_same_baseline(indent: int | None, stored: Path) -> None:
    stored.write_text(json.dumps(json.loads(stored.read_text()), indent=indent))
    assert load_baseline(stored) == BASELINE


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"AP": 0.25', '"AP": 0.24', "was edited or damaged"),
        ('"detections": 12', '"detections": 13', "was edited or damaged"),
        ('"APs": null', '"APs": 0.0', "was edited or damaged"),
        ('"AP": 0.25', '"AP": NaN', "cannot be read"),
        ('"AP": 0.25', '"AP": "0.25"', "does not fit"),
        ('"AP": 0.25', '"AP": 0.25, "AP": 0.25', "cannot be read"),
        ('"detections": 12', '"surprise": 1, "detections": 12', "does not fit"),
        ("{", "", "cannot be read"),
    ],
)
def test_an_edited_file_is_refused(old: str, new: str, why: str, stored: Path) -> None:
    stored.write_text(stored.read_text().replace(old, new, 1))
    with pytest.raises(BaselineError, match=why) as caught:
        load_baseline(stored)
    assert caught.value.exit_code == 14
    assert "git checkout" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b"null"])
def test_a_damaged_file_is_refused(content: bytes, stored: Path) -> None:
    stored.write_bytes(content)
    with pytest.raises(BaselineError, match=r"a\.json"):
        load_baseline(stored)


def test_another_schema_is_refused(stored: Path) -> None:
    write_sealed(stored, "baseline", replace(BASELINE, schema=2))
    with pytest.raises(BaselineError, match="another schema; found 2; expected 1"):
        load_baseline(stored)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checkpoint_sha256", "d" * 64),
        ("dataset_sha256", "d" * 64),
        ("spec_sha256", "d" * 64),
        ("backend", "torchscript"),
        ("imgsz", (320, 320)),
    ],
)
def test_a_baseline_of_something_else_is_refused(field: str, value: object) -> None:
    with pytest.raises(BaselineError, match=rf"is of something else; found {field}"):
        check_identity(Path("a.json"), IDENTITY, replace(IDENTITY, **{field: value}))


def test_a_baseline_of_the_same_is_taken() -> None:
    check_identity(Path("a.json"), IDENTITY, replace(IDENTITY))


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_the_old_file_stays_when_writing_fails(failing: str, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr({"fsync": "os.fsync", "replace": "pathlib.Path.replace"}[failing], fail)
    with pytest.raises(OSError, match="disk full"):
        write_baseline(stored, replace(BASELINE, detections=99))
    assert load_baseline(stored) == BASELINE
    assert len(list(stored.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("yolov8n", "yolov8n"),
        ("../../etc/passwd", "etc_passwd"),
        ("a b\n\x1b[31m", "a_b_31m"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("日本", "unnamed"),
        ("$(rm -rf)`x`|y", "rm_rf_x_y"),
        ("C:\\temp", "C_temp"),
    ],
)
def test_a_hostile_name_becomes_a_harmless_one(name: str, safe: str) -> None:
    assert re.fullmatch(rf"{safe}(-[0-9a-f]{{6}})?", slug(name))


def test_two_names_that_lose_all_their_letters_stay_apart() -> None:
    assert slug("日本") != slug("中国")


@pytest.mark.parametrize(("imgsz", "name"), [((640, 640), "m-d-onnx-640.json"), ((320, 640), "m-d-onnx-320x640.json")])
def test_the_file_is_named_by_the_configuration(imgsz: tuple[int, int], name: str) -> None:
    assert baseline_path(Path("b"), model="m", dataset="d", backend="onnx", imgsz=imgsz) == Path("b") / name


def test_an_update_says_what_changes() -> None:
    newer = replace(BASELINE, metrics=metrics(0.25, APs=None, AP50=0.5))
    assert changes(BASELINE, newer) == "AP50 0.2500 → 0.5000"
    assert changes(BASELINE, BASELINE) == "no change in the metrics"
    assert "AP none → 0.2500" in changes(None, BASELINE)
