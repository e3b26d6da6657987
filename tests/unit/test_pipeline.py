"""Images stream through a pipeline: each is read, prepared and answered once, or remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.samples import spec

import parity.pipeline
from parity.backends.fake import FakeSession
from parity.doubts import NoiseMargins
from parity.errors import BadInput
from parity.limits import FLOAT32
from parity.pipeline import Observation, Pipeline, View, detect_many, observe_many
from parity.quick import equal_but_for_noise
from parity.spec import Suppress

SHAPES = Path(__file__).parents[2] / "fixtures/shapes/images/val"
IMAGES = [SHAPES / "square.jpg", SHAPES / "tower.png", SHAPES / "square.jpg"]
SPEC = replace(spec("a", "b"), preprocess=replace(spec("a", "b").preprocess, size=(64, 64)))
ANSWER = np.array([[[30.0], [30.0], [20.0], [20.0], [0.9], [0.1]]], np.float32)
ALL = replace(SPEC.suppress, confidence=0.001, multi_label=True)


class Remembering:
    """Keeps what it is told in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, Observation] = {}

    def recall(self, image: str) -> Observation | None:
        """What was kept."""
        return self.kept.get(image)

    def keep(self, image: str, observation: Observation) -> None:
        """Keep it."""
        self.kept[image] = observation


def saying(answer: np.ndarray) -> FakeSession:
    """A network that says the same of every image."""
    return FakeSession(lambda _: (answer,))


def view(session: FakeSession, *, memory: Remembering | None = None) -> View:
    """A pipeline that is asked for both."""
    return View(Pipeline(SPEC, session), ALL, memory=memory)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to images, a word each time."""
    done: list[str] = []

    def noted(name: str) -> None:
        own = getattr(parity.pipeline, name)

        def does(*given: Any, **more: Any) -> Any:
            done.append(name)
            return own(*given, **more)

        monkeypatch.setattr(parity.pipeline, name, does)

    noted("read_file")
    noted("decode_image")
    noted("preprocess")
    return done


def test_an_image_is_read_prepared_and_answered_once(work: list[str]) -> None:
    session = saying(ANSWER)
    ours = list(observe_many(IMAGES, view(session)))
    assert sorted(work) == ["decode_image"] * 3 + ["preprocess"] * 3 + ["read_file"] * 3
    assert (len(session.inputs), [(len(seen.deployed), len(seen.evaluated)) for seen in ours]) == (3, [(1, 2)] * 3)


def test_what_is_remembered_is_not_run_again_and_the_same_picture_is_the_same_whatever_its_name(work: list[str]) -> None:
    memory, session = Remembering(), saying(ANSWER)
    first = list(observe_many(IMAGES, view(session, memory=memory)))
    assert len(memory.kept) == 2
    runs = len(session.inputs)
    work.clear()
    again = list(observe_many(IMAGES, view(session, memory=memory)))
    assert (len(session.inputs), work) == (runs, ["read_file"] * 3)
    assert [seen.deployed.boxes.tolist() for seen in again] == [seen.deployed.boxes.tolist() for seen in first]


def test_an_unreadable_image_is_named() -> None:
    with pytest.raises(BadInput, match=r"missing\.jpg"):
        list(observe_many([IMAGES[0], Path("missing.jpg")], view(saying(ANSWER))))


def test_detections_come_in_the_order_of_the_images() -> None:
    sizes = [found.boxes.max() for found in detect_many(IMAGES, Pipeline(SPEC, saying(ANSWER)))]
    assert sizes[0] == sizes[2] != sizes[1]


@pytest.mark.parametrize(("change", "equal"), [(0.0, True), (1e-5, True), (0.1, False), (np.nan, False)])
def test_a_faster_session_stands_for_another_only_within_the_noise(change: float, *, equal: bool) -> None:
    moved = ANSWER + np.array([change, 0, 0, 0, 0, 0], np.float32)[:, None]
    assert equal_but_for_noise(Pipeline(SPEC, saying(ANSWER)), saying(moved), IMAGES[0], limits=FLOAT32) is equal


def test_a_lower_confidence_is_asked_for_where_noise_may_lift_a_score() -> None:
    alone = View(Pipeline(SPEC, saying(ANSWER)), Suppress())
    doubting = replace(alone, margins=NoiseMargins(0.1, 0.1))
    assert alone.least_score == 0.25
    assert doubting.least_score == pytest.approx(1 / (1 + 3 * np.exp(0.1)), abs=1e-12)


def test_a_box_just_under_the_confidence_is_in_doubt() -> None:
    low = ANSWER.copy()
    low[0, 4] = 0.24
    doubting = View(Pipeline(SPEC, saying(low)), Suppress(), margins=NoiseMargins(0.1, 0.1))
    (seen,) = observe_many(IMAGES[:1], doubting)
    assert (len(seen.deployed), [doubt.score for doubt in seen.shipped.doubts or ()]) == (0, [pytest.approx(0.24)])
