"""What a candidate says of the first images, asked while the reference's framework still loads and all processors but one are idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from parity.errors import ParityError
from parity.pipeline import Memory, Observation, View, observe

if TYPE_CHECKING:
    from types import TracebackType

MOST_IMAGES = 256  # whose observations wait for the candidate's turn: some megabytes


class HeadStart:
    """A thread that asks a view of images until it is stopped, and the memory of what was said, which is given back once."""

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
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Ask no more, and wait for the image that is being worked on."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        view = replace(self._view, memory=self)
        for image in islice(self._images, MOST_IMAGES):
            if self._stopped.is_set():
                return
            try:
                observe(image, view)
            except (ParityError, OSError):  # which the candidate's turn meets again, and tells
                return

    def of(self, view: View) -> Memory | None:
        """The memory for a view that asks the same, none for any other."""
        return self if asked(view) == asked(self._view) else None

    def recall(self, image: str) -> Observation | None:
        """What was said of an image, by the SHA-256 of its file."""
        return self._said.pop(image, None)

    def keep(self, image: str, observation: Observation) -> None:
        """Remember it for the candidate's turn, in which nothing more is kept."""
        if not self._stopped.is_set():
            self._said[image] = observation


def asked(view: View) -> tuple[object, ...]:
    """All that decides what a view says of an image."""
    return view.pipeline.spec, view.pipeline.session, view.evaluation, view.margins
