"""The weights of a checkpoint or a TorchScript file against the reference's, and the candidate with the reference's put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parity.backends.artefact import read_artefact
from parity.backends.pytorch import PyTorchSession
from parity.backends.torchscript import load_module
from parity.diagnose.heads import Case
from parity.diagnose.naming import Finding, alike
from parity.diagnose.states import raw_state
from parity.diagnose.weights import STATE_FAULTS, Kind, Layers, compare_weights
from parity.models import is_checkpoint
from parity.open_gate import checkpoint_of

Tensors = Mapping[str, torch.Tensor]


def weight_findings(case: Case, path: Path) -> Iterator[Finding]:
    """What weights that differ are called, with the candidate run on the reference's."""
    module = own_copy(case, path)
    own, other = case.gate.checkpoint.network.state_dict() if case.gate.checkpoint else {}, module.state_dict()
    pairs = paired(own, other)
    weights = compare_weights(layers_of(pairs))
    faults = STATE_FAULTS.get(weights.kind)
    if faults is None:
        return
    said = f"the reference's weights in it, {weights.said}"
    if weights.kind is Kind.ANOTHER_STATE:
        yield from raw_state(case, weights.said)
    with torch.no_grad():
        for one, two in pairs.values():
            two.copy_(one)
    with PyTorchSession(module, threads=case.gate.request.threads) as session:
        yield Finding(alike(faults, said), "restore", case.prove(case.run(session)))


def own_copy(case: Case, path: Path) -> Any:
    """The candidate's network, to write into."""
    if is_checkpoint(path):
        return deepcopy(checkpoint_of(case.gate, path).network)
    return load_module(read_artefact(path, kind="a TorchScript file"), path, device=torch.device("cpu"))[0]


def paired(own: Tensors, other: Tensors) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """The reference's and the candidate's tensors of one name and shape; a wrapper may have put its own name in front."""
    ending = {name: next((key for key in other if key == name or key.endswith(f".{name}")), "") for name in own}
    found = {name: (own[name], other[key]) for name, key in ending.items() if key}
    return {name: pair for name, pair in found.items() if pair[0].shape == pair[1].shape and pair[0].is_floating_point()}


def layers_of(pairs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Layers:
    """The kernels and biases of every layer, flat."""
    return {name: (flat(own), flat(other)) for name, (own, other) in pairs.items() if own.ndim}


def flat(tensor: torch.Tensor) -> np.ndarray:
    """A tensor's numbers."""
    return np.asarray(tensor.detach().double().cpu().numpy().ravel())
