"""The one place where warnings of PyTorch's export and TorchScript paths are silenced."""

from __future__ import annotations

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
