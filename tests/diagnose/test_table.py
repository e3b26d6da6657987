"""The table plants faults of the catalogue, skips pairs of which one is hidden, and turns red where too little is named."""

from __future__ import annotations

import pickle
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnose import edited_onnx
from diagnose.conftest import FIXTURES, SIDE
from diagnose.file_judge import FileJudge
from diagnose.file_plants import DECLARED, FILE_PLANTS, FilePlant, edited
from diagnose.planting import Case, Field, Ground, Judge, Outcome, equal
from diagnose.plants import Plant, compatible, plants
from diagnose.table import END, KINDS, START, arguments, drawn, files, ground_of, hidden, write_between
from diagnose.table_text import failures, markdown, summary

from parity.faults import CATALOGUE
from parity.spec import Fit, PipelineSpec

EMBEDDED, COCO = plants(320, 7), plants(640, 80)
BGR, STRETCH = Plant("channel_order_bgr", settings={"channels": "bgr"}), Plant("stretch_instead_of_letterbox", settings={"fit": "stretch"})
AGNOSTIC = Plant("class_agnostic_vs_per_class", settings={"agnostic": True})


def outcome(*faults: str, named: tuple[str, ...], kind: str = "single", **others: Any) -> Outcome:
    """A case that was planted on paper."""
    given = {"shown": 9, "visible": True, **others}
    return Outcome(kind, planted=faults, faults=faults, alike=tuple((name,) for name in faults), named=named, **given)


# What is planted


@pytest.mark.parametrize("planted", [EMBEDDED, COCO], ids=["embedded", "COCO"])
def test_every_plant_is_a_fault_of_the_catalogue_and_has_an_id_of_its_own(planted: tuple[Plant, ...]) -> None:
    assert {name for plant in planted for name in plant.names} <= set(CATALOGUE)
    assert len({plant.id for plant in planted}) == len(planted)


def test_more_than_forty_faults_are_planted() -> None:
    assert len({plant.fault for plant in EMBEDDED}) > 40


def test_the_map_to_91_ids_is_planted_where_it_is_no_mere_offset() -> None:
    assert {plant.id for plant in COCO} - {plant.id for plant in EMBEDDED} >= {"class_map_80_91_or_offset[91 ids]"}


def test_plants_travel_to_other_processes() -> None:
    assert [plant.id for plant in pickle.loads(pickle.dumps(COCO))] == [plant.id for plant in COCO]  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (STRETCH, True),
        (Plant("channel_order_bgr", "again", {"pad": 3}), False),
        (Plant("pad_value", settings={"channels": "bgr"}), False),
    ],
    ids=["other field", "same fault", "same field"],
)
def test_plants_go_together_where_neither_overwrites_the_other(other: Plant, expected: bool) -> None:  # noqa: FBT001
    assert compatible(BGR, other) is expected


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [(0.53, 0.52, True), (0.54, 0.52, False), (0.0, 1 / 320, False), (1 / 320, 1 / 320, True), ("area", "area", True), (None, 7, False)],
)
def test_a_parameter_is_right_within_a_step_and_never_by_being_small(found: Any, expected: Any, same: bool) -> None:  # noqa: FBT001
    assert equal(found, expected) is same


def test_every_plant_of_a_file_is_of_the_catalogue_has_an_id_of_its_own_and_travels() -> None:
    assert {name for plant in FILE_PLANTS for names in plant.names for name in names} <= set(CATALOGUE)
    assert len({plant.id for plant in FILE_PLANTS}) == len(FILE_PLANTS)
    assert [plant.id for plant in pickle.loads(pickle.dumps(FILE_PLANTS))] == [plant.id for plant in FILE_PLANTS]  # noqa: S301 - our own


def test_a_plant_declares_its_fields_wrong_and_the_others_right() -> None:
    (plant,) = (each for each in DECLARED if each.faults == ("stretch_instead_of_letterbox", "nms_iou_threshold"))
    right = PipelineSpec(("one", "two"))
    wrong = replace(right, preprocess=replace(right.preprocess, fit=Fit.STRETCH), suppress=replace(right.suppress, iou=0.52))
    assert plant.spec(right) == wrong


@pytest.mark.parametrize(
    ("given", "kinds"),
    [((), KINDS), (("--kinds", "file"), ("file",)), (("--kinds", "pair,single"), ("pair", "single")), (("--no-files",), KINDS[:3])],
    ids=["all", "one", "two", "no files"],
)
def test_parts_can_be_run_alone(given: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    assert arguments(given).kinds == kinds


def test_an_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["--kinds", "single,double"])
    assert "no such kind: double" in capsys.readouterr().err


def test_only_the_files_of_a_fault_are_planted_and_the_healthy_ones() -> None:
    assert {plant.faults for plant in files(Namespace(only=["stale_artifact"]))} == {(), ("stale_artifact",)}


# Which files the gate names


