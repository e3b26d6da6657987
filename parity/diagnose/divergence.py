"""The first node at which two graphs of one network part, and the module that it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

from parity.boxes import silently
from parity.diagnose.alignment import Alignment, Pair
from parity.diagnose.heads import Case
from parity.diagnose.onnx_edit import EditedSession
from parity.errors import ParityError
from parity.onnx_graph import copied
from parity.raw_heads import Array

APART = 1e-4  # of a tensor's largest value: float32 leaves 1e-6
CALL = re.compile(r"_\d+$")  # how the exporter counts the calls of one module


@dataclass(frozen=True, slots=True)
class Divergence:
    """A node whose output differs while everything before it agrees; ``error`` and ``largest`` are in its own units."""

    node: str
    operator: str
    module: str
    error: float
    largest: float

    @property
    def said(self) -> str:
        """The place in words."""
        module = f" of {self.module}" if self.module else ""
        place = f"{self.node} ({self.operator}){module}"
        return f"The first node that differs is {place}: by up to {self.error:.3g}, values reach {self.largest:.3g}"


def first_divergence(case: Case, alignment: Alignment) -> Divergence | None:
    """Run both graphs with every node's output handed out, on one probe, and walk along the candidate."""
    pairs = [pair for pair in alignment.pairs if pair.fresh.output and pair.candidate.output]
    tensor = case.probes[0].tensor
    try:
        own = outputs_at(case, alignment.fresh, [pair.fresh.output[0] for pair in pairs], tensor)
        other = outputs_at(case, alignment.candidate, [pair.candidate.output[0] for pair in pairs], tensor)
    except (ParityError, ValueError):
        return None
    for pair, one, two in zip(pairs, own, other, strict=True):
        error, largest = apart(one, two)
        if not error <= APART * largest:
            return Divergence(shown(pair), pair.candidate.op_type, module_of(case, pair), error, largest)
    return None


def shown(pair: Pair) -> str:
    """The name of a node, in the words of the fresh export where the candidate's has none."""
    return str(pair.candidate.name or pair.fresh.name)


def outputs_at(case: Case, model: onnx.ModelProto, names: list[str], tensor: Array) -> tuple[Array, ...]:
    """The values of some tensors within a graph."""
    tapped = copied(model)
    del tapped.graph.output[:]
    tapped.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(names))
    with EditedSession(tapped, optimised=False, threads=case.gate.request.threads) as session:
        found = dict(zip(dict.fromkeys(names), session.run(tensor), strict=True))
    return tuple(found[name] for name in names)


@silently
def apart(one: Array, two: Array) -> tuple[float, float]:
    """The largest difference of two tensors and the largest value of the first; infinite for other shapes."""
    largest = float(np.abs(one).max(initial=0.0))
    return (float(np.abs(one - two).max(initial=0.0)) if one.shape == two.shape else float("inf")), largest


def module_of(case: Case, pair: Pair) -> str:
    """The module of the reference's network that a node came from, by the scope in the fresh node's name."""
    checkpoint = case.gate.checkpoint
    if checkpoint is None or not pair.place.startswith("/"):
        return ""
    module: Any = checkpoint.network
    path: list[str] = []
    for scope in pair.place.strip("/").split("/")[:-1]:
        for part in step(scope, path):
            inner = getattr(module, part, None)
            if inner is None:
                break
            module = inner
            path.append(part)
    return f"{'.'.join(path)} ({type(module).__name__})" if path else ""


def step(scope: str, path: list[str]) -> list[str]:
    """The names that a scope adds to a path: ``cv2.0.1`` under ``cv2.0`` repeats what is known, and ``m_1`` is a second call of ``m``."""
    parts = CALL.sub("", scope).split(".")
    known = next((length for length in range(min(len(parts), len(path)), 0, -1) if path[-length:] == parts[:length]), 0)
    return parts[known:]
