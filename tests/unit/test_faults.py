"""The catalogue is complete, its texts can be printed in one line, and its order of frequency can break ties."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from parity import faults
from parity.faults import CATALOGUE, Fault, Frequency, Stage, fault

LONGEST_CAUSE, LONGEST_SHOWS, LONGEST_FIX, LONGEST_HIDDEN_ON = 120, 140, 160, 120
IDS = (
    "rect_vs_square_letterbox",
    "stretch_instead_of_letterbox",
    "unletterbox_missing_or_wrong",
    "channel_order_bgr",
    "value_range_255",
    "mean_std_mismatch",
    "output_layout_not_transposed",
    "nms_iou_threshold",
    "conf_threshold",
    "wrong_imgsz",
    "int8_head_concat_one_scale",
    "int8_head_quantised",
    "int8_calibration_bad",
    "exif_orientation",
    "class_map_80_91_or_offset",
    "class_names_order",
    "batch_gt1_broken",
    "fp16_precision",
    "train_mode_export",
    "jpeg_decoder",
    "resize_interpolation",
    "pad_rounding_1px",
    "pad_value",
    "pad_position",
    "double_sigmoid",
    "missing_sigmoid",
    "v5_style_decode_on_v8",
    "objectness_not_multiplied",
    "xywh_vs_xyxy",
    "decode_not_in_graph",
    "boxes_normalised",
    "class_agnostic_vs_per_class",
    "multi_label",
    "topk_max_det_caps",
    "end2end_or_embedded_nms_mismatch",
    "static_trace_constants",
    "torchvision_size_baked",
    "graph_and_host_both_preprocess",
    "onnx_simplifier_bug",
    "ort_graph_optimisation",
    "resize_coord_mode",
    "roialign_half_pixel",
    "dynamo_exporter_bug",
    "tf32",
    "bf16_or_fp16_plugin_default",
    "u8s8_saturation",
    "int8_io_not_dequantised",
    "ema_vs_raw_weights",
    "reparam_or_fuse_wrong",
    "hw_swapped",
    "nms_time_limit",
    "class_offset_fp16_nms",
    "eval_protocol_mismatch",
    "run_to_run_nondeterminism",
    "layout_nhwc_nchw",
    "iou_conf_args_swapped",
    "integer_division_or_dtype",
    "alpha_or_gray_channels",
    "small_image_not_upscaled",
    "clip_missing_or_extra",
    "int_cast_boxes",
    "pixel_plus_one_convention",
    "int8_per_tensor_weights",
    "int8_symmetric_silu",
    "ceil_mode_pool",
    "opset_constant_folding_batch",
    "head_tensor_order",
    "dfl_axis_or_bins",
    "two_class_shape_trap",
    "embedded_nms_fp16_resolution",
    "nms_ties_and_boundary",
    "plugin_score_range_fp16",
    "buffer_reuse_or_early_free",
    "stale_artifact",
    "wrong_checkpoint",
    "eval_image_order",
    "wrong_tuple_element",
)
FIRST_VERSION = {
    "stretch_instead_of_letterbox",
    "rect_vs_square_letterbox",
    *("unletterbox_missing_or_wrong", "pad_rounding_1px"),
    "channel_order_bgr",
    "value_range_255",
    "mean_std_mismatch",
    *("double_sigmoid", "missing_sigmoid"),
    *("output_layout_not_transposed", "v5_style_decode_on_v8", "objectness_not_multiplied"),
    "xywh_vs_xyxy",
    *("nms_iou_threshold", "conf_threshold", "class_agnostic_vs_per_class", "topk_max_det_caps"),
    "class_map_80_91_or_offset",
    *("int8_head_concat_one_scale", "int8_head_quantised"),
}
NEXT_SIX = {
    "resize_interpolation",
    "pad_value",
    "exif_orientation",
    "batch_gt1_broken",
    *("onnx_simplifier_bug", "dynamo_exporter_bug"),
    "int8_calibration_bad",
}
SOLVED = {
    "nms_iou_threshold": ("iou",),
    "conf_threshold": ("confidence",),
    "pad_value": ("pad_value",),
    "value_range_255": ("divisor",),
    "class_map_80_91_or_offset": ("offset",),
}
EVERY_FAULT = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)


def is_one_line(text: str, longest: int) -> bool:
    """Whether a text is a sentence that fits in a line of this many characters, without double or outer spaces."""
    return text.endswith(".") and " ".join(text.split()) == text and text[0].isupper() and len(text) <= longest


# What is in it


def test_the_catalogue_holds_these_faults_in_this_order() -> None:
    assert tuple(CATALOGUE) == IDS
    assert len(IDS) == 77


def test_no_id_stands_twice() -> None:
    assert [entry.id for entry in faults._FAULTS] == list(CATALOGUE)


def test_the_faults_of_the_first_version_and_the_next_six_are_there() -> None:
    assert set(CATALOGUE) >= FIRST_VERSION | NEXT_SIX


def test_every_stage_has_faults() -> None:
    assert {entry.stage for entry in CATALOGUE.values()} == set(Stage)


def test_the_thresholds_and_values_that_a_diagnosis_solves_have_names() -> None:
    assert {name: fault(name).parameters for name in SOLVED} == SOLVED


def test_rect_against_square_is_called_a_difference_of_configuration() -> None:
    assert "a difference of configuration, not a broken export" in fault("rect_vs_square_letterbox").cause


def test_a_fault_is_found_by_its_id() -> None:
    assert fault("double_sigmoid") is CATALOGUE["double_sigmoid"]
    assert fault("double_sigmoid").stage is Stage.DECODE


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError, match="triple_sigmoid"):
        fault("triple_sigmoid")


def test_the_catalogue_cannot_be_changed() -> None:
    catalogue: Any = CATALOGUE
    entry: Any = fault("tf32")
    with pytest.raises(TypeError):
        catalogue["tf32"] = entry
    with pytest.raises(FrozenInstanceError):
        entry.cause = ""


# How it reads


@EVERY_FAULT
def test_cause_sign_and_fix_are_sentences_of_one_line(entry: Fault) -> None:
    assert is_one_line(entry.cause, LONGEST_CAUSE)
    assert is_one_line(entry.shows, LONGEST_SHOWS)
    assert is_one_line(entry.fix, LONGEST_FIX)


@pytest.mark.parametrize("text", ["No full stop", "Two\nlines.", "Two  spaces.", " Space first.", "lower case.", f"{'Long' * 40}.", "."])
def test_a_text_that_is_none_is_found(text: str) -> None:
    assert not is_one_line(text, LONGEST_CAUSE)


@EVERY_FAULT
def test_the_images_that_hide_a_fault_are_a_phrase_of_one_line(entry: Fault) -> None:
    assert not entry.hidden_on.endswith(".")
    assert " ".join(entry.hidden_on.split()) == entry.hidden_on
    assert len(entry.hidden_on) <= LONGEST_HIDDEN_ON


@EVERY_FAULT
def test_parameters_are_names_that_stand_once(entry: Fault) -> None:
    assert all(name.isidentifier() for name in entry.parameters)
    assert len(set(entry.parameters)) == len(entry.parameters)


def test_no_two_faults_share_a_cause_a_sign_or_a_fix() -> None:
    texts = [text for entry in CATALOGUE.values() for text in (entry.cause, entry.shows, entry.fix)]
    assert len(set(texts)) == 3 * len(CATALOGUE)


# Frequency


def test_the_more_frequent_fault_is_the_larger() -> None:
    assert Frequency.MANY > Frequency.SOME > Frequency.RARE


def test_a_tie_falls_to_the_more_frequent_fault() -> None:
    tied = [fault("hw_swapped"), fault("stretch_instead_of_letterbox"), fault("integer_division_or_dtype")]
    assert max(tied, key=lambda entry: entry.frequency).id == "stretch_instead_of_letterbox"


def test_the_catalogue_runs_from_the_frequent_to_the_rare() -> None:
    frequencies = [entry.frequency for entry in CATALOGUE.values()]
    assert frequencies == sorted(frequencies, reverse=True)
