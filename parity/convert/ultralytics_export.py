"""The one call of Ultralytics' exporter."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.backends.quiet import quiet_torch
from parity.models.ultralytics import require_ultralytics
from parity.spec import HeadLayout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parity.models import Checkpoint


def export(checkpoint: Checkpoint, file: Path, *, format_name: str, size: tuple[int, int], dynamic: bool) -> None:
    """Write the network to ``file``; the checkpoint's own network and folder stay as they are.

    The fused network is exported, so that file and reference hold the same numbers. ``nms=False`` is Ultralytics' word for the
    end-to-end head; with ``None`` its exporter selects the other one, whatever the model was.
    """
    require_ultralytics()
    from ultralytics.engine.exporter import Exporter  # noqa: PLC0415 - after its environment is set

    end_to_end = checkpoint.spec.head.layout is HeadLayout.END_TO_END
    overrides = {"format": format_name, "imgsz": list(size), "dynamic": dynamic, "batch": 1, "device": "cpu"}
    overrides |= {"nms": False} if end_to_end else {}
    overrides |= {"simplify": True} if format_name == "onnx" else {}
    network: Any = deepcopy(checkpoint.network)
    network.pt_path = str(file.with_suffix(".pt"))  # where the exporter writes: beside this, with the format's suffix
    network.names = dict(enumerate(checkpoint.spec.names))
    with quiet_torch(), quiet_ultralytics():
        written = Path(Exporter(overrides=overrides)(model=network))
    written.replace(file)


@contextmanager
def quiet_ultralytics() -> Iterator[None]:
    """Keep the exporter's progress off the terminal, also where the process imported Ultralytics before us."""
    logger = logging.getLogger("ultralytics")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
