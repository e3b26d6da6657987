"""The door to OpenVINO, which by itself reports every import to its makers and writes an identifier into the user's home."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from parity.backends.base import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

TELEMETRY = "openvino_telemetry"


def require_openvino() -> ModuleType:
    """OpenVINO, imported so that it asks no network; raises ``BackendUnavailable`` where it is not installed."""
    try:
        with without_telemetry():
            import openvino  # noqa: PLC0415 - only by this door
    except ImportError:
        raise missing("openvino", extra="openvino") from None
    module: ModuleType = openvino
    return module


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Import packages of Intel's as if their telemetry were not installed, for which they have a stub.

    No variable turns it off but ``CI``, which means other things to others.
    """
    modules: dict[str, Any] = sys.modules
    kept = {name: modules.pop(name) for name in list(modules) if name.partition(".")[0] == TELEMETRY}
    modules[TELEMETRY] = None  # which makes its import an ImportError
    try:
        yield
    finally:
        del modules[TELEMETRY]
        modules.update(kept)
