"""Every fault of the catalogue that a model file can bring along, or that its declared pipeline can: plain data, made on demand.

The table of faults and the tests of the white box plant from the same list. What is made depends on nothing but the export, the
checkpoint and a few network inputs, so that the same list runs on other weights and sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diagnose import edited_onnx as graph
from onnxruntime.quantization import QuantType

from parity.backends.quiet import quiet_torch
from parity.convert.ultralytics_export import export
from parity.images import read_image
from parity.models import Checkpoint
from parity.preprocess import preprocess
from parity.spec import ChannelOrder, Fit, Interpolation, PadPosition, PipelineSpec, Preprocess

CALIBRATED_ON = 4  # images; with two, one scale a kernel is not told from the rounding of the ranges
SHARE = 0.05  # of a layer's standard deviation, by which the weights of another epoch are off
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@dataclass(frozen=True, eq=False)
class Bench:
    """What files are made from: a checkpoint, its export as another tool would have left it, and images to calibrate on."""

    checkpoint: Checkpoint
    plain: Path
    side: int
    images: Sequence[Path]

    @cached_property
    def tensors(self) -> list[np.ndarray]:
        """Network inputs to calibrate on."""
        size = Preprocess(size=(self.side, self.side))
        return [preprocess(read_image(image), size).tensor for image in self.images[:CALIBRATED_ON]]

    @cached_property
    def exportable(self) -> Any:
        """The network as its exporter prepares it."""
        network: Any = deepcopy(self.checkpoint.network)
        network.model[-1].export, network.model[-1].format, network.model[-1].dynamic = True, "onnx", False
        network(torch.zeros(1, 3, self.side, self.side))
        return network


def plain_export(checkpoint: Checkpoint, side: int, folder: Path) -> Path:
    """The exported detector as Ultralytics leaves it."""
    export(checkpoint, folder / "plain.onnx", format_name="onnx", size=(side, side), dynamic=False)
    return folder / "plain.onnx"


def saved(model: onnx.ModelProto, path: Path) -> Path:
    """The path of a stored model."""
    onnx.save(model, path)
    return path


# Ways to make a file


Make = Callable[[Bench, Path], Path]  # the folder to make it in


def healthy(bench: Bench, folder: Path) -> Path:
    """The healthy export."""
    del folder
    return bench.plain


def edited(bench: Bench, folder: Path, *, edit: graph.Edit) -> Path:
    """The export with its graph edited."""
    model = onnx.load(bench.plain)
    edit(model)
    return saved(model, folder / "edited.onnx")


def halved(bench: Bench, folder: Path) -> Path:
    """The export in float16, by ONNX Runtime's own converter."""
    return saved(graph.halved(onnx.load(bench.plain)), folder / "halved.onnx")


def quantised(bench: Bench, folder: Path, *, part: str = "", factor: float = 1.0, **options: Any) -> Path:
    """A really quantised file: ``part`` is the head, the body or the joined output, calibrated on inputs times a factor."""
    model, tensors = onnx.load(bench.plain), [each * np.float32(factor) for each in bench.tensors]
    joined = {"nodes": [f"{graph.head(model)}/Concat_3"], "operators": ("Concat",)}
    chosen = joined if part == "joined" else {"nodes": graph.convolutions(model, in_head=part == "head")}
    graph.quantise(bench.plain, folder / "quantised.onnx", tensors, **chosen, **options)
    return folder / "quantised.onnx"


def traced(bench: Bench, folder: Path, *, change: Callable[[Any], torch.nn.Module] | None = None) -> Path:
    """TorchScript of the network, or of what becomes of it."""
    network = change(bench.exportable) if change else bench.exportable
    with quiet_torch():
        script = torch.jit.trace(network, torch.zeros(1, 3, bench.side, bench.side), strict=False, check_trace=False)
        torch.jit.save(script, folder / "traced.torchscript")
    return folder / "traced.torchscript"


def retrained(bench: Bench, folder: Path, *, change: Callable[[Any], torch.nn.Module]) -> Path:
    """Another checkpoint with the network changed."""
    content = torch.load(bench.checkpoint.path, map_location="cpu", weights_only=False)
    content |= {"model": change(content.get("ema") or content["model"]), "ema": None}
    torch.save(content, folder / "retrained.pt")
    return folder / "retrained.pt"


