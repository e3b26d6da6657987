"""A baseline survives reformatting and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from oracles.samples import metrics, some_environment

from parity.backends.base import Precision
from parity.baselines import (
    Baseline,
    Identity,
    baseline_files,
    baseline_path,
    check_identity,
    incomparable,
    load_baseline,
    read_baseline,
    require_reviewer,
    slug,
    write_baseline,
)
from parity.environment import Environment
from parity.errors import BaselineError, UsageError
from parity.files import kept_path
from parity.sealed import sealed_text, write_sealed

IDENTITY = Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (640, 640))
BASELINE = Baseline(IDENTITY, metrics(0.25, APs=None), 12, some_environment())
OTHER_ENVIRONMENT = replace(some_environment(), instruction_sets=("avx2", "avx512_vnni"))


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
        check_identity(Path("a.json"), BASELINE, replace(BASELINE, identity=replace(IDENTITY, **{field: value})))


def test_a_baseline_of_the_same_is_taken() -> None:
    check_identity(Path("a.json"), BASELINE, replace(BASELINE, environment=OTHER_ENVIRONMENT, latency_ms=12.5))


def test_a_baseline_of_another_precision_is_refused() -> None:
    with pytest.raises(BaselineError, match="is of something else; found precision int8; expected precision fp32"):
        check_identity(Path("a.json"), BASELINE, replace(BASELINE, precision="int8"))


INT8 = replace(BASELINE, precision="int8")
UNKNOWN = replace(some_environment(), instruction_sets=())


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        (OTHER_ENVIRONMENT, "stored with avx2, here avx2, avx512_vnni"),
        (UNKNOWN, "stored with avx2, here Linux x86_64, a processor"),
        (replace(some_environment(), packages={"numpy": "3.0.0"}), ""),
    ],
)
def test_int8_compares_on_the_same_instruction_sets_alone(environment: Environment, why: str) -> None:
    assert incomparable(INT8, replace(INT8, environment=environment)).endswith(why)
    assert bool(incomparable(INT8, replace(INT8, environment=environment))) == bool(why)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_floats_compare_across_instruction_sets(precision: Precision) -> None:
    stored = replace(BASELINE, precision=precision)
    assert incomparable(stored, replace(stored, environment=OTHER_ENVIRONMENT)) == ""


def test_a_baseline_from_before_precisions_were_stored_is_one_of_float32(stored: Path) -> None:
    plain = json.loads(stored.read_text())["baseline"]
    older = {name: value for name, value in plain.items() if name not in {"precision", "latency_ms"}}
    stored.write_text(sealed_text("baseline", older))
    assert load_baseline(stored) == BASELINE


@pytest.mark.parametrize(
    ("variables", "found"), [({"CI": "true"}, "CI=true"), ({"PYTEST_XDIST_WORKER_COUNT": "2"}, "several pytest-xdist")]
)
def test_nobody_reviews_in_ci_and_one_process_writes(variables: dict[str, str], found: str) -> None:
    with pytest.raises(UsageError, match=found) as caught:
        require_reviewer(variables)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "variables", [{}, *({"CI": value} for value in ("", "0", "false", "False", " ")), {"PYTEST_XDIST_WORKER_COUNT": "1"}]
)
def test_a_person_may_update(variables: dict[str, str]) -> None:
    require_reviewer(variables)


def test_what_a_baseline_replaces_is_kept_and_named_where_the_new_one_is_damaged(stored: Path) -> None:
    write_baseline(stored, replace(BASELINE, detections=99))
    assert read_baseline(kept_path(stored)) == BASELINE
    stored.write_text("{}")
    with pytest.raises(BaselineError, match=r"take a\.json\.bak"):
        load_baseline(stored)


def test_a_missing_baseline_that_is_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"a\.json: the baseline cannot be read"):
        read_baseline(tmp_path / "a.json")


def test_a_folder_lists_its_baselines_and_nothing_else(stored: Path) -> None:
    write_baseline(stored, replace(BASELINE, detections=99))
    assert [path.name for path in stored.parent.iterdir() if path.suffix == ".bak"] == ["a.json.bak"]
    assert baseline_files(stored.parent) == (stored,)
    assert baseline_files(stored) == (stored,)


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


def test_another_precision_has_a_file_of_its_own() -> None:
    name = baseline_path(Path("b"), model="m", dataset="d", backend="onnx", imgsz=(640, 640), precision="int8").name
    assert name == "m-d-onnx-int8-640.json"
