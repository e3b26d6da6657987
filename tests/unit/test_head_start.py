"""What was said ahead is said once more to whoever asks the same, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from oracles.samples import spec

import parity.head_start
from parity.backends.fake import FakeSession
from parity.doubts import NoiseMargins
from parity.head_start import HeadStart
from parity.pipeline import Pipeline, View, observe, observe_many

SHAPES = Path(__file__).parents[2] / "fixtures/shapes/images/val"
IMAGES = [SHAPES / "square.jpg", SHAPES / "tower.png", SHAPES / "gray.jpg"]
SPEC = replace(spec("a", "b"), preprocess=replace(spec("a", "b").preprocess, size=(64, 64)))
ALL = replace(SPEC.suppress, confidence=0.001, multi_label=True)
PATIENCE_S = 30.0


class Network:
    """Finds a box whose score is the mean of its input, and tells when it has answered so often."""

    def __init__(self, *, often: int = 0) -> None:
        self.session, self.asked, self.answered, self.often = FakeSession(self.answer), 0, Event(), often

    def answer(self, tensor: np.ndarray) -> tuple[np.ndarray]:
        """One box."""
        self.asked += 1
        if self.asked == self.often:
            self.answered.set()
        return (np.array([[[30.0], [30.0], [20.0], [20.0], [tensor.mean()], [0.01]]], np.float32),)

    @property
    def view(self) -> View:
        """A pipeline of it."""
        return View(Pipeline(SPEC, self.session), ALL)


@pytest.fixture
def finished() -> Iterator[Callable[[Network, list[Path]], HeadStart]]:
    """A head start that has come to its end."""

    def run(network: Network, images: list[Path]) -> HeadStart:
        with HeadStart(network.view, images) as start:
            assert network.answered.wait(PATIENCE_S)
        return start

    return run


def test_what_was_said_ahead_is_not_asked_again(finished: Callable[[Network, list[Path]], HeadStart]) -> None:
    network, other = Network(often=2), Network()
    start = finished(network, IMAGES[:2])
    asking = replace(network.view, memory=start.of(network.view))
    seen = [each.evaluated.scores.tolist() for each in observe_many(IMAGES, asking)]
    assert network.asked == 3
    assert seen == [each.evaluated.scores.tolist() for each in observe_many(IMAGES, other.view)]
    assert len({*map(tuple, seen)}) == 3


def test_it_is_given_back_once_and_nothing_is_kept_after_the_stop(finished: Callable[[Network, list[Path]], HeadStart]) -> None:
    network = Network(often=1)
    start = finished(network, IMAGES[:1])
    asking = replace(network.view, memory=start.of(network.view))
    for _ in range(3):
        observe(IMAGES[0], asking)
    assert network.asked == 3


@pytest.mark.parametrize(
    "other",
    [
        lambda view: replace(view, evaluation=replace(ALL, confidence=0.01)),
        lambda view: replace(view, margins=NoiseMargins(1e-3, 1e-3)),
        lambda view: replace(view, pipeline=Pipeline(replace(SPEC, names=("a", "c")), view.pipeline.session)),
        lambda view: replace(view, pipeline=Pipeline(SPEC, Network().session)),
    ],
    ids=["thresholds", "margins", "spec", "network"],
)
def test_who_asks_something_else_gets_nothing(other: Callable[[View], View]) -> None:
    network = Network()
    start = HeadStart(network.view, IMAGES)
    assert start.of(network.view) is start
    assert start.of(replace(network.view, lanes=2)) is start
    assert start.of(other(network.view)) is None


def test_an_image_that_cannot_be_read_ends_it_quietly(finished: Callable[[Network, list[Path]], HeadStart], tmp_path: Path) -> None:
    network = Network(often=1)
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"no image")
    start = finished(network, [IMAGES[0], damaged, tmp_path / "none.jpg", *IMAGES[1:]])
    start.stop()
    assert network.asked == 1


def test_it_stops_after_the_image_that_is_being_worked_on() -> None:
    network, going_on = Network(often=1), Event()
    session = FakeSession(lambda tensor: (going_on.wait(PATIENCE_S), network.answer(tensor))[1])
    start = HeadStart(replace(network.view, pipeline=Pipeline(SPEC, session)), IMAGES)
    with start:
        going_on.set()
        assert network.answered.wait(PATIENCE_S)
        start.stop()
        asked = network.asked
    assert asked == network.asked


def test_only_so_many_observations_wait(finished: Callable[[Network, list[Path]], HeadStart], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity.head_start, "MOST_IMAGES", 2)
    network = Network(often=2)
    start = finished(network, IMAGES)
    start._thread.join(PATIENCE_S)
    assert network.asked == 2
