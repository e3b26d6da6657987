"""ONNX graphs that are edited in memory and run: the counterfactuals of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from parity.backends.base import CheckedSession
from parity.backends.onnx_runtime import QUIET, image_input, provider
from parity.diagnose.heads import Case
from parity.errors import BadInput
from parity.onnx_graph import consumers
from parity.raw_heads import RawHead

Value = NDArray[Any]


class EditedSession(CheckedSession):
    """A graph from memory; with ``optimised=False`` ONNX Runtime runs it as it is written."""

    def __init__(self, model: onnx.ModelProto, *, optimised: bool = True, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.intra_op_num_threads = threads or 0
        level = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=[provider("cpu")])
        except Exception as failure:  # noqa: BLE001 - its exception classes have no common base
            raise BadInput("ONNX Runtime cannot open the edited graph", found=failure) from None
        self._input, shape, self._dtype = image_input(self._session, Path("edited.onnx"))
        self._batched = len(self._session.get_inputs()[0].shape) == len(shape)
        super().__init__("onnx", shape)

    def _execute(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        fed = tensor if self._batched else tensor[0]
        try:
            outputs = self._session.run(None, {self._input: fed.astype(self._dtype, copy=False)})
        except Exception as failure:  # noqa: BLE001 - its exception classes have no common base
            raise BadInput("the edited graph fails", found=failure) from None
        return tuple(np.asarray(output, np.float32) for output in outputs)


def load_graph(path: Path) -> onnx.ModelProto:
    """A file with all its weights."""
    return onnx.load(path)


def run_edited(case: Case, model: onnx.ModelProto, *, optimised: bool = True) -> tuple[RawHead | None, ...]:
    """The heads of an edited graph on the probes; none where it cannot be run."""
    try:
        with EditedSession(model, optimised=optimised, threads=case.gate.request.threads) as session:
            return case.run(session)
    except (BadInput, ValueError):
        return tuple(None for _ in case.probes)


def store(model: onnx.ModelProto, name: str, value: Value) -> str:
    """Put an array into the graph under a name of its own and return that."""
    own = f"parity::{name}::{len(model.graph.initializer)}"
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), own))
    return own


def bypass(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Let what reads the first output of each node read its first input, and drop the node."""
    instead = {node.output[0]: node.input[0] for node in nodes}
    dropped = {id(node) for node in nodes}
    kept = [node for node in model.graph.node if id(node) not in dropped]
    outputs = {output.name for output in model.graph.output}
    for node in kept:
        node.input[:] = [origin(name, instead) for name in node.input]
    kept += [helper.make_node("Identity", [origin(name, instead)], [name]) for name in instead if name in outputs]
    rewritten = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del model.graph.node[:]
    model.graph.node.extend(rewritten)


def origin(name: str, instead: dict[str, str]) -> str:
    """The tensor at the start of a chain of replacements."""
    while name in instead:
        name = instead[name]
    return name


def leading_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes that a graph's input goes through before it forks or meets a layer."""
    readers, name = consumers(model), model.graph.input[0].name
    while len(readers.get(name, [])) == 1:
        (node,) = readers[name]
        yield node
        name = node.output[0]


Edit = Callable[[onnx.ModelProto], bool]
