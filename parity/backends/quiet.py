"""The one place where what other packages say is silenced, since the reader of our output cannot act on it."""

from __future__ import annotations

import logging
import warnings
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class NoWarnings:
    """Warnings are dropped from the first thread that enters to the last that leaves: Python has one setting of them for all."""

    def __init__(self) -> None:
        self._lock, self._inside, self._resources = Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        """Drop warnings."""
        with self._lock:
            if not self._inside:
                self._resources.enter_context(warnings.catch_warnings(action="ignore"))
            self._inside += 1

    def __exit__(self, *failure: object) -> None:
        """Put back what was before."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._resources.close()


WARNINGS = NoWarnings()


@contextmanager
def quiet_torch() -> Iterator[None]:
    """Drop warnings that the reader of our output cannot act on.

    PyTorch calls TorchScript and the exporter that Ultralytics uses deprecated, and tracing warns of every branch on a shape;
    whether a trace is right is measured afterwards, on its outputs.
    """
    with WARNINGS:
        yield


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Drop what is logged below an error."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
