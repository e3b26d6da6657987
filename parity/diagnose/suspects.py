"""The faults that can be simulated, each as a change of a pipeline's value, or at one of its cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from parity.diagnose.tampering import LARGEST_BYTE, Cut, Tamper
from parity.spec import (
    Activation,
    BoxFormat,
    BoxUnits,
    ChannelOrder,
    ExifPolicy,
    Fit,
    Interpolation,
    PadPosition,
    PadRounding,
    PipelineSpec,
    Preprocess,
    RestoreGeometry,
)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PAD_VALUES = (0, 48, 80, 98, 108, 120, 132, 160, 208, 255)  # denser near 114, from which the search must see its way
SIZES = (0.5, 0.65, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0)  # of the network's side
LARGEST_TRIED = 1280  # px: beyond, one run costs as much as ten at 640
LETTERBOXED: tuple[tuple[str, float | str], ...] = (("restored", "as of a letterbox"),)
CORNER_OFFSETS = ((0.0, 1.0), (0.0, -1.0), (0.5, 0.5), (-0.5, -0.5), (1.0, 1.0), (-1.0, -1.0))  # px, of conventions that count pixels


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A pipeline that the candidate may be: a spec, and what happens at its cuts."""

    spec: PipelineSpec
    tampering: tuple[Tamper, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """A fault of the catalogue with its parameters, as new values of fields of the spec (part, field, value), or at a cut."""

    fault: str
    values: tuple[tuple[str, str, Any], ...] = ()
    tamper: Tamper | None = None
    parameters: tuple[tuple[str, float | str], ...] = field(default=())

    @property
    def touches(self) -> frozenset[tuple[str, str]]:
        """What it changes: another fault that changes the same cannot be there, too."""
        cut = {("cut", self.tamper.cut.value)} if self.tamper else set()
        return frozenset({(part, name) for part, name, _ in self.values} | cut)

    def applied(self, hypothesis: Hypothesis) -> Hypothesis:
        """The pipeline with the fault in it."""
        spec = hypothesis.spec
        for part, name, value in self.values:
            spec = replace(spec, **{part: replace(getattr(spec, part), **{name: value})})
        return Hypothesis(spec, hypothesis.tampering if self.tamper is None else (*hypothesis.tampering, self.tamper))


Suspects = tuple[Suspect, ...]


def with_all(hypothesis: Hypothesis, suspects: Suspects) -> Hypothesis:
    """The pipeline with every one of the faults in it."""
    for suspect in suspects:
        hypothesis = suspect.applied(hypothesis)
    return hypothesis


def one(fault: str, part: str, name: str, value: Any, **parameters: float | str) -> Suspect:
    """A suspect of one field."""
    return Suspect(fault, ((part, name, value),), parameters=tuple(parameters.items()))


def at_cut(fault: str, cut: Cut, name: str, *values: float, **parameters: float | str) -> Suspect:
    """A suspect at a cut."""
    return Suspect(fault, tamper=Tamper(cut, name, values), parameters=tuple(parameters.items()))


def preprocessing(own: Preprocess) -> Iterator[Suspect]:
    """What can have gone wrong before the network, for a reference that is fed like this."""
    part = "preprocess"
    yield one("stretch_instead_of_letterbox", part, "fit", Fit.STRETCH)
    yield one("rect_vs_square_letterbox", part, "fit", Fit.LETTERBOX if own.fit is Fit.RECT else Fit.RECT)
    if own.size[0] == own.size[1]:
        yield one("hw_swapped", part, "fit", Fit.SWAPPED)
    yield one("channel_order_bgr", part, "channel_order", other_order(own))
    yield from pixel_values(own)
    yield from (pad_value(value) for value in PAD_VALUES)
    yield one("pad_position", part, "pad_position", PadPosition.TOP_LEFT)
    for filter_name in sorted(set(Interpolation) - {own.interpolation}):
        yield one("resize_interpolation", part, "interpolation", filter_name, interpolation=filter_name.value)
    yield one("small_image_not_upscaled", part, "scale_up", value=False)
    yield one("exif_orientation", part, "exif", ExifPolicy.IGNORE)
    yield at_cut("layout_nhwc_nchw", Cut.INPUT, "striped")
    yield from other_sizes(own)


def other_order(own: Preprocess) -> ChannelOrder:
    """The channel order that the network does not expect."""
    return ChannelOrder.RGB if own.channel_order is ChannelOrder.BGR else ChannelOrder.BGR


def pixel_values(own: Preprocess) -> Iterator[Suspect]:
    """Another range, another normalisation, whole numbers."""
    part = "preprocess"
    yield from (one("value_range_255", part, "divisor", divisor, divisor=divisor) for divisor in (1.0, own.divisor**2))
    for constants, step in (("ImageNet", 1), ("ImageNet in BGR order", -1)):
        values = ((part, "mean", IMAGENET_MEAN[::step]), (part, "std", IMAGENET_STD[::step]))
        yield Suspect("mean_std_mismatch", values, parameters=(("constants", constants),))
    yield at_cut("integer_division_or_dtype", Cut.INPUT, "whole_numbers")


def other_sizes(own: Preprocess) -> Iterator[Suspect]:
    """The network at other sizes of its stride."""
    sides = {max(own.size), *(max(round(max(own.size) * share / own.stride), 1) * own.stride for share in SIZES)}
    yield from (network_size(side) for side in sorted(sides) if side <= LARGEST_TRIED and (side, side) != own.size)


def network_size(side: int) -> Suspect:
    """A square network of another side."""
    return one("wrong_imgsz", "preprocess", "size", (side, side), side_px=side)


def pad_value(value: int) -> Suspect:
    """Another gray of the padding."""
    return one("pad_value", "preprocess", "pad_value", (value,) * 3, pad_value=value)


def score_readings() -> Iterator[Suspect]:
    """What can have gone wrong with the raw head so that scores or classes are others."""
    yield one("double_sigmoid", "head", "activation", Activation.SIGMOID)
    yield one("missing_sigmoid", "head", "activation", Activation.LOGIT)
    yield at_cut("output_layout_not_transposed", Cut.OUTPUT, "reshaped")
    yield at_cut("v5_style_decode_on_v8", Cut.OUTPUT, "first_class_as_objectness")
    yield at_cut("int8_io_not_dequantised", Cut.OUTPUT, "integers")
    yield one_scale(LARGEST_BYTE)
    yield from precisions()


def one_scale(steps: int) -> Suspect:
    """Boxes and scores on one grid."""
    return at_cut("int8_head_concat_one_scale", Cut.OUTPUT, "one_scale", float(steps))


def precisions() -> Iterator[Suspect]:
    """Numbers of fewer bits."""
    yield at_cut("fp16_precision", Cut.OUTPUT, "half")
    yield at_cut("bf16_or_fp16_plugin_default", Cut.OUTPUT, "bfloat")


def box_readings() -> Iterator[Suspect]:
    """What can have gone wrong with the raw head that leaves all scores and classes as they are."""
    yield at_cut("decode_not_in_graph", Cut.OUTPUT, "undecoded")
    yield at_cut("head_tensor_order", Cut.OUTPUT, "strides_reversed")
    yield from precisions()


def relabelling(table: tuple[int, ...], fault: str, **parameters: float | str) -> Suspect:
    """Labels by a table from the reference's class indices to the candidate's."""
    return at_cut(fault, Cut.LABELS, "table", *map(float, table), **parameters)


def coordinate_choices(spec: PipelineSpec) -> Iterator[tuple[Suspect | None, ...]]:
    """What can have gone wrong with the boxes after the raw head: of every line one or none."""
    other = BoxFormat.XYXY if spec.head.box_format is BoxFormat.XYWH else BoxFormat.XYWH
    yield None, one("xywh_vs_xyxy", "head", "box_format", other)
    units = {BoxUnits.NORMALISED: "multiplied once too often", BoxUnits.DIVIDED: "divided once too often"}
    yield None, *(one("boxes_normalised", "head", "box_units", unit, scale=how) for unit, how in units.items())
    yield None, *geometries(), *pad_roundings()
    yield None, one("clip_missing_or_extra", "restore", "clip", not spec.restore.clip)
    yield None, one("int_cast_boxes", "restore", "integer", value=True)
    yield None, *(at_cut("pixel_plus_one_convention", Cut.BOXES, "offset", *pair, offset_px=max(pair, key=abs)) for pair in CORNER_OFFSETS)


def pad_roundings() -> Iterator[Suspect]:
    """The padding computed again, or taken from the other side."""
    for rounding in PadRounding:
        yield one("pad_rounding_1px", "restore", "pad_rounding", rounding)


def geometries() -> Iterator[Suspect]:
    """Boxes restored by another geometry than that of the preprocessing."""
    wrong = {RestoreGeometry.STRETCH: "each axis alone", RestoreGeometry.NO_PAD: "padding left in", RestoreGeometry.NETWORK: "none"}
    for geometry, how in wrong.items():
        yield one("unletterbox_missing_or_wrong", "restore", "geometry", geometry, restored=how)
    computed = {RestoreGeometry.LETTERBOX: "unletterbox_missing_or_wrong", RestoreGeometry.SWAPPED: "hw_swapped"}
    for geometry, name in computed.items():
        for rounding in (PadRounding.APPLIED, PadRounding.RATIO):
            values = (("restore", "geometry", geometry), ("restore", "pad_rounding", rounding))
            yield Suspect(name, values, parameters=LETTERBOXED if geometry is RestoreGeometry.LETTERBOX else ())