@pytest.fixture(scope="module")
def file_judge() -> Iterator[FileJudge]:
    """An open gate on three images: one without overlaps, two with a crowd."""
    chosen = ("square.jpg", "crowd_two_classes_0.jpg", "landscape odd pad.jpg")
    opened = FileJudge(Ground(FIXTURES / "models/yolov8n_shapes.pt", FIXTURES / "shapes/data.yaml", SIDE, chosen=chosen))
    yield opened
    opened.close()


def planted(id_: str) -> FilePlant:
    """The plant of an id."""
    (found,) = (plant for plant in FILE_PLANTS if plant.id == id_)
    return found


@pytest.mark.parametrize(
    ("id_", "proven"),
    [
        ("double_sigmoid[second sigmoid]", ("restore", True)),
        ("int8_head_quantised[head]", ("restore", True)),
        ("stale_artifact[checkpoint]", ("restore", True)),
        ("pad_value[declared: pad_value (97, 97, 97)]", ("reproduce", True)),  # the file's size is fixed, which no rectangle fits
    ],
)
def test_a_fault_of_a_file_is_named_by_the_gate(file_judge: FileJudge, id_: str, proven: tuple[str, bool]) -> None:
    told = file_judge.judge(planted(id_))
    assert (told.kind, told.visible, told.first, told.fully, told.refused) == ("file", True, True, True, "")
    assert (told.method, told.confirmed) == proven


@pytest.mark.parametrize("faults", [(), ("pad_value",)])
def test_a_value_range_that_a_file_declares_and_wants_is_no_fault(file_judge: FileJudge, faults: tuple[str, ...]) -> None:
    fields = {"divisor": 1.0, **dict.fromkeys(faults, (97, 97, 97))}
    make = partial(edited, edit=edited_onnx.trained_on_bytes)
    told = file_judge.judge(FilePlant(faults, "wants bytes", make=make, declared={"preprocess": fields}))
    assert (told.named, told.refused) == (faults, "")


def test_a_healthy_file_is_not_asked_about(file_judge: FileJudge) -> None:
    told = file_judge.judge(planted("healthy[ONNX]"))
    assert (told.kind, told.visible, told.named) == ("healthy", False, ())


def test_what_the_gate_refuses_to_judge_counts_as_no_name(file_judge: FileJudge) -> None:
    told = file_judge.judge(FilePlant(("pad_value",), "no file", make=lambda _, folder: folder / "none.onnx"))
    assert (told.visible, told.named, told.first) == (True, (), False)
    assert "none.onnx" in told.refused


