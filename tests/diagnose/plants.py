"""Every fault of the catalogue that detections alone can show, planted in the independent pipeline: plain data.

Values lie off any grid that a search would try. Sizes follow the network's side and classes the checkpoint's number of them, so that
the same table runs on other weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from independent_pipeline import (
    bfloat,
    first_of_batch,
    half_precision,
    integers,
    late,
    of_another_image,
    one_scale,
    out_of_time,
    renamed,
    strides_reversed,
    undecoded,
)

if TYPE_CHECKING:
    from independent_pipeline import Network, Row

    NetworkChange = Callable[[Network], Network]
    RowsChange = Callable[[Sequence[list[Row]]], list[list[Row]]]  # of the detections of every image, in order

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
IMAGENET_BLUE_FIRST = {"mean": (0.406, 0.456, 0.485), "std": (0.225, 0.224, 0.229)}
NOT_COCO = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)  # the ids between 1 and 90 that COCO's 80 classes do not use
COCO_91 = dict(enumerate(number for number in range(1, 91) if number not in NOT_COCO))
FIRST_GAP = NOT_COCO[0] - 1  # below so many classes the map to 91 ids is an offset of one
SOME_CLASSES = 3


@dataclass(frozen=True, slots=True)
class Plant:
    """One fault: what is set otherwise around the network, what becomes of its output and of the lists of detections.

    ``expected`` are the parameters that a diagnosis should find, ``alike`` the faults that leave the same detections, so that a
    diagnosis may give their names instead, ``hidden_on`` where this variant cannot be seen, if not where the fault cannot.
    """

    fault: str
    variant: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    network: NetworkChange | None = None
    rows: RowsChange | None = None
    expected: Mapping[str, float | str] = field(default_factory=dict)
    alike: frozenset[str] = frozenset()
    hidden_on: str = ""

    @property
    def id(self) -> str:
        """The fault with its variant."""
        return f"{self.fault}[{self.variant}]" if self.variant else self.fault

    @property
    def names(self) -> frozenset[str]:
        """Every name that counts as this fault's."""
        return self.alike | {self.fault}

    @property
    def touches(self) -> frozenset[str]:
        """The fields that it changes; plants together in one pipeline have none in common."""
        changes = {"network": self.network, "rows": self.rows}
        return frozenset(self.settings) | {name for name, change in changes.items() if change is not None}


def plants(side: int, classes: int) -> tuple[Plant, ...]:
    """Every plant for a network of this side in pixels and this number of classes."""
    return (*preprocessing(side), *decoding(side), *suppression(), *coordinates(), *labels(classes), *runs(), *precision())


def preprocessing(side: int) -> tuple[Plant, ...]:
    """Image to network input."""
    return (
        Plant("rect_vs_square_letterbox", settings={"fit": "rect"}),
        Plant("stretch_instead_of_letterbox", settings={"fit": "stretch"}),
        Plant("channel_order_bgr", settings={"channels": "bgr"}),
        *(setting("value_range_255", "divisor", value, divisor=value) for value in (1.0, 255.0**2)),
        Plant("mean_std_mismatch", "ImageNet", IMAGENET, expected={"constants": "ImageNet"}),
        Plant("mean_std_mismatch", "ImageNet, blue first", IMAGENET_BLUE_FIRST, expected={"constants": "ImageNet in BGR order"}),
        *(setting("wrong_imgsz", "side", round(side * share), side_px=round(side * share)) for share in (0.8, 1.1, 1.3)),
        Plant("exif_orientation", settings={"exif": False}),
        Plant("jpeg_decoder", settings={"reader": "pillow"}, hidden_on="images that both libraries decode alike, as libjpeg-turbo twice"),
        *(setting("resize_interpolation", "interpolation", name, interpolation=name) for name in FILTERS),
        *(setting("pad_value", "pad", value, pad_value=value) for value in (0, 97, 255)),
        Plant("pad_position", settings={"pad_position": "top_left"}),
        *(
            Plant("hw_swapped", f"{where}d, {gain}", {"swapped": where, "unletterbox": way})
            for where in ("resize", "restore")
            for gain, way in GAINS
        ),
        Plant("layout_nhwc_nchw", settings={"input_layout": "reshape"}),
        Plant("integer_division_or_dtype", settings={"integer_division": True}),
        Plant("small_image_not_upscaled", settings={"scale_up": False}),
    )


GAINS = (("one gain", "letterbox"), ("a gain for each axis", "inverse"))
FILTERS = ("area", "cubic", "nearest", "pil_bilinear")


