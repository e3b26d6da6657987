"""What a file says about itself is believed in order: declared, stamped, metadata and shapes; nothing is guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.samples import spec

from parity.artefacts import head_layout, input_size, spec_of_file
from parity.backends.base import Shape
from parity.backends.fake import FakeSession
from parity.convert.manifest import ONNX_KEY, Stamp
from parity.errors import BadInput
from parity.spec import BoxFormat, HeadLayout, PipelineSpec, Suppress, Suppressor, TensorLayout
from parity.wire import to_json

FILE = Path("model.onnx")
SIZE = (640, 640)
ANCHORS = 8400
NCHW: Shape = (1, 3, 64, 96)


def session(output: tuple[int, ...] = (1, 7, 126), *, shape: Shape | None = NCHW, **metadata: str) -> FakeSession:
    """A file of a 64 by 96 network; three classes and 126 anchors unless told otherwise."""
    return FakeSession(lambda _: (np.zeros(output, np.float32),), input_shape=shape, metadata=metadata)


def at(size: tuple[int, int]) -> PipelineSpec:
    """A spec of three classes at a network size."""
    return replace(spec(), preprocess=replace(spec().preprocess, size=size))


# Head layouts


@pytest.mark.parametrize(
    ("shape", "classes", "layout"),
    [
        ((1, 84, ANCHORS), 80, HeadLayout.CHANNELS_FIRST),
        ((1, ANCHORS, 84), 80, HeadLayout.CHANNELS_LAST),
        ((1, 3 * ANCHORS, 85), 80, HeadLayout.OBJECTNESS),
        ((1, ANCHORS, 85), 80, HeadLayout.OBJECTNESS),
        ((1, 300, 6), 80, HeadLayout.END_TO_END),
        ((1, 6, ANCHORS), 2, HeadLayout.CHANNELS_FIRST),
        ((1, 300, 6), 2, HeadLayout.END_TO_END),
        ((1, ANCHORS, 6), 2, HeadLayout.CHANNELS_LAST),
    ],
)
def test_the_layout_is_told_from_the_shape(shape: tuple[int, ...], classes: int, layout: HeadLayout) -> None:
    assert head_layout([shape], classes, SIZE, stride=32, end_to_end=False, path=FILE) is layout


@pytest.mark.parametrize(
    ("anchors", "stride"),
    [(8400, 32), (8500, 64), (34000, 32), (2000, 32)],
    ids=["three levels from 8", "four levels from 8", "four levels from 4", "two levels from 16"],
)
def test_the_anchors_are_counted_by_the_networks_strides(anchors: int, stride: int) -> None:
    assert head_layout([(1, 84, anchors)], 80, SIZE, stride=stride, end_to_end=False, path=FILE) is HeadLayout.CHANNELS_FIRST


@pytest.mark.parametrize(
    ("shapes", "classes"),
    [
        ([(1, 84, 8399)], 80),
        ([(1, 85, ANCHORS)], 80),
        ([(1, 3 * ANCHORS, 6)], 1),  # objectness of one class, or end to end
        ([(300, 4), (300,), (300,)], 80),
        ([(84, ANCHORS)], 80),
        ([()], 80),
    ],
)
def test_two_layouts_or_none_are_refused(shapes: list[tuple[int, ...]], classes: int) -> None:
    with pytest.raises(BadInput, match="the head layout cannot be told from the outputs") as caught:
        head_layout(shapes, classes, SIZE, stride=32, end_to_end=False, path=FILE)
    assert "--candidate-spec" in str(caught.value)


def test_as_many_anchors_as_an_end_to_end_head_has_rows_are_not_guessed() -> None:
    small = (192, 320)
    with pytest.raises(BadInput, match="which fits channels_last and end_to_end"):
        head_layout([(1, 300, 6)], 2, small, stride=32, end_to_end=False, path=FILE)
    assert head_layout([(1, 300, 6)], 80, small, stride=32, end_to_end=True, path=FILE) is HeadLayout.END_TO_END


def test_the_asked_size_comes_before_the_declared_and_that_before_the_references() -> None:
    declared, open_size = at((320, 320)), session((1, 7, 2100), shape=(1, 3, None, None))
    assert spec_of_file(FILE, open_size, at((640, 640)), declared=declared).spec.preprocess.size == (320, 320)
    assert spec_of_file(FILE, open_size, at((640, 640)), declared=declared, asked=(64, 96)).spec.preprocess.size == (64, 96)


def test_a_file_without_names_says_so() -> None:
    assert not spec_of_file(FILE, session(), at((64, 96))).has_names
    assert spec_of_file(FILE, session(names="{0: 'a', 1: 'b', 2: 'c'}"), at((64, 96))).has_names


def test_metadata_that_says_end_to_end_settles_it() -> None:
    assert head_layout([(1, 3 * ANCHORS, 6)], 1, SIZE, stride=32, end_to_end=True, path=FILE) is HeadLayout.END_TO_END
    with pytest.raises(BadInput, match="cannot be told"):
        head_layout([(1, 84, ANCHORS)], 80, SIZE, stride=32, end_to_end=True, path=FILE)


# Who is believed


def test_a_declared_spec_comes_first_at_the_files_size() -> None:
    declared = replace(spec("x"), suppress=Suppress(iou=0.3))
    stamp = to_json(Stamp(spec("y"), "c" * 64))
    told = spec_of_file(FILE, session(**{ONNX_KEY: stamp}), spec(), declared=declared)
    assert (told.spec.names, told.spec.suppress.iou, told.spec.preprocess.size) == (("x",), 0.3, (64, 96))
    assert (told.origin, told.checkpoint_sha256) == ("the spec given with --candidate-spec", "c" * 64)


def test_the_stamp_comes_before_the_metadata() -> None:
    stamp = to_json(Stamp(spec("y"), "c" * 64))
    told = spec_of_file(FILE, session(**{ONNX_KEY: stamp, "names": "{0: 'z'}"}), spec())
    assert (told.spec.names, told.origin, told.checkpoint_sha256) == (("y",), "its own stamp", "c" * 64)


@pytest.mark.parametrize("stamp", ["{", '{"spec": 1}', "null"])
def test_a_damaged_stamp_is_refused(stamp: str) -> None:
    with pytest.raises(BadInput, match=r"model\.onnx"):
        spec_of_file(FILE, session(**{ONNX_KEY: stamp}), spec())


def test_ultralytics_metadata_gives_the_names() -> None:
    told = spec_of_file(FILE, session(task="detect", names="{0: 'x', 1: \"it's\", 2: 'z'}"), spec("p", "q"))
    assert told.spec.names == ("x", "it's", "z")
    assert told.spec.head.layout is HeadLayout.CHANNELS_FIRST
    assert told.origin == "its metadata and output shapes, no stamp"


@pytest.mark.parametrize("names", ["{0: 'x', 2: 'z'}", "{0: 1}", "3", "None"])
def test_names_that_are_no_list_are_the_references(names: str) -> None:
    assert spec_of_file(FILE, session(names=names), spec()).spec.names == ("a", "b", "c")


def test_torchscript_metadata_is_json() -> None:
    config = json.dumps({"task": "detect", "names": {"1": "y", "0": "x", "2": "z"}})
    assert spec_of_file(FILE, session(**{"config.txt": config}), spec()).spec.names == ("x", "y", "z")


def test_an_export_with_nms_has_its_constants_in_the_graph() -> None:
    told = spec_of_file(FILE, session((1, 300, 6), args="{'nms': True, 'conf': 0.1, 'iou': 0.5, 'max_det': 100}"), spec()).spec
    assert (told.head.layout, told.head.box_format) == (HeadLayout.END_TO_END, BoxFormat.XYXY)
    assert told.suppress.method is Suppressor.IN_GRAPH
    assert (told.suppress.iou, told.suppress.graph_confidence, told.suppress.max_detections) == (0.5, 0.1, 100)


def test_an_export_with_nms_that_names_no_constants_has_ultralytics_own() -> None:
    settings = spec_of_file(FILE, session((1, 300, 6), args="{'nms': True, 'conf': None}"), spec()).spec.suppress
    assert (settings.iou, settings.graph_confidence, settings.max_detections) == (0.7, 0.25, 300)


def test_an_end_to_end_head_has_no_iou() -> None:
    settings = spec_of_file(FILE, session((1, 300, 6), end2end="True"), spec()).spec.suppress
    assert (settings.method, settings.iou, settings.graph_confidence) == (Suppressor.IN_GRAPH, None, 0)


def test_a_raw_export_of_an_end_to_end_reference_gets_nms() -> None:
    base = replace(spec(), suppress=Suppress(method=Suppressor.IN_GRAPH, iou=None))
    settings = spec_of_file(FILE, session(), base).spec.suppress
    assert (settings.method, settings.iou) == (Suppressor.NMS, 0.7)


@pytest.mark.parametrize(
    "metadata",
    [
        {"names": "{0: 'x'"},
        {"names": "__import__('os').system('true')"},
        {"args": "[" * 5000},
        {"end2end": "maybe"},
        {"config.txt": "{"},
        {"args": "{'nms': True, 'max_det': 'many'}"},
        {"args": "{'nms': True, 'iou': []}"},
        {"args": "{'nms': True, 'conf': 1e999}"},
    ],
)
def test_damaged_metadata_is_refused_not_run(metadata: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="its metadata cannot be read"):
        spec_of_file(FILE, session((1, 300, 6), **metadata), spec())


@pytest.mark.parametrize("task", ["segment", "pose", "classify"])
def test_another_task_is_refused(task: str) -> None:
    with pytest.raises(BadInput, match=f"is not a detector; found task {task}"):
        spec_of_file(FILE, session(task=task), spec())


# Sizes


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 3, 64, 96), (64, 96)), ((1, 64, 96, 3), (64, 96)), ((None, 3, None, None), None), ((1, 3, 64, None), None), (None, None)],
)
def test_the_size_is_the_files_where_it_fixes_one(shape: Any, size: tuple[int, int] | None) -> None:
    assert input_size(session(shape=shape)) == size


def test_an_open_size_is_the_references() -> None:
    base = replace(spec(), preprocess=replace(spec().preprocess, size=(64, 96)))
    assert spec_of_file(FILE, session(shape=(None, 3, None, None)), base).spec.preprocess.size == (64, 96)


def test_channels_last_input_is_seen() -> None:
    told = spec_of_file(FILE, session(shape=(1, 64, 96, 3)), spec()).spec
    assert (told.preprocess.layout, told.preprocess.size) == (TensorLayout.NHWC, (64, 96))
