"""What a candidate says of the first images, asked while the reference's framework still loads and all processors but one are idle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from parity.pipeline import Memory, Observation, View, observe

if TYPE_CHECKING:
    from types import TracebackType

MOST_IMAGES = 256  # whose observations wait for the candidate's turn: some megabytes


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """What the thread remembers; a copy of an image is not asked again."""

    said: dict[str, Observation]

    def recall(self, image: str) -> Observation | None:
        """What was said of an image, by the SHA-256 of its file."""
        return self.said.get(image)

    def keep(self, image: str, observation: Observation) -> None:
        """Remember it for the candidate's turn."""
        self.said[image] = observation


@dataclass(frozen=True, slots=True, eq=False)
class Emptied:
    """The same memory in the candidate's turn: everything is given back once, and nothing more is kept."""

    said: dict[str, Observation]

    def recall(self, image: str) -> Observation | None:
        """What was said of an image, by the SHA-256 of its file."""
        return self.said.pop(image, None)

    def keep(self, image: str, observation: Observation) -> None:
        """Keep nothing."""


class HeadStart:
    """A thread that asks a view of images until the block ends, and what was said."""

    def __init__(self, view: View, images: Sequence[Path]) -> None:
        self._view, self._images = view, images
        self._said: dict[str, Observation] = {}
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="parity-head-start", daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ask no more, and wait for the image that is being worked on."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        view = replace(self._view, memory=Filled(self._said))
        with suppress(Exception):  # the candidate's turn meets it again, and tells
            for image in islice(self._images, MOST_IMAGES):
                if self._stopped.is_set():
                    return
                observe(image, view)

    def of(self, view: View) -> Memory | None:
        """What was said, for a view that asks the same; ``None`` for any other."""
        return Emptied(self._said) if asked(view) == asked(self._view) else None


def asked(view: View) -> tuple[object, ...]:
    """All that decides what a view says of an image."""
    return view.pipeline.spec, view.pipeline.session, view.evaluation, view.margins
