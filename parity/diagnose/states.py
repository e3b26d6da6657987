"""The other state of the weights that a training checkpoint may hold: beside the averaged ones the raw ones of the last step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from parity.backends.artefact import read_artefact
from parity.diagnose.heads import Case
from parity.diagnose.naming import Finding, Named
from parity.errors import ParityError

ULTRALYTICS = "ultralytics"


def raw_state(case: Case, said: str) -> Iterator[Finding]:
    """Whether the candidate is the checkpoint's raw weights, where it holds them beside the averaged ones."""
    network = raw_network(case)
    if network is None:
        return
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    with PyTorchSession(network, threads=case.gate.request.threads) as session:
        proof = case.reproduce(case.run(session))
    named = Named("ema_vs_raw_weights", f"checkpoint['model'] in place of checkpoint['ema'] in the reference, where {said}")
    yield Finding((named,), "reproduce", proof)


def raw_network(case: Case) -> Any:
    """The network of ``checkpoint['model']`` where the reference is ``checkpoint['ema']``."""
    checkpoint = case.gate.checkpoint
    if checkpoint is None or checkpoint.family != ULTRALYTICS:
        return None
    from parity.models.ultralytics import ready  # noqa: PLC0415 - the base installation has no torch
    from parity.models.unpickle import unpickle  # noqa: PLC0415

    try:
        content = read_artefact(checkpoint.path, kind="a checkpoint")
        stored = unpickle(content, checkpoint.path, sha256=checkpoint.sha256, trusted=case.gate.request.trusted)
        both = isinstance(stored, dict) and stored.get("ema") is not None and stored.get("model") is not None
        return ready(stored["model"], checkpoint.path, end_to_end=case.gate.request.end_to_end or None) if both else None
    except ParityError:
        return None
