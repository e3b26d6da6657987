"""The guilty stage is told by handing each stage of the candidate what the reference would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("ultralytics") is None:
    pytest.skip("the reference is a checkpoint of Ultralytics", allow_module_level=True)

from parity.backends.base import Session
from parity.backends.fake import FakeSession
from parity.candidates import ModelDetector
from parity.contests import Contest, contests
from parity.diagnose.stages import Stages, compare_stages
from parity.faults import Stage
from parity.open_gate import Gate, open_gate
from parity.pipeline import Pipeline
from parity.request import GateRequest
from parity.spec import Activation, BoxFormat, ChannelOrder, Fit, HeadLayout, PipelineSpec, RestoreGeometry

FIXTURES = Path(__file__).parents[2] / "fixtures"
CHECKPOINT = FIXTURES / "models/yolov8n_shapes.pt"
SIDE = 320
CHOSEN = ("landscape odd pad.jpg", "crowd_one_class_0.jpg")
Outputs = tuple[np.ndarray, ...]
Change = Callable[[PipelineSpec], PipelineSpec]


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    """An open gate for the embedded detector."""
    with ExitStack() as resources:
        request = GateRequest(
            CHECKPOINT, candidates=(str(CHECKPOINT),), data=FIXTURES / "shapes/data.yaml", sizes=((SIDE, SIDE),), threads=1
        )
        yield open_gate(request, resources)


@pytest.fixture(scope="module")
def contest(gate: Gate) -> Contest:
    """The detector against itself."""
    (found,) = contests(gate)
    return found


@pytest.fixture(scope="module")
def compare(gate: Gate, contest: Contest) -> Callable[..., Stages]:
    """The stages of the detector with another spec, or with its network behind a function."""
    images = [image for image in gate.full.images if Path(image.file_name).name in CHOSEN]
    assert isinstance(contest.candidate, ModelDetector)
    own = contest.candidate

    def call(
        change: Change = lambda spec: spec, *, outputs: Callable[[Outputs], Outputs] | None = None, blue_first: bool = False
    ) -> Stages:
        session: Session = own.pipeline.session
        if outputs is not None or blue_first:
            order = slice(None, None, -1 if blue_first else 1)
            after = outputs or (lambda given: given)
            session = FakeSession(lambda tensor: after(own.pipeline.session.run(np.ascontiguousarray(tensor[:, order]))))
        pipeline = Pipeline(change(own.pipeline.spec), session)
        found = compare_stages(gate, replace(contest, candidate=replace(own, pipeline=pipeline)), images)
        assert found is not None
        return found

    return call


def halved(outputs: Outputs) -> Outputs:
    """Scores of half the size."""
    raw = outputs[0].copy()
    raw[:, 4:] /= 2
    return (raw,)


def blue_first(spec: PipelineSpec) -> PipelineSpec:
    """The tensor in BGR."""
    return replace(spec, preprocess=replace(spec.preprocess, channel_order=ChannelOrder.BGR))


def corners(spec: PipelineSpec) -> PipelineSpec:
    """The boxes read as corners."""
    return replace(spec, head=replace(spec.head, box_format=BoxFormat.XYXY))


def strict(spec: PipelineSpec) -> PipelineSpec:
    """Another IoU threshold."""
    return replace(spec, suppress=replace(spec.suppress, iou=0.42))


GUILTY: dict[str, tuple[Change, Stage]] = {
    "blue first": (blue_first, Stage.PREPROCESS),
    "stretched": (lambda spec: replace(spec, preprocess=replace(spec.preprocess, fit=Fit.STRETCH)), Stage.PREPROCESS),
    "corners": (corners, Stage.DECODE),
    "second sigmoid": (lambda spec: replace(spec, head=replace(spec.head, activation=Activation.SIGMOID)), Stage.DECODE),
    "IoU": (strict, Stage.NMS),
    "pad left in": (lambda spec: replace(spec, restore=replace(spec.restore, geometry=RestoreGeometry.NO_PAD)), Stage.NMS),
    "blue first, corners and IoU": (lambda spec: strict(corners(blue_first(spec))), Stage.PREPROCESS),
    "corners and IoU": (lambda spec: strict(corners(spec)), Stage.DECODE),
}


@pytest.mark.parametrize("kind", GUILTY)
def test_the_first_stage_that_fails_by_itself_is_guilty(kind: str, compare: Callable[..., Stages]) -> None:
    change, stage = GUILTY[kind]
    assert compare(change).guilty is stage


def test_another_network_is_guilty_whatever_follows_it(compare: Callable[..., Stages]) -> None:
    found = compare(strict, outputs=halved)
    assert found.guilty is Stage.GRAPH
    assert [result.alone.differs for result in found.results] == [False, True, False, True]
    assert found.results[1].alone.value > 0.3


def test_a_difference_runs_through_the_stages_behind_it(compare: Callable[..., Stages]) -> None:
    found = compare(blue_first)
    assert [result.alone.differs for result in found.results] == [True, True, False, False]
    assert [result.chained.differs for result in found.results] == [True, True, True, True]


def test_the_same_pipeline_has_no_guilty_stage(compare: Callable[..., Stages]) -> None:
    found = compare()
    assert found.guilty is None
    assert not any(result.alone.differs or result.chained.differs for result in found.results)


def test_a_network_that_asks_for_blue_first_and_gets_it_has_no_guilty_stage(compare: Callable[..., Stages]) -> None:
    found = compare(blue_first, blue_first=True)
    assert found.guilty is None
    assert not found.results[0].alone.differs


def test_a_transposed_output_that_is_declared_has_no_guilty_stage(compare: Callable[..., Stages]) -> None:
    change: Change = lambda spec: replace(spec, head=replace(spec.head, layout=HeadLayout.CHANNELS_LAST))  # noqa: E731
    assert compare(change, outputs=lambda given: (given[0].transpose(0, 2, 1),)).guilty is None
    assert compare(lambda spec: strict(change(spec)), outputs=lambda given: (given[0].transpose(0, 2, 1),)).guilty is Stage.NMS
