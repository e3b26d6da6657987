"""Faults that a candidate's spec has or may have: undone by giving its network another pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from parity.diagnose.naming import Named
from parity.diagnose.suspects import Suspect, Suspects, other_order
from parity.diagnose.trials import Restoration, Trial, Variant
from parity.spec import Activation, BoxUnits, Fit, PipelineSpec, Suppressor

Values = tuple[tuple[str, Any], ...]  # new values of fields, by their names
Parameters = dict[str, float | str]
UNSCALED = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # mean and standard deviation that change nothing
ON_BYTES = 1.0


@dataclass(frozen=True, slots=True)
class Field:
    """Fields of a part of the spec that are one fault, by ``fault_of`` the candidate's and the reference's part."""

    part: str
    names: tuple[str, ...]
    fault_of: Callable[[Any, Any], tuple[str, Parameters]]


def always(fault: str, parameter: str = "", name: str = "") -> Callable[[Any, Any], tuple[str, Parameters]]:
    """One fault, whatever the values are; its parameter is the candidate's value of the field ``name``."""

    def fault_of(candidate: Any, _: Any) -> tuple[str, Parameters]:
        return fault, {parameter: plain(getattr(candidate, name))} if parameter else {}

    return fault_of


def plain(value: Any) -> float | str:
    """A value of a spec as a parameter."""
    return max(value) if isinstance(value, tuple) else float(value) if isinstance(value, int | float) else str(value)


def fit_fault(candidate: Any, reference: Any) -> tuple[str, Parameters]:
    """What another way to fit the image is called: twice where the reference leaves it to the graph."""
    if reference.fit is Fit.NATIVE:
        return "graph_and_host_both_preprocess", {}
    names = {Fit.STRETCH: "stretch_instead_of_letterbox", Fit.SWAPPED: "hw_swapped"}
    return names.get(candidate.fit, "rect_vs_square_letterbox"), {}


def normalisation_fault(candidate: Any, reference: Any) -> tuple[str, Parameters]:
    """What another mean is called: a second one where the reference leaves it to the graph."""
    if (reference.mean, reference.std) == UNSCALED and reference.fit is Fit.NATIVE:
        return "graph_and_host_both_preprocess", {}
    return "mean_std_mismatch", {"constants": f"{candidate.mean}, {candidate.std}"}


def activation_fault(candidate: Any, _: Any) -> tuple[str, Parameters]:
    """What another activation is called."""
    return "double_sigmoid" if candidate.activation is Activation.SIGMOID else "missing_sigmoid", {}


def offset_fault(candidate: Any, reference: Any) -> tuple[str, Parameters]:
    """Labels counted from another number, by how much they come out larger."""
    return "class_map_80_91_or_offset", {"offset": reference.class_offset - candidate.class_offset}


def units_fault(candidate: Any, _: Any) -> tuple[str, Parameters]:
    """Boxes scaled once more, or once less."""
    once = "multiplied" if candidate.box_units is BoxUnits.NORMALISED else "divided"
    return "boxes_normalised", {"scale": f"{once} once too often"}


FIELDS = (
    Field("preprocess", ("fit", "size"), fit_fault),
    Field("preprocess", ("size",), always("wrong_imgsz", "side_px", "size")),
    Field("preprocess", ("mean", "std"), normalisation_fault),
    Field("preprocess", ("divisor",), always("value_range_255", "divisor", "divisor")),
    Field("preprocess", ("channel_order",), always("channel_order_bgr")),
    Field("preprocess", ("pad_value",), always("pad_value", "pad_value", "pad_value")),
    Field("preprocess", ("pad_position",), always("pad_position")),
    Field("preprocess", ("interpolation",), always("resize_interpolation", "interpolation", "interpolation")),
    Field("preprocess", ("scale_up",), always("small_image_not_upscaled")),
    Field("preprocess", ("exif",), always("exif_orientation")),
    Field("head", ("class_offset",), offset_fault),
    Field("head", ("box_units",), units_fault),
    Field("head", ("box_format",), always("xywh_vs_xyxy")),
    Field("head", ("activation",), activation_fault),
    Field("suppress", ("confidence",), always("conf_threshold", "confidence", "confidence")),
    Field("suppress", ("max_detections",), always("topk_max_det_caps", "max_detections", "max_detections")),
    Field("suppress", ("iou",), always("nms_iou_threshold", "iou", "iou")),
    Field("suppress", ("class_agnostic",), always("class_agnostic_vs_per_class")),
    Field("suppress", ("multi_label",), always("multi_label")),
    Field("restore", ("geometry",), always("unletterbox_missing_or_wrong", "restored", "geometry")),
    Field("restore", ("pad_rounding",), always("pad_rounding_1px")),
    Field("restore", ("clip",), always("clip_missing_or_extra")),
    Field("restore", ("integer",), always("int_cast_boxes")),
)


