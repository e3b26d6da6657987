"""Both sides answer for every image, each is compared with its own, and a repeat that failed is tried again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from oracles.samples import dataset, found, truth

from parity import observing
from parity.candidates import Cut, RecordedDetector
from parity.contests import Contest, Source
from parity.datasets import Dataset, DatasetImage
from parity.observing import observe_contest
from parity.open_gate import Gate
from parity.pipeline import Observation
from parity.request import GateRequest
from parity.spec import Suppress
from parity.verdict import CandidateId

ROWS = [(0, 0, 10, 10, 0.9, 0), (20, 20, 40, 40, 0.8, 0), (50, 50, 90, 90, 0.7, 0)]
DATA = replace(dataset([truth()] * 3, ((0, "a"),)), truths=None)


@dataclass(frozen=True, slots=True, eq=False)
class Short(RecordedDetector):
    """One that answers for some images only, or for more than there are."""

    answers: int = 0

    def observe(self, images: Sequence[DatasetImage], *, deployed: Suppress, evaluated: Cut) -> Iterator[Observation]:
        """The first of the images, over and over."""
        seen = list(RecordedDetector.observe(self, images, deployed=deployed, evaluated=evaluated))
        yield from (seen * 2)[: self.answers]


def side(answers: int = 3) -> RecordedDetector:
    """Three images with a detection each, so many of which are answered for."""
    recorded = {image.id: found(row) for image, row in zip(DATA.images, ROWS, strict=True)}
    return Short(CandidateId("predictions", "a", None), recorded, Cut(), observing.Rounding(), answers=answers)


def gate(data: Dataset = DATA) -> Gate:
    """An open gate without labels."""
    request = GateRequest(Path("a.json"), data=Path("images"))
    return Gate(request, data, data, ExitStack())


def contest(reference: RecordedDetector, candidate: RecordedDetector) -> Contest:
    """Two sides."""
    return Contest("a", "predictions", None, reference, candidate, Source("a", None))


def test_every_image_is_compared_with_its_own() -> None:
    both = observe_contest(gate(), contest(side(), side()))
    assert [len(each.matches.pairs) for each in both.comparisons] == [1, 1, 1]
    assert [each.deployed.boxes[0, 0] for each in both.candidate.images] == [0, 20, 50]


@pytest.mark.parametrize("answers", [0, 2, 4])
def test_a_side_that_answers_for_another_number_of_images_is_refused(answers: int) -> None:
    with pytest.raises(ValueError, match=f"answered for {answers} images of 3"):
        observe_contest(gate(), contest(side(answers), side()))
    with pytest.raises((ValueError, IndexError)):
        observe_contest(gate(), contest(side(), side(answers)))