# Which pairs


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Two images: one without overlaps, one with a crowd."""
    return Ground(
        FIXTURES / "models/yolov8n_shapes.pt", FIXTURES / "shapes/data.yaml", SIDE, chosen=("square.jpg", "crowd_two_classes_0.jpg")
    )


@pytest.fixture(scope="module")
def judge(ground: Ground) -> Judge:
    """The reference on these."""
    return Judge(ground)


@pytest.fixture(scope="module")
def field(ground: Ground, network: Any) -> Field:
    """The second pipeline on these."""
    return Field(network, ground.open(), SIDE)


def test_a_healthy_planting_is_the_reference(field: Field, judge: Judge) -> None:
    assert not judge.judge(field.plant((), kind="healthy")).visible


@pytest.mark.parametrize("decimals", [None, 3])
def test_a_plant_is_named_as_the_gate_would(field: Field, judge: Judge, decimals: int | None) -> None:
    case = field.plant((BGR,))
    told = judge.judge(case if decimals is None else case.rounded(decimals))
    assert (told.visible, told.named, told.first, told.fully) == (True, ("channel_order_bgr",), True, True)


def test_a_pair_that_one_fault_explains_is_hidden(field: Field, judge: Judge) -> None:
    one, other = field.plant((AGNOSTIC,)), field.plant((Plant("small_image_not_upscaled", settings={"scale_up": False}),))
    reason = hidden(judge, field.plant((*one.planted, *other.planted)), (one, other))
    assert reason == "the same as class_agnostic_vs_per_class alone"


def test_a_pair_that_shows_both_is_not_hidden(field: Field, judge: Judge) -> None:
    assert hidden(judge, field.plant((BGR, AGNOSTIC)), (field.plant((BGR,)), field.plant((AGNOSTIC,)))) is None


def test_a_pair_that_leaves_nothing_is_hidden(field: Field, judge: Judge) -> None:
    one, other = field.plant((BGR,)), field.plant((Plant("conf_threshold", settings={"confidence": 1.0}),))
    assert hidden(judge, field.plant((*one.planted, *other.planted)), (one, other)) == "nothing is detected"


def test_the_same_seed_draws_the_same_pairs() -> None:
    by_fault = {plant.fault: [Case("single", (plant,), (np.empty((0, 6)),))] for plant in EMBEDDED}
    first, second = ([(one.id, other.id) for one, other in drawn(by_fault, Namespace(seed=5, only=None))] for _ in range(2))
    assert first == second
    assert len(first) > 60


def test_other_data_is_taken_from_an_offset_on() -> None:
    options = Namespace(data=FIXTURES / "shapes/data.yaml", checkpoint=Path("any.pt"), imgsz=64, images=3, offset=2)
    found, everything = ground_of(options).open(), Ground(Path("any.pt"), options.data, 64).open()
    assert found == everything[2:5]


# What is required


def test_what_is_named_meets_the_requirements() -> None:
    assert (
        failures([outcome("pad_value", named=("pad_value",)), outcome("pad_value", "hw_swapped", named=("hw_swapped", "pad_value"))]) == []
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (outcome("pad_value", named=("hw_swapped",)), "singles named first, by detections alone: 0 of 1"),
        (outcome("pad_value", named=()), "singles named first, by detections alone: 0 of 1"),
        (outcome("pad_value", named=(), kind="file"), "singles named first, in a file: 0 of 1"),
        (outcome("pad_value", named=(), kind="rounded"), "rounded to three decimals: 0 of 1"),
        (outcome("pad_value", "hw_swapped", named=("pad_value",), kind="pair"), "random pairs named fully: 0 of 1"),
        (outcome("pad_value", "hw_swapped", named=("pad_value", "hw_swapped", "multi_label"), kind="pair"), "named fully: 0 of 1"),
        (outcome(named=("pad_value",), kind="healthy"), "a healthy pair differs"),
    ],
    ids=["another name", "no name", "in a file", "rounded", "half of a pair", "a name too many", "healthy"],
)
def test_too_little_named_is_said(wrong: Outcome, says: str) -> None:
    (line,) = failures([wrong])
    assert says in line


def test_faults_of_files_count_with_those_of_detections_and_by_themselves() -> None:
    right, wrong = [outcome("pad_value", named=("pad_value",))] * 19, outcome("double_sigmoid", named=(), kind="file")
    assert failures([*right, wrong]) == ["singles named first, in a file: 0 of 1 (0.0%), required 95%"]
    assert "singles named first: 19 of 20 (95.0%, required 95%)" in list(summary([*right, wrong]))


def test_files_have_a_matrix_of_their_own_with_the_counterfactual_that_proves_them() -> None:
    right = outcome("double_sigmoid", named=("double_sigmoid",), kind="file", confirmed=True, method="restore", seconds=2.0)
    wrong = outcome("double_sigmoid", named=("missing_sigmoid",), kind="file", method="reproduce", seconds=3.0)
    (line,) = (line for line in markdown([right, wrong]).splitlines() if line.startswith("| `"))
    assert line == "| `double_sigmoid` | 1/2 | restore, confirmed 1; reproduce, partial 1 | `missing_sigmoid` 1 | 2.5 |"


def test_half_of_a_pair_in_a_declared_pipeline_is_listed_and_counts_with_the_random_pairs() -> None:
    half = outcome("pad_value", "hw_swapped", named=("pad_value",), kind="file pair")
    whole = outcome("pad_value", "hw_swapped", named=("hw_swapped", "pad_value"), kind="pair")
    assert "  file pair: pad_value + hw_swapped was named pad_value" in list(summary([half]))
    assert failures([half, whole]) == ["random pairs, and those in a file's declared pipeline, named fully: 1 of 2 (50.0%), required 90%"]


def test_a_file_that_the_gate_refuses_is_a_miss_that_says_why() -> None:
    refused = outcome("pad_value", named=(), kind="file", refused="the input does not fit")
    assert "  file: pad_value was refused: the input does not fit" in list(summary([refused]))


def test_what_cannot_be_seen_is_listed_and_not_counted() -> None:
    told = [outcome("pad_value", named=("pad_value",)), outcome("hw_swapped", named=(), visible=False, hidden_on="square images")]
    assert failures(told) == []
    assert "- `hw_swapped` changes no detection here; hidden on square images" in markdown(told)


def test_a_name_counts_where_the_diagnosis_says_that_nothing_tells_it_from_the_planted_one() -> None:
    told = [outcome("pad_value", named=("hw_swapped",), alternatives=(("hw_swapped", "pad_value"),))]
    assert failures(told) == []
    assert "- `pad_value` is named `hw_swapped`, which these images cannot tell from it" in markdown(told)


def test_a_miss_is_shown_in_the_matrix_and_below_it() -> None:
    told = [outcome("pad_value", named=("hw_swapped",)), outcome("pad_value", named=("pad_value",), kind="rounded")]
    assert "| `pad_value` | 0/1 | 1/1 | 0/0 | `hw_swapped` 1 | 0.0 |" in markdown(told)
    assert "  single: pad_value was named hw_swapped" in list(summary(told))


def test_the_table_is_written_between_the_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_between(page, "new")
    assert page.read_text() == f"before\n{START}\nnew\n{END}\nafter\n"


def test_a_page_without_markers_is_refused_and_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before")
    with pytest.raises(SystemExit, match="expected the markers"):
        write_between(page, "new")
    assert page.read_text() == "before"
