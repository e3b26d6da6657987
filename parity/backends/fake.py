"""A session that plays back a script, for tests of everything around the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import CheckedSession, Shape
from parity.errors import ParityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Outputs = tuple[NDArray[np.float32], ...]


class FakeSession(CheckedSession):
    """Answer each run with the next outputs of a sequence, or with what a function makes of the input."""

    def __init__(
        self,
        script: Sequence[Outputs] | Callable[[NDArray[np.float32]], Outputs],
        *,
        input_shape: Shape | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("fake", input_shape, metadata=metadata)
        self._script = script
        self.inputs: list[NDArray[np.float32]] = []

    def _execute(self, tensor: NDArray[np.float32]) -> Outputs:
        self.inputs.append(tensor.copy())
        if callable(self._script):
            outputs = self._script(tensor)
        elif len(self.inputs) <= len(self._script):
            outputs = self._script[len(self.inputs) - 1]
        else:
            raise ParityError(f"the script has {len(self._script)} runs and this is one more")
        return tuple(np.array(output, np.float32) for output in outputs)
