"""An ONNX file in INT8: QDQ pairs by ONNX Runtime's quantiser, over ranges that were taken here, up to the head's arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto

from parity.backends.onnx_runtime import provider, start
from parity.backends.quiet import quiet_logs
from parity.convert.activation_ranges import Function, Range, Seen, Values, best_ranges, silu, together
from parity.convert.head_arithmetic import border, head_arithmetic
from parity.convert.object_points import Points, object_points, places
from parity.convert.weight_scales import scales
from parity.onnx_graph import initializers, silus
from parity.raw_heads import read_head

if TYPE_CHECKING:
    from parity.convert.int8_files import Ingredients

QUANTISED = frozenset({"Conv"})
# rounded between products as well, which is faster than to go through float: at 640, 1.47 times the float32 file against 1.18
ELEMENTWISE = ("Sigmoid", "Mul", "Add", "Concat", "Split", "MaxPool", "Resize")
VALUES_OF_AN_IMAGE = 2_000  # of each tensor
RANGES = (
    "least square error behind the activation, half of it where the network sees objects; weights by channel, scaled so that sums of two "
    "products fit in 16 bits, and rounded together for what each layer reads"
)
DEPENDS = (
    "its sums of products are made to fit in 16 bits, as ONNX Runtime adds them on x86 without VNNI; with VNNI or on another processor "
    "speed and rounding still differ: gate it there"
)
SEED = 0
MAP = 4  # dimensions


@dataclass(frozen=True, slots=True, eq=False)
class FloatGraph:
    """A float32 file that is to be quantised.

    ``layers`` are its learned products by name, in order, but for the ``last``, which only the head's arithmetic reads: they stay in
    float with it, as ``kept`` says. ``read_by`` is what reads a tensor, ``beside`` a layer's activation, which goes with the layer.
    """

    model: onnx.ModelProto
    layers: tuple[str, ...]
    last: tuple[str, ...]
    kept: frozenset[str]
    read_by: Mapping[str, Function]
    beside: Mapping[str, tuple[str, ...]]


def float_graph(file: Path) -> FloatGraph:
    """Read the graph of a float32 file."""
    model = onnx.shape_inference.infer_shapes(onnx.load(file))
    arithmetic = head_arithmetic(model.graph)
    read = set(border(arithmetic, model.graph))
    last = [node.name for node in model.graph.node if not read.isdisjoint(node.output)]
    kept = frozenset({node.name for node in arithmetic} | set(last))
    products = [node for node in model.graph.node if node.op_type in QUANTISED and node.name not in kept]
    activations = {each.product.name: (each.sigmoid.name, each.mul.name) for each in silus(model) if each.product.op_type in QUANTISED}
    read_by: dict[str, Function] = {node.output[0]: silu for node in products if node.name in activations}
    return FloatGraph(model, tuple(node.name for node in products), tuple(last), kept, read_by, activations)


def observe_tensors(made: Ingredients) -> Iterator[dict[str, Seen]]:
    """What every tensor of the graph holds for each calibration image, the input's among them."""
    generator = np.random.default_rng(SEED)
    for values in tensors_of(made.graph, float_tensors(made.graph.model), made.images, threads=made.threads):
        points = points_of(made, values, VALUES_OF_AN_IMAGE, generator)
        yield {name: seen(tensor, points, generator) for name, tensor in values.items()}


def points_of(made: Ingredients, values: Mapping[str, Values], count: int, generator: np.random.Generator) -> Points:
    """Points of an image that count (count, 2), by what the graph says of it."""
    spec, outputs = made.spec, tuple(values[each.name] for each in made.graph.model.graph.output)
    size = made.images[0].shape[2:]
    return object_points(
        read_head(outputs, spec.head, classes=len(spec.names), size=(size[0], size[1])), (size[0], size[1]), count, generator
    )


def tensors_of(graph: FloatGraph, names: Collection[str], images: Iterable[Values], *, threads: int | None) -> Iterator[dict[str, Values]]:
    """The named tensors for each image (1, 3, H, W), with the graph's input and outputs."""
    opened = onnx.ModelProto()
    opened.CopyFrom(graph.model)
    opened.graph.output.extend(each for each in graph.model.graph.value_info if each.name in names)
    outputs = [each.name for each in opened.graph.output]
    session, fed = open_graph(opened.SerializeToString(), threads=threads), graph.model.graph.input[0].name
    for image in images:
        yield dict(zip(outputs, session.run(outputs, {fed: image}), strict=True)) | {fed: image}


def float_tensors(model: onnx.ModelProto) -> frozenset[str]:
    """The names of all tensors between the nodes that hold float32."""
    made = {name for node in model.graph.node for name in node.output} - {each.name for each in model.graph.output}
    known = (each for each in model.graph.value_info if each.type.tensor_type.elem_type == TensorProto.FLOAT)
    return frozenset(each.name for each in known if each.name in made)


