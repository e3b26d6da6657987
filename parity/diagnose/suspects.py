"""The faults that can be simulated, each as a change of the pipeline's value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from parity.spec import (
    Activation,
    BoxFormat,
    ChannelOrder,
    ExifPolicy,
    Fit,
    Interpolation,
    PadPosition,
    PadRounding,
    PipelineSpec,
    RestoreGeometry,
)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PAD_VALUES = (0, 32, 64, 80, 96, 106, 122, 128, 144, 160, 192, 224, 255)
CLASS_OFFSETS = (-1, 1)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A fault of the catalogue with its parameters, as new values of fields in one part of the spec."""

    fault: str
    part: str
    values: tuple[tuple[str, Any], ...]
    parameters: tuple[tuple[str, float | str], ...] = ()

    def applied(self, spec: PipelineSpec) -> PipelineSpec:
        """The spec with the fault in it."""
        changed: PipelineSpec = replace(spec, **{self.part: replace(getattr(spec, self.part), **dict(self.values))})
        return changed


def with_all(spec: PipelineSpec, suspects: tuple[Suspect, ...]) -> PipelineSpec:
    """The spec with every one of the faults in it."""
    for suspect in suspects:
        spec = suspect.applied(spec)
    return spec


def one(fault: str, part: str, field: str, value: Any, **parameters: float | str) -> Suspect:
    """A suspect of one field."""
    return Suspect(fault, part, ((field, value),), tuple(parameters.items()))


def preprocessing(spec: PipelineSpec) -> Iterator[Suspect]:
    """What can have gone wrong before the network, for a reference of this spec."""
    part, own = "preprocess", spec.preprocess
    order = ChannelOrder.RGB if own.channel_order is ChannelOrder.BGR else ChannelOrder.BGR
    yield one("stretch_instead_of_letterbox", part, "fit", Fit.STRETCH)
    yield one("rect_vs_square_letterbox", part, "fit", Fit.RECT)
    yield one("channel_order_bgr", part, "channel_order", order)
    yield from (one("value_range_255", part, "divisor", divisor, divisor=divisor) for divisor in (1.0, own.divisor**2))
    yield Suspect("mean_std_mismatch", part, (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)), (("constants", "ImageNet"),))
    yield from (pad_value(value) for value in PAD_VALUES)
    yield one("pad_position", part, "pad_position", PadPosition.TOP_LEFT)
    for filter_name in set(Interpolation) - {own.interpolation}:
        yield one("resize_interpolation", part, "interpolation", filter_name, interpolation=filter_name.value)
    yield one("small_image_not_upscaled", part, "scale_up", value=False)
    yield one("exif_orientation", part, "exif", ExifPolicy.IGNORE)


def pad_value(value: int) -> Suspect:
    """Another gray of the padding."""
    return one("pad_value", "preprocess", "pad_value", (value,) * 3, pad_value=value)


def activations() -> Iterator[Suspect]:
    """What can have gone wrong with the scores."""
    yield one("double_sigmoid", "head", "activation", Activation.SIGMOID)
    yield one("missing_sigmoid", "head", "activation", Activation.LOGIT)


def class_offsets(spec: PipelineSpec) -> Iterator[Suspect]:
    """Labels that count from another number; the head subtracts its offset."""
    for offset in CLASS_OFFSETS:
        yield one("class_map_80_91_or_offset", "head", "class_offset", spec.head.class_offset - offset, offset=offset)


def coordinates(spec: PipelineSpec) -> Iterator[Suspect]:
    """What can have gone wrong with the boxes after the network."""
    if spec.head.box_format is BoxFormat.XYWH:
        yield one("xywh_vs_xyxy", "head", "box_format", BoxFormat.XYXY)
    geometries = {RestoreGeometry.STRETCH: "each axis alone", RestoreGeometry.NO_PAD: "padding left in", RestoreGeometry.NETWORK: "none"}
    for geometry, how in geometries.items():
        yield one("unletterbox_missing_or_wrong", "restore", "geometry", geometry, restored=how)
    yield one("pad_rounding_1px", "restore", "pad_rounding", PadRounding.EXACT)
    yield one("clip_missing_or_extra", "restore", "clip", not spec.restore.clip)
    yield one("int_cast_boxes", "restore", "integer", value=True)
