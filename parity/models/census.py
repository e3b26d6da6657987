"""What a pickle names, calls and creates, found out without running any of it.

``torch.load(weights_only=True)`` decides which globals may be *named*. That is not enough: an allowed class can be called with
arguments of the file's choice, and the constructor of a detection model reads files and URLs. An honest checkpoint never calls
a module's class: pickle creates it empty (NEWOBJ without arguments) and fills it (BUILD). The census tells the two apart.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import Any

LEGACY_PICKLES = 5  # magic number, protocol, system, content, storage keys


@dataclass(frozen=True, slots=True)
class Census:
    """The globals of a pickle by how they are used; ``named`` holds all of them."""

    named: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    created_with_arguments: set[str] = field(default_factory=set)


class Inert:
    """Stands for any object of the pickle; takes every operation and does nothing."""

    def __setstate__(self, state: object) -> None:
        """Drop the state."""

    def __setitem__(self, key: object, value: object) -> None:
        """Drop an entry."""

    def append(self, item: object) -> None:
        """Drop an item."""

    def extend(self, items: object) -> None:
        """Drop items."""

    def add(self, item: object) -> None:
        """Drop a member."""


class CensusTaker(pickle._Unpickler):  # type: ignore[name-defined,misc,unused-ignore]  # noqa: SLF001
    """Reads a pickle in which every global is replaced by an inert class of its own.

    The Python implementation, because the C one allocates memory for whatever memo index a file writes.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="latin-1")
        self.census = Census()
        self.complete = False

    def find_class(self, module: str, name: str) -> Any:
        """An inert class that notes what is done with it; nothing is imported."""
        full_name = f"{module}.{name}"
        self.census.named.add(full_name)
        return stand_in(full_name, self.census)

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002
        """A tensor's storage."""
        return Inert()


def stand_in(full_name: str, census: Census) -> type[Inert]:
    """An inert class whose calls and creations are counted under a global's name."""

    class Calls(type):
        def __call__(cls, *_arguments: object, **_options: object) -> Any:
            census.called.add(full_name)
            return Inert()

    class StandIn(Inert, metaclass=Calls):
        def __new__(cls, *arguments: object, **options: object) -> Any:
            if arguments or options:
                census.created_with_arguments.add(full_name)
            return object.__new__(cls)

    return StandIn


def take_census(content: bytes) -> Census:
    """The census of a pickle, or of the several at the start of a legacy torch file.

    What was found before damage is kept, so that damage does not hide a global. Raises ``ValueError`` for what is no pickle.
    """
    taker = CensusTaker(content)
    try:
        for _ in range(LEGACY_PICKLES):
            taker.load()
            taker.complete = True
    except Exception as damage:  # noqa: BLE001 - a hostile stream can fail anywhere, and the end of the file is no failure
        if not (taker.complete or taker.census.named):
            raise ValueError(f"not a pickle: {type(damage).__name__}") from None
    return taker.census
