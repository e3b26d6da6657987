"""How a graph computes the size that it resizes an image to: a fresh export's way grafted in place of the candidate's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper

from parity.diagnose.inner_graph import Edit, all_constants
from parity.diagnose.naming import Named
from parity.diagnose.onnx_edit import store
from parity.onnx_graph import CONSTANT, producers

RESIZE, SIZES = "Resize", 3  # the input of sizes
LINEAR = b"linear"
LEAST_SIDE = 32  # px: smaller constants around a size are axes and indices
AXES_AS_INPUT = 18  # the opset from which on ReduceMin and ReduceMax take their axes as an input
PREFIX = "parity::fresh::"


def resize_restorations(fresh: onnx.ModelProto, candidate: onnx.ModelProto) -> Iterator[tuple[tuple[Named, ...], Edit]]:
    """The fresh way to compute the size, where the candidate has another."""
    own, other = image_resize(fresh), image_resize(candidate)
    if own is None or other is None or len(own.input) <= SIZES:
        return
    mine, theirs = (
        before(fresh, size_of(own), stop=boundary(fresh, own)),
        before(candidate, size_of(other), stop=boundary(candidate, other)),
    )
    if [node.op_type for node in mine] == [node.op_type for node in theirs] and sides(fresh, mine) == sides(candidate, theirs):
        return
    yield (name_of(fresh, candidate, mine, theirs, other),), graft(fresh, own, mine, other.output[0])


def name_of(
    fresh: onnx.ModelProto,
    candidate: onnx.ModelProto,
    mine: Sequence[onnx.NodeProto],
    theirs: Sequence[onnx.NodeProto],
    node: onnx.NodeProto,
) -> Named:
    """What another way to compute the size is called."""
    right, wrong = sides(fresh, mine), sides(candidate, theirs)
    said = "the size of its resized image computed as a fresh export does"
    frozen = all_constants(candidate.graph).get(size_of(node))
    if frozen is not None:
        return Named("torchvision_size_baked", f"{said}, in place of the constant {frozen.tolist()}")
    if wrong and wrong != right:
        return Named("wrong_imgsz", f"{said}, by {right} px in place of {wrong}", {"side_px": min(wrong)})
    return Named("torchvision_size_baked", f"{said}, in double; in float32 it is a pixel off for some image sizes")


def image_resize(view: onnx.ModelProto) -> onnx.NodeProto | None:
    """The first node that resizes with interpolation: the network's own only repeat."""
    modes = ((node, {each.name: each.s for each in node.attribute}) for node in view.graph.node if node.op_type == RESIZE)
    return next((node for node, found in modes if found.get("mode") == LINEAR), None)


def size_of(node: onnx.NodeProto) -> str:
    """The tensor of sizes, else of scales."""
    return str(next((name for name in reversed(node.input) if name), ""))


def boundary(view: onnx.ModelProto, node: onnx.NodeProto) -> frozenset[str]:
    """The image in front of its resize, with and without a batch axis."""
    made = producers(view).get(node.input[0])
    return frozenset({node.input[0], *(made.input[:1] if made is not None and made.op_type == "Unsqueeze" else ())})


def before(view: onnx.ModelProto, name: str, *, stop: frozenset[str]) -> list[onnx.NodeProto]:
    """The nodes that a tensor is computed by, in the graph's order, but for those that make the image; no stored ones."""
    made, waiting, needed = producers(view), [name], set[int]()
    while waiting:
        tensor = waiting.pop()
        node = made.get(tensor)
        if tensor not in stop and node is not None and id(node) not in needed:
            needed.add(id(node))
            waiting += node.input
    return [node for node in made_in_order(view, made) if id(node) in needed and node.op_type != CONSTANT]


def made_in_order(view: onnx.ModelProto, made: Mapping[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes that write something, as the objects that ``made`` has."""
    return list({id(node): node for each in view.graph.node for name in each.output if (node := made.get(name)) is not None}.values())


def sides(view: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> tuple[float, ...]:
    """The sides in pixels that a size is computed from."""
    stored = all_constants(view.graph)
    found = [stored[name].ravel() for node in nodes for name in node.input if name in stored and is_floating(stored[name])]
    return tuple(sorted({float(number) for values in found for number in values if LEAST_SIDE <= number < np.inf}))


def is_floating(value: np.ndarray) -> bool:
    """Whether a stored tensor has fractions."""
    return bool(np.issubdtype(value.dtype, np.floating))


def graft(fresh: onnx.ModelProto, own: onnx.NodeProto, nodes: Sequence[onnx.NodeProto], output: str) -> Edit:
    """The edit that gives the Resize of an ``output`` the fresh size, computed from its own image."""
    stored, outer = all_constants(fresh.graph), boundary(fresh, own)

    def edit(view: onnx.ModelProto) -> None:
        place, node = next((index, each) for index, each in enumerate(view.graph.node) if output in each.output)
        names = dict.fromkeys(outer, node.input[0])
        used = {name for each in nodes for name in each.input if name in stored}
        names |= {name: store(view, name, stored[name]) for name in sorted(used)}
        added = [renamed(view, each, names) for each in nodes]
        source, size = node.input[0], f"{PREFIX}{size_of(own)}"
        node.input[:] = [source, "", "", size]
        for index, each in enumerate(added):
            view.graph.node.insert(place + index, each)

    return edit


def renamed(view: onnx.ModelProto, node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """A fresh node under names of its own, in the words of the candidate's opset."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = f"{PREFIX}{node.name}"
    copy.input[:] = [name and names.get(name, f"{PREFIX}{name}") for name in node.input]
    copy.output[:] = [f"{PREFIX}{name}" for name in node.output]
    opset = max((each.version for each in view.opset_import if not each.domain), default=0)
    axes = next((each for each in copy.attribute if each.name == "axes"), None)
    if axes is not None and opset >= AXES_AS_INPUT:
        copy.input.append(store(view, copy.name, np.array(helper.get_attribute_value(axes), np.int64)))
        copy.attribute.remove(axes)
    return copy