def declared_suspects(reference: PipelineSpec, candidate: PipelineSpec) -> Suspects:
    """Every field that a candidate's spec has otherwise, as a suspect that puts the candidate's value into the reference's."""
    return tuple(
        Suspect(fault, tuple((field.part, name, getattr(theirs, name)) for name, _ in changed), parameters=tuple(parameters.items()))
        for field, changed, theirs, (fault, parameters) in differing(reference, candidate)
    )


Differing = tuple[Field, Values, Any, tuple[str, Parameters]]


def differing(own: PipelineSpec, other: PipelineSpec) -> Iterator[Differing]:
    """The fields of a candidate's spec that the reference's has otherwise: the reference's values, the candidate's part, and the fault."""
    for field in FIELDS:
        mine, theirs = getattr(own, field.part), getattr(other, field.part)
        changed = tuple((name, getattr(mine, name)) for name in field.names if getattr(mine, name) != getattr(theirs, name))
        if changed and changed[0][0] == field.names[0] and matters(field, other, own):
            yield field, changed, theirs, field.fault_of(theirs, mine)


def declared(trial: Trial) -> Iterator[Restoration]:
    """Every field of the candidate's spec that the reference has otherwise, put back to the reference's."""
    own, other = trial.reference_side.pipeline.spec, trial.candidate.pipeline.spec
    for field, changed, theirs, (fault, parameters) in differing(own, other):
        yield restoration(field.part, changed, fault, parameters, f"{in_words(changed, theirs)} in its spec, as the reference has it")


def matters(field: Field, candidate: PipelineSpec, reference: PipelineSpec) -> bool:
    """Whether a field can be a fault: not the size of a network that resizes inside, nor the IoU of an NMS in the graph."""
    if field.names == ("size",):
        return reference.preprocess.fit is not Fit.NATIVE
    return field.names != ("iou",) or candidate.suppress.method is Suppressor.NMS


def in_words(changed: Values, part: Any) -> str:
    """The values put in, and those they replace."""
    return " and ".join(f"{name} {plain_text(value)} in place of {plain_text(getattr(part, name))}" for name, value in changed)


def plain_text(value: Any) -> str:
    """A value as a reader of a spec knows it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def misread(trial: Trial) -> Iterator[Restoration]:
    """What the network may want or give otherwise than its spec says: colours, value range, units of boxes, labels."""
    spec = trial.candidate.pipeline.spec
    order, ranges = other_order(spec.preprocess), {ON_BYTES, spec.preprocess.divisor**2} - {spec.preprocess.divisor}
    yield restoration("preprocess", (("channel_order", order),), "channel_order_bgr", {}, f"an input in the order {order}")
    for divisor in sorted(ranges):
        said, values = f"an input divided by {divisor:g} in place of {spec.preprocess.divisor:g}", (("divisor", divisor),)
        yield restoration("preprocess", values, "value_range_255", {"divisor": spec.preprocess.divisor}, said)
    for units in sorted(set(BoxUnits) - {BoxUnits.DIVIDED, spec.head.box_units}):
        fault, parameters = units_fault(spec.head, None)
        yield restoration("head", (("box_units", units),), fault, parameters, f"its boxes read as {units}, not {spec.head.box_units}")
    for offset in (1, -1):
        first = spec.head.class_offset + offset
        values, said = (("class_offset", first),), f"its labels counted from {first} in place of {spec.head.class_offset}"
        yield restoration("head", values, "class_map_80_91_or_offset", {"offset": offset}, said)


def restoration(part: str, values: Values, fault: str, parameters: Parameters, said: str) -> Restoration:
    """Fields of a part of the spec put to other values."""

    def undo(variant: Variant) -> Variant:
        changed = replace(getattr(variant.spec, part), **dict(values))
        return replace(variant, spec=replace(variant.spec, **{part: changed}))

    return Restoration((Named(fault, said, parameters),), undo, frozenset(f"{part}.{name}" for name, _ in values))
