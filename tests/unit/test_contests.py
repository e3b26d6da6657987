"""What a candidate file is told apart by, and what a reader is told of it."""

from __future__ import annotations

from dataclasses import replace

from oracles.samples import spec

from parity.contests import misfits
from parity.spec import Fit, Head, HeadLayout, Suppress, Suppressor

RAW = spec("a", "b")
END_TO_END = replace(RAW, head=Head(layout=HeadLayout.END_TO_END), suppress=Suppress(method=Suppressor.IN_GRAPH, iou=None))


def test_an_end_to_end_file_against_a_raw_reference_points_to_the_option() -> None:
    assert ["--end-to-end" in note for note in misfits(END_TO_END, RAW, (), fixed=True)] == [True]


def test_two_end_to_end_sides_and_an_export_with_nms_inside_need_no_option() -> None:
    inside = replace(END_TO_END, suppress=replace(END_TO_END.suppress, graph_confidence=0.25))
    assert list(misfits(END_TO_END, END_TO_END, (), fixed=True)) == []
    assert list(misfits(inside, RAW, (), fixed=True)) == []


def test_a_fixed_size_that_was_not_asked_for_is_said() -> None:
    assert list(misfits(RAW, RAW, ((640, 640),), fixed=True)) == []
    assert ["--imgsz does not apply" in note for note in misfits(RAW, RAW, ((640, 640), (320, 320)), fixed=True)] == [True]


def test_a_size_does_not_apply_to_a_network_that_resizes_inside() -> None:
    native = replace(RAW, preprocess=replace(RAW.preprocess, fit=Fit.NATIVE))
    assert ["--imgsz does not apply" in note for note in misfits(native, native, ((640, 640),), fixed=False)] == [True]
    assert list(misfits(native, native, (), fixed=False)) == []
