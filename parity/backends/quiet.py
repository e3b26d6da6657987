"""The one place where what other packages say is silenced, since the reader of our output cannot act on it."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quiet_torch() -> Iterator[None]:
    """Drop warnings that the reader of our output cannot act on.

    PyTorch calls TorchScript and the exporter that Ultralytics uses deprecated, and tracing warns of every branch on a shape;
    whether a trace is right is measured afterwards, on its outputs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
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