def averaged(bench: Bench, folder: Path) -> Path:
    """The checkpoint with its weights as the raw ones of the last step, and averaged ones beside them."""
    content = torch.load(bench.checkpoint.path, map_location="cpu", weights_only=False)
    raw = content.get("ema") or content["model"]
    torch.save(content | {"model": raw, "ema": moved(raw)}, folder / "last.pt")
    return folder / "last.pt"


class Normalised(torch.nn.Module):
    """A network that normalises its input itself."""

    def __init__(self, network: torch.nn.Module, mean: float | list[float], std: float | list[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The network's answer to a normalised image (1, 3, H, W)."""
        output = self.network((image - self.mean) / self.std)
        return output[0] if isinstance(output, tuple) else output


def imagenet(network: torch.nn.Module) -> torch.nn.Module:
    """ImageNet's constants in front of the network."""
    return Normalised(network, *IMAGENET)


def bytes_again(network: torch.nn.Module) -> torch.nn.Module:
    """A second division by 255 in front of the network."""
    return Normalised(network, 0.0, 255.0)


def moved(network: torch.nn.Module) -> torch.nn.Module:
    """A copy with every weight changed a little."""
    other, generator = deepcopy(network), torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in other.parameters():
            noise = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
            parameter.add_(noise * SHARE * (parameter.std() if parameter.numel() > 1 else 0))
    return other


def shuffled(network: torch.nn.Module) -> torch.nn.Module:
    """A copy with the numbers of every layer in another order."""
    other, generator = deepcopy(network), torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.copy_(parameter.flatten()[torch.randperm(parameter.numel(), generator=generator)].reshape(parameter.shape))
    return other


# What is planted


@dataclass(frozen=True, slots=True)
class FilePlant:
    """Faults of one file: how it is made, the fields of its declared pipeline that are wrong, and a reference of its own, if any.

    ``proven`` is the status and the counterfactual that the file's own network should be named with, ``alike`` are the faults that
    leave the same file.
    """

    faults: tuple[str, ...]
    variant: str
    make: Make = healthy
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reference: Make | None = None
    proven: tuple[str, str] = ("confirmed", "restore")
    alike: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The faults with the variant."""
        return f"{' + '.join(self.faults) or 'healthy'}[{self.variant}]"

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """Every name that counts as each fault's."""
        return tuple(tuple(sorted({name, *self.alike})) for name in self.faults)

    def spec(self, right: PipelineSpec) -> PipelineSpec:
        """The pipeline that is declared for the file."""
        return replace(right, **{part: replace(getattr(right, part), **fields) for part, fields in self.declared.items()})


def of_graph(fault: str, edit: graph.Edit, *, method: str = "restore", alike: Sequence[str] = ()) -> FilePlant:
    """A fault of an edited graph."""
    made, variant = partial(edited, edit=edit), edit.__name__.replace("_", " ")
    return FilePlant((fault,), variant, made, proven=("confirmed", method), alike=frozenset(alike))


EDGES = (
    of_graph("channel_order_bgr", graph.blue_first),
    of_graph("graph_and_host_both_preprocess", graph.divides_again),
    of_graph("graph_and_host_both_preprocess", graph.normalises_again),
    of_graph("value_range_255", graph.trained_on_bytes),
    of_graph("double_sigmoid", graph.second_sigmoid),
    of_graph("missing_sigmoid", graph.no_sigmoid),
    of_graph("xywh_vs_xyxy", graph.corners),
    of_graph("boxes_normalised", graph.shares),
    of_graph("class_names_order", graph.other_classes),
    of_graph("class_names_order", graph.other_names),
    of_graph("head_tensor_order", graph.levels_of_scores),
    of_graph("head_tensor_order", graph.levels_of_boxes),
    of_graph("decode_not_in_graph", graph.undecoded),
    of_graph("wrong_tuple_element", graph.another_first),
)
LAYERS = (
    of_graph("train_mode_export", graph.batch_statistics),
    of_graph("run_to_run_nondeterminism", graph.noise),
    of_graph("ort_graph_optimisation", graph.lost_in_fusion),
    of_graph("resize_coord_mode", graph.half_pixel),
    of_graph("ceil_mode_pool", graph.pooled_off_centre),
    of_graph("dfl_axis_or_bins", graph.bins_first),
)
WEIGHTS = (
    of_graph("stale_artifact", graph.trained_on, alike=("ema_vs_raw_weights",)),
    of_graph("wrong_checkpoint", graph.of_another_training),
    of_graph("reparam_or_fuse_wrong", graph.head_fused_twice),
    of_graph("onnx_simplifier_bug", graph.one_bias),
    of_graph("dynamo_exporter_bug", graph.one_bias_by_dynamo),
)
PRECISION = (
    of_graph("fp16_precision", graph.half_output, method="reproduce"),
    of_graph("bf16_or_fp16_plugin_default", graph.brain_output, method="reproduce"),
    FilePlant(("fp16_precision",), "whole network", halved),
)
SIGNED = {"activation_type": QuantType.QInt8}  # which no processor saturates
FINE = {"activation_type": QuantType.QUInt16}
PARTLY = ("partial", "restore")
INT8 = tuple(
    FilePlant((fault,), variant, partial(quantised, part=part, **options), proven=PARTLY)
    for fault, variant, part, options in (
        ("int8_head_concat_one_scale", "joined output", "joined", {}),
        ("int8_head_quantised", "head", "head", SIGNED),
        ("int8_calibration_bad", "calibrated on bytes", "body", {"factor": 255.0, **SIGNED}),
        ("int8_per_tensor_weights", "one scale a kernel", "body", {"per_channel": False, **FINE}),
        ("int8_symmetric_silu", "symmetric", "body", {"extra_options": {"ActivationSymmetric": True}, **SIGNED}),
    )
)
SATURATED = FilePlant(("u8s8_saturation",), "unsigned", partial(quantised, part="body", activation_type=QuantType.QUInt8), proven=PARTLY)
SCRIPTS = (
    FilePlant(("mean_std_mismatch",), "TorchScript", partial(traced, change=imagenet)),
    FilePlant(("value_range_255",), "TorchScript", partial(traced, change=bytes_again)),
    FilePlant(("stale_artifact",), "TorchScript", partial(traced, change=moved), alike=frozenset({"ema_vs_raw_weights"})),
)
CHECKPOINTS = (
    FilePlant(("stale_artifact",), "checkpoint", partial(retrained, change=moved), alike=frozenset({"ema_vs_raw_weights"})),
    FilePlant(("wrong_checkpoint",), "checkpoint", partial(retrained, change=shuffled)),
    FilePlant(("ema_vs_raw_weights",), "of the checkpoint", reference=averaged, proven=("confirmed", "reproduce")),
)
IN_FILES = (*EDGES, *LAYERS, *WEIGHTS, *PRECISION, *INT8, SATURATED, *SCRIPTS, *CHECKPOINTS)


def wrong(faults: Sequence[str], **declared: Mapping[str, Any]) -> FilePlant:
    """A healthy file whose declared pipeline has wrong fields."""
    said = ", ".join(f"{name} {value}" for fields in declared.values() for name, value in fields.items())
    return FilePlant(tuple(faults), f"declared: {said}", declared=declared, proven=("confirmed", "reproduce"))


DECLARED = (
    wrong(["stretch_instead_of_letterbox"], preprocess={"fit": Fit.STRETCH}),
    wrong(["channel_order_bgr"], preprocess={"channel_order": ChannelOrder.BGR}),
    wrong(["nms_iou_threshold"], suppress={"iou": 0.52}),
    wrong(["pad_value"], preprocess={"pad_value": (97, 97, 97)}),
    wrong(["pad_position"], preprocess={"pad_position": PadPosition.TOP_LEFT}),
    wrong(["class_agnostic_vs_per_class"], suppress={"class_agnostic": True}),
    wrong(["resize_interpolation"], preprocess={"interpolation": Interpolation.AREA}),
    wrong(["stretch_instead_of_letterbox", "nms_iou_threshold"], preprocess={"fit": Fit.STRETCH}, suppress={"iou": 0.52}),
    wrong(["pad_value", "nms_iou_threshold"], preprocess={"pad_value": (97, 97, 97)}, suppress={"iou": 0.52}),
    wrong(["channel_order_bgr", "pad_value"], preprocess={"channel_order": ChannelOrder.BGR, "pad_value": (97, 97, 97)}),
)
HEALTHY = (FilePlant((), "ONNX"), FilePlant((), "TorchScript", traced))
FILE_PLANTS = (*HEALTHY, *IN_FILES, *DECLARED)
