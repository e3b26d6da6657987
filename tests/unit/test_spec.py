"""A spec goes to JSON and back unchanged, and nothing that is not a spec comes back as one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import spec

from parity.errors import BadInput
from parity.spec import (
    SCHEMA,
    Activation,
    BoxFormat,
    BoxUnits,
    ChannelOrder,
    ExifPolicy,
    Fit,
    Head,
    HeadLayout,
    Interpolation,
    PadPosition,
    PadRounding,
    PipelineSpec,
    Preprocess,
    Restore,
    RestoreGeometry,
    Suppress,
    Suppressor,
    TensorLayout,
)
from parity.wire import from_json, from_plain, sha256_of, to_json, to_plain

number = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
share = st.floats(0, 1)
side, level = st.integers(1, 16_384), st.integers(0, 255)
specs = st.builds(
    PipelineSpec,
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), min_size=1, max_size=4).map(tuple),
    preprocess=st.builds(
        Preprocess,
        size=st.tuples(side, side),
        fit=st.sampled_from(Fit),
        stride=st.integers(1),
        pad_value=st.tuples(level, level, level),
        pad_position=st.sampled_from(PadPosition),
        interpolation=st.sampled_from(Interpolation),
        scale_up=st.booleans(),
        channel_order=st.sampled_from(ChannelOrder),
        divisor=positive,
        mean=st.tuples(number, number, number),
        std=st.tuples(positive, positive, positive),
        layout=st.sampled_from(TensorLayout),
        exif=st.sampled_from(ExifPolicy),
    ),
    head=st.builds(
        Head,
        layout=st.sampled_from(HeadLayout),
        box_format=st.sampled_from(BoxFormat),
        box_units=st.sampled_from(BoxUnits),
        activation=st.sampled_from(Activation),
        class_offset=st.integers(),
    ),
    suppress=st.builds(
        Suppress,
        method=st.sampled_from(Suppressor),
        confidence=share,
        iou=share,
        class_agnostic=st.booleans(),
        multi_label=st.booleans(),
        max_candidates=st.integers(1),
        max_detections=st.integers(1),
        graph_confidence=share,
    ),
    restore=st.builds(
        Restore,
        geometry=st.sampled_from(RestoreGeometry),
        pad_rounding=st.sampled_from(PadRounding),
        clip=st.booleans(),
        integer=st.booleans(),
    ),
)


def changed(part: str, key: str, value: Any) -> dict[str, Any]:
    """A spec's JSON with one value changed."""
    plain = to_plain(spec("a", "b"))
    return plain | {part: plain[part] | {key: value}}


def read(plain: dict[str, Any]) -> PipelineSpec:
    """A spec from its JSON."""
    return from_json(PipelineSpec, json.dumps(plain), source="spec.json")


@given(specs)
def test_a_spec_survives_json(value: PipelineSpec) -> None:
    assert from_json(PipelineSpec, to_json(value), source="spec.json") == value
    assert from_plain(PipelineSpec, to_plain(value), source="spec.json") == value


@given(specs, specs)
def test_two_specs_have_one_digest_only_if_they_are_equal(first: PipelineSpec, second: PipelineSpec) -> None:
    assert (sha256_of(first) == sha256_of(second)) is (to_json(first) == to_json(second))
    assert sha256_of(first) == sha256_of(from_json(PipelineSpec, to_json(first, indent=4), source="spec.json"))


def test_the_json_holds_every_field_and_a_schema_number() -> None:
    plain = to_plain(spec("a"))
    assert plain["schema"] == SCHEMA == 1
    assert set(plain) == {"names", "preprocess", "head", "suppress", "restore", "schema"}
    assert set(plain["preprocess"]) == set(Preprocess.__dataclass_fields__)


def test_every_default_is_what_ultralytics_deploys() -> None:
    preprocess, suppress = Preprocess(), Suppress()
    assert (preprocess.size, preprocess.fit, preprocess.pad_value) == ((640, 640), Fit.LETTERBOX, (114, 114, 114))
    assert (suppress.confidence, suppress.iou, suppress.max_detections, suppress.multi_label) == (0.25, 0.7, 300, False)


@pytest.mark.parametrize("part", ["preprocess", "head", "suppress", "restore"])
def test_an_unknown_field_is_refused_with_its_place(part: str) -> None:
    with pytest.raises(BadInput, match=rf"{part}\.surprise: Unexpected keyword argument"):
        read(changed(part, "surprise", 1))
    with pytest.raises(BadInput, match=r"surprise"):
        read(to_plain(spec()) | {"surprise": 1})


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("preprocess", "size", [640]),
        ("preprocess", "size", [640, 640, 3]),
        ("preprocess", "size", [640.5, 640]),
        ("preprocess", "size", ["640", "640"]),
        ("preprocess", "size", 640),
        ("preprocess", "fit", "letter_box"),
        ("preprocess", "fit", None),
        ("preprocess", "scale_up", 1),
        ("preprocess", "scale_up", "true"),
        ("preprocess", "divisor", "255"),
        ("preprocess", "mean", [0, 0]),
        ("head", "layout", "CHANNELS_FIRST"),
        ("head", "class_offset", True),
        ("suppress", "confidence", None),
        ("suppress", "iou", "0.7"),
        ("suppress", "max_detections", 300.5),
        ("restore", "clip", 0),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(part: str, key: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"spec\.json: does not fit PipelineSpec.*; found {part}\.{key}") as caught:
        read(changed(part, key, value))
    assert caught.value.exit_code == 10


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused(constant: str) -> None:
    hostile = to_json(spec()).replace('"divisor": 255.0', f'"divisor": {constant}')
    with pytest.raises(BadInput, match=f"{constant} is not a JSON number"):
        from_json(PipelineSpec, hostile, source="spec.json")
    with pytest.raises(BadInput, match=r"preprocess\.divisor"):
        from_plain(PipelineSpec, changed("preprocess", "divisor", float(constant)), source="spec.json")


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(BadInput, match=r"preprocess\.divisor"):
        from_json(PipelineSpec, to_json(spec()).replace('"divisor": 255.0', '"divisor": 1e999'), source="spec.json")


def test_names_are_required() -> None:
    with pytest.raises(BadInput, match="names"):
        read({})


def test_what_is_left_out_has_its_default() -> None:
    assert read({"names": ["a"]}) == PipelineSpec(("a",))


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("preprocess", "size", [0, 640]),
        ("preprocess", "size", [640, 100_000]),
        ("preprocess", "stride", 0),
        ("preprocess", "pad_value", [0, 0, 256]),
        ("preprocess", "divisor", 0.0),
        ("preprocess", "std", [1.0, 0.0, 1.0]),
        ("suppress", "confidence", 1.5),
        ("suppress", "iou", -0.1),
        ("suppress", "iou", None),
        ("suppress", "max_detections", 0),
    ],
)
def test_a_value_that_no_pipeline_can_have_is_refused_with_its_place(part: str, key: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"{part}.*expected"):
        read(changed(part, key, value))


def test_a_spec_of_another_version_or_without_classes_is_refused() -> None:
    with pytest.raises(BadInput, match="expected schema 1"):
        read(to_plain(spec("a")) | {"schema": 2})
    with pytest.raises(BadInput, match="expected at least one class name"):
        read(to_plain(spec("a")) | {"names": []})


def test_the_graph_may_keep_its_iou_threshold_to_itself() -> None:
    plain = changed("suppress", "method", "in_graph")
    plain["suppress"]["iou"] = None
    assert read(plain).suppress.iou is None
