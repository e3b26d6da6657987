"""The other state of the weights that a training checkpoint may hold: beside the averaged ones the raw ones of the last step."""

from __future__ import annotations

from typing import Any

from parity.backends.artefact import read_artefact
from parity.diagnose.heads import Case, RawHead
from parity.errors import ParityError

ULTRALYTICS = "ultralytics"


def other_state(case: Case) -> tuple[RawHead | None, ...] | None:
    """The heads of the checkpoint's raw weights on the probes; ``None`` where it holds one state only."""
    network = raw_network(case)
    if network is None:
        return None
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    with PyTorchSession(network, threads=case.gate.request.threads) as session:
        return case.run(session)


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