def seen(tensor: Values, points: Points, generator: np.random.Generator) -> Seen:
    """The extremes of a tensor, and one of its channels at each point; of what is no map, values from anywhere."""
    if tensor.ndim == MAP:
        rows, columns = places(points, tensor.shape[2:])
        chosen = tensor[0, generator.integers(tensor.shape[1], size=len(points)), rows, columns]
    else:
        chosen = tensor.ravel()[generator.integers(tensor.size, size=len(points))]
    return Seen(chosen, float(tensor.min()), float(tensor.max()))


def open_graph(model: bytes, *, threads: int | None = None) -> Any:
    """ONNX Runtime's session of a graph in memory."""
    return start(model, Path("the graph that is quantised"), provider=provider("cpu"), threads=threads)


def in_int8(graph: FloatGraph, ranges: Mapping[str, Range], weights: Mapping[str, Values], *, in_float: Collection[str]) -> onnx.ModelProto:
    """A copy of the graph that calculates in INT8 but for the nodes ``in_float``, with these weights in the other layers."""
    from onnxruntime.quantization import CalibrationMethod, QuantType  # noqa: PLC0415 - after ONNX Runtime itself
    from onnxruntime.quantization.calibrate import TensorsData  # noqa: PLC0415
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer  # noqa: PLC0415

    copy = with_weights(graph, {name: each for name, each in weights.items() if name not in in_float})
    ends = {name: (np.float32(each.low), np.float32(each.high)) for name, each in ranges.items()}
    with quiet_logs():
        quantiser = QDQQuantizer(
            copy,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, ends),
            nodes_to_quantize=[],
            nodes_to_exclude=sorted(in_float),
            op_types_to_quantize=[*sorted(QUANTISED), *ELEMENTWISE],
            extra_options={"TensorQuantOverrides": weight_overrides(graph, in_float)},
        )
        quantiser.quantize_model()
    made: onnx.ModelProto = quantiser.model.model
    made.metadata_props.extend(each for each in graph.model.metadata_props if each.key not in {entry.key for entry in made.metadata_props})
    return made


def with_weights(graph: FloatGraph, weights: Mapping[str, Values]) -> onnx.ModelProto:
    """A copy of the graph with other weights in some layers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph.model)
    given = {node.input[1]: weights[node.name] for node in copy.graph.node if node.name in weights}
    for tensor in copy.graph.initializer:
        if tensor.name in given:
            tensor.CopyFrom(onnx.numpy_helper.from_array(given[tensor.name], tensor.name))
    return copy


def weight_overrides(graph: FloatGraph, in_float: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The scales of the weights of all layers but those ``in_float``, in the quantiser's words."""
    from onnxruntime.quantization import QuantType  # noqa: PLC0415 - after ONNX Runtime itself

    stored, wanted = initializers(graph.model), set(graph.layers) - set(in_float)
    names = [node.input[1] for node in graph.model.graph.node if node.name in wanted]
    fixed = {"quant_type": QuantType.QInt8, "axis": 0, "zero_point": np.int8(0)}
    return {name: [{**fixed, "scale": scale} for scale in scales(onnx.numpy_helper.to_array(stored[name]))] for name in names}


def all_but(graph: FloatGraph, returned: Collection[str]) -> frozenset[str]:
    """The nodes in float where these layers are, with their activations: they, and the head with its arithmetic."""
    return graph.kept | {node for name in returned for node in with_activation(graph, name)}


def only(graph: FloatGraph, layer: str) -> frozenset[str]:
    """The nodes in float where one layer alone, with its activation, is in INT8."""
    return frozenset(node.name for node in graph.model.graph.node) - with_activation(graph, layer)


def with_activation(graph: FloatGraph, layer: str) -> frozenset[str]:
    """A layer and the nodes of its activation."""
    return frozenset({layer, *graph.beside.get(layer, ())})


def tensor_ranges(made: Ingredients) -> dict[str, Range]:
    """The range of every tensor of the graph."""
    of_images = list(observe_tensors(made))
    return best_ranges({name: together([each[name] for each in of_images]) for name in of_images[0]}, made.graph.read_by)


@dataclass(frozen=True, slots=True, eq=False)
class OnnxInt8:
    """Makes INT8 files for ONNX Runtime."""

    ingredients: Ingredients
    ranges: str = RANGES
    warnings: tuple[str, ...] = (DEPENDS,)

    @property
    def plain(self) -> Path:
        """The float32 file."""
        return self.ingredients.source

    def write(self, file: Path, returned: Collection[str]) -> None:
        """A file in which these layers are in float."""
        graph, ranges, weights = self.ingredients.graph, self.ingredients.ranges, self.ingredients.weights
        onnx.save(in_int8(graph, ranges, weights, in_float=all_but(graph, returned)), file)


def maker(ingredients: Ingredients, folder: Path) -> OnnxInt8:
    """The maker for ONNX Runtime, which needs no folder."""
    del folder
    return OnnxInt8(ingredients)
