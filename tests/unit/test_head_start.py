"""What was said ahead is said once more to whoever asks the same, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer

import numpy as np
import pytest
from oracles.samples import spec

import parity.head_start
from parity.backends.fake import FakeSession
from parity.doubts import NoiseMargins
from parity.errors import BadInput
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


def finished(network: Network, images: list[Path]) -> HeadStart:
    """A head start that was ended when the network had answered often enough."""
    with HeadStart(network.view, images) as start:
        assert network.answered.wait(PATIENCE_S)
    return start


def test_what_was_said_ahead_is_not_asked_again() -> None:
    network, other = Network(often=2), Network()
    start = finished(network, IMAGES[:2])
    asking = replace(network.view, memory=start.of(network.view))
    seen = [each.evaluated.scores.tolist() for each in observe_many(IMAGES, asking)]
    assert network.asked == 3
    assert seen == [each.evaluated.scores.tolist() for each in observe_many(IMAGES, other.view)]
    assert len({*map(tuple, seen)}) == 3


def test_it_is_given_back_once_and_nothing_is_kept_in_the_candidates_turn() -> None:
    network = Network(often=1)
    asking = replace(network.view, memory=finished(network, IMAGES[:1]).of(network.view))
    for _ in range(3):
        observe(IMAGES[0], asking)
    assert network.asked == 3


def test_a_copy_of_an_image_is_not_asked_again() -> None:
    network = Network(often=2)
    start = finished(network, [IMAGES[0], IMAGES[0], IMAGES[1]])
    assert network.asked == 2
    asking = replace(network.view, memory=start.of(network.view))
    assert len(list(observe_many(IMAGES[:2], asking))) == 2
    assert network.asked == 2


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
    assert start.of(network.view) is not None
    assert start.of(replace(network.view, lanes=2)) is not None
    assert start.of(other(network.view)) is None


@pytest.mark.parametrize("failure", [BadInput("no"), OSError("no"), MemoryError()])
def test_what_goes_wrong_ends_it_quietly(failure: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    failing = Event()

    def answer(_: np.ndarray) -> tuple[np.ndarray]:
        failing.set()
        raise failure

    view = replace(Network().view, pipeline=Pipeline(SPEC, FakeSession(answer)))
    with HeadStart(view, IMAGES) as start:
        assert failing.wait(PATIENCE_S)
    assert len(view.pipeline.session.inputs) == 1  # type: ignore[attr-defined]
    memory = start.of(view)
    assert memory is not None
    with pytest.raises(type(failure)):
        observe(IMAGES[0], replace(view, memory=memory))
    assert capfd.readouterr() == ("", "")


def test_the_end_waits_for_the_image_that_is_being_worked_on_and_keeps_what_is_said_of_it() -> None:
    network, working, going_on = Network(), Event(), Event()

    def answer(tensor: np.ndarray) -> tuple[np.ndarray]:
        working.set()
        assert going_on.wait(PATIENCE_S)
        return network.answer(tensor)

    view = replace(network.view, pipeline=Pipeline(SPEC, FakeSession(answer)))
    start = HeadStart(view, IMAGES)
    with start:
        assert working.wait(PATIENCE_S)
        Timer(0.2, going_on.set).start()  # which is after the end has begun
    assert network.asked == 1
    observe(IMAGES[0], replace(view, memory=start.of(view)))
    assert network.asked == 1


def test_only_so_many_observations_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity.head_start, "MOST_IMAGES", 2)
    network = Network(often=2)
    with HeadStart(network.view, IMAGES) as start:
        start._thread.join(PATIENCE_S)
        assert not start._thread.is_alive()
    assert network.asked == 2