def decoding(side: int) -> tuple[Plant, ...]:
    """Network output to boxes and scores."""
    return (
        Plant("output_layout_not_transposed", settings={"output_layout": "reshape"}),
        Plant("double_sigmoid", settings={"sigmoids": 1}),
        Plant("missing_sigmoid", settings={"sigmoids": -1}),
        Plant("v5_style_decode_on_v8", settings={"objectness": True}),
        Plant("xywh_vs_xyxy", settings={"box_format": "xyxy"}),
        Plant("boxes_normalised", "not scaled", {"box_scale": 1 / side}, expected={"scale": "divided once too often"}),
        Plant("boxes_normalised", "scaled twice", {"box_scale": float(side)}, expected={"scale": "multiplied once too often"}),
        Plant("decode_not_in_graph", network=undecoded),
        Plant("head_tensor_order", network=strides_reversed),
    )


def suppression() -> tuple[Plant, ...]:
    """Which boxes are kept."""
    return (
        *(setting("nms_iou_threshold", "iou", value, iou=value) for value in (0.52, 0.83)),
        setting("conf_threshold", "confidence", 0.37, confidence=0.37),
        Plant("conf_threshold", "0.1", {"confidence": 0.1}, hidden_on="every image: a gate cuts both sides at the reference's confidence"),
        Plant("class_agnostic_vs_per_class", settings={"agnostic": True}),
        Plant("multi_label", settings={"multi_label": True}),
        setting("topk_max_det_caps", "max_detections", 7, max_detections=7),
        Plant("topk_max_det_caps", "17 before NMS", {"max_candidates": 17}),
        Plant("end2end_or_embedded_nms_mismatch", "no NMS", {"nms": False}, alike=frozenset({"nms_iou_threshold"})),
        Plant(
            "iou_conf_args_swapped",
            settings={"iou": 0.25, "confidence": 0.7},
            alike=frozenset({"nms_iou_threshold", "conf_threshold"}),
        ),
    )


def coordinates() -> tuple[Plant, ...]:
    """Network coordinates to image coordinates."""
    ways = {"stretch": "each axis alone", "no_pad": "padding left in", "none": "none"}
    return (
        *(Plant("unletterbox_missing_or_wrong", way, {"unletterbox": way}, expected={"restored": how}) for way, how in ways.items()),
        *(Plant("pad_rounding_1px", way, {"unletterbox": way}) for way in ("exact_pad", "other_pad")),
        Plant("clip_missing_or_extra", settings={"clip": False}),
        Plant("int_cast_boxes", settings={"integer": True}),
        *(
            Plant("pixel_plus_one_convention", str(pair), {"corner_offset": pair}, expected={"offset_px": max(pair, key=abs)})
            for pair in ((0, 1), (0.5, 0.5), (-1, -1))
        ),
    )


def labels(classes: int) -> tuple[Plant, ...]:
    """Class indices to the numbers and names that are written."""
    offset = "class_map_80_91_or_offset"
    found = [setting(offset, "class_offset", by, offset=by) for by in (-1, 1)]
    if classes > FIRST_GAP:
        found.append(Plant(offset, "91 ids", rows=partial(renamed, classes=COCO_91), expected={"offset": "COCO's 91 ids for indices"}))
    if classes >= SOME_CLASSES:
        found.append(Plant("class_names_order", "two exchanged", rows=partial(renamed, classes={0: 2, 2: 0})))
        found.append(Plant("class_names_order", "three in turn", rows=partial(renamed, classes={0: 2, 1: 0, 2: 1})))
    return tuple(found)


def runs() -> tuple[Plant, ...]:
    """A run over many images."""
    batch, limit = "batch_gt1_broken", "nms_time_limit"
    return (
        Plant(batch, "4, others empty", rows=partial(first_of_batch, size=4), expected={"batch": 4}, alike=frozenset({limit})),
        Plant(batch, "4, copies", rows=partial(first_of_batch, size=4, copies=True), expected={"batch": 4}),
        Plant(limit, "from the 4th of 8", rows=partial(out_of_time, size=8, after=3), expected={"batch": 8}),
        Plant("buffer_reuse_or_early_free", network=late),
        *(Plant("eval_image_order", f"by {by}", rows=partial(of_another_image, by=by)) for by in (1, 3)),
    )


def precision() -> tuple[Plant, ...]:
    """What the network's own output loses."""
    return (
        Plant("fp16_precision", network=half_precision),
        Plant("bf16_or_fp16_plugin_default", network=bfloat),
        Plant("int8_head_concat_one_scale", "255 steps", network=one_scale),
        Plant("int8_head_concat_one_scale", "2000 steps", network=partial(one_scale, steps=2000)),
        Plant("int8_io_not_dequantised", network=integers),
    )


def setting(fault: str, name: str, value: Any, **expected: float | str) -> Plant:
    """A plant of one setting, which is its variant."""
    return Plant(fault, str(value), {name: value}, expected=expected)


def compatible(one: Plant, other: Plant) -> bool:
    """Whether two plants can stand in one pipeline without one overwriting the other."""
    return one.fault != other.fault and not one.touches & other.touches


def together(planted: Sequence[Plant]) -> dict[str, Any]:
    """The settings of several plants."""
    return dict(chain.from_iterable(plant.settings.items() for plant in planted))
