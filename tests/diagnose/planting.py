"""Plant faults on images in the independent pipeline, and let Parity read and diagnose what comes of it as a predictions file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnose.plants import Plant, together
from independent_pipeline import Settings, as_array, detect

from parity.backends.pytorch import PyTorchSession
from parity.comparison import ImageComparison, Rounding, compare_image
from parity.datasets import DatasetImage, open_dataset
from parity.detections import Detections
from parity.diagnose.diagnosis import telling_images
from parity.diagnose.evidence import Evidence
from parity.diagnose.search import Finding, diagnose
from parity.faults import fault
from parity.limits import BY_FAMILY, FLOAT32, Limits
from parity.models import load_checkpoint
from parity.pipeline import Observation, Pipeline, View, observe_many
from parity.predictions import recorded
from parity.spec import PipelineSpec
from parity.verdict import CandidateId

if TYPE_CHECKING:
    from independent_pipeline import Network

PARAMETER_STEP = 0.011  # a threshold is known as well as the scores around it lie


@dataclass(frozen=True, slots=True)
class Ground:
    """Where faults are planted: a checkpoint, and ``images`` of a data set from the ``offset``-th on, or those of certain names."""

    checkpoint: Path
    data: Path
    side: int
    images: int = 0
    offset: int = 0
    chosen: tuple[str, ...] = ()

    def open(self) -> list[DatasetImage]:
        """The images, in the order of the data set."""
        everything = open_dataset(self.data, allow_missing_labels=True).images
        if self.chosen:
            return [image for image in everything if Path(image.file_name).name in self.chosen]
        return list(everything[self.offset :][: self.images or None])


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What came of planting: the detections of every image as (n, 6) arrays, not yet read."""

    kind: str
    planted: tuple[Plant, ...]
    rows: tuple[np.ndarray, ...]

    @property
    def id(self) -> str:
        """All that was planted."""
        return " + ".join(plant.id for plant in self.planted)

    def rounded(self, decimals: int) -> Case:
        """The same with boxes, as x, y, width and height, and scores rounded."""
        return replace(self, kind="rounded", rows=tuple(np.column_stack([np.round(row[:, :5], decimals), row[:, 5]]) for row in self.rows))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went; ``named`` are the faults in the order of the diagnosis, ``parameters`` theirs."""

    kind: str
    planted: tuple[str, ...]
    faults: tuple[str, ...]
    alike: tuple[tuple[str, ...], ...]
    shown: int
    visible: bool
    hidden_on: str = ""
    named: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, str], ...] = ()
    parameters: dict[str, float | str] = field(default_factory=dict)
    values_right: bool = True
    confirmed: bool = False
    explains: float = 0.0
    seconds: float = 0.0
    method: str = ""  # of the counterfactual that the first name was proven with
    refused: str = ""  # why the gate would not judge a file at all

    def means(self, name: str, planted: Sequence[str]) -> bool:
        """Whether a name is a planted fault's, or one that these images cannot tell from it."""
        others = {other for known, other in self.alternatives if known == name}
        return bool({name, *others} & set(planted))

    @property
    def first(self) -> bool:
        """Whether the first name is a planted one's."""
        return bool(self.named) and any(self.means(self.named[0], names) for names in self.alike)

    @property
    def fully(self) -> bool:
        """Whether every planted fault is named and nothing else is."""
        missing = [names for names in self.alike if not any(self.means(name, names) for name in self.named)]
        return not missing and all(any(self.means(name, names) for names in self.alike) for name in self.named)

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """The names that were given for a planted fault because nothing here tells the two apart."""
        planted = set().union(*self.alike)
        return tuple(name for name in self.named if name not in planted and self.means(name, tuple(planted)))


class Field:
    """Runs the independent pipeline; the answers of the network are shared by all faults that stand behind it."""

    def __init__(self, network: Network, images: Sequence[DatasetImage], side: int) -> None:
        self._run, self._images, self._side = network, images, side
        self._answers: dict[bytes, np.ndarray] = {}

    def plant(self, planted: Sequence[Plant], *, kind: str = "single") -> Case:
        """Detect with the faults in place."""
        settings = Settings(**{"side": self._side, **together(planted)})
        network: Network = self._remembered
        for change in (plant.network for plant in planted if plant.network):
            network = change(network)
        found: Any = [detect(image.path, network, settings) for image in self._images]
        for change_rows in (plant.rows for plant in planted if plant.rows):
            found = change_rows(found)
        return Case(kind, tuple(planted), tuple(boxes_by_size(as_array(rows)) for rows in found))

    def _remembered(self, tensor: np.ndarray) -> np.ndarray:
        """The network's answer, run once for a healthy input."""
        key = tensor.tobytes()
        if key not in self._answers and len(self._answers) < len(self._images):  # the first ones are the healthy ones
            self._answers[key] = self._run(tensor)
        return self._answers[key] if key in self._answers else self._run(tensor)


def boxes_by_size(rows: np.ndarray) -> np.ndarray:
    """Rows of x1, y1, x2, y2 as a predictions file has them: x, y, width, height."""
    return np.column_stack([rows[:, :2], rows[:, 2:4] - rows[:, :2], rows[:, 4:]])


class Judge:
    """The reference on the images, and a diagnosis of whatever is held against it."""

    def __init__(self, ground: Ground) -> None:
        checkpoint = load_checkpoint(ground.checkpoint)
        size = (ground.side, ground.side)
        self.spec: PipelineSpec = replace(checkpoint.spec, preprocess=replace(checkpoint.spec.preprocess, size=size))
        self.limits: Limits = BY_FAMILY.get(checkpoint.family, FLOAT32)
        self.session = PyTorchSession(checkpoint.network, threads=1)
        self.fast = self.session.faster()
        self.images = ground.open()
        self.reference = list(self._observe())
        self.outputs: dict[str, np.ndarray] = {}  # of the network, shared by all diagnoses

    def _observe(self) -> Iterator[Observation]:
        """What the reference detects on every image."""
        view = View(Pipeline(self.spec, self.session), self.spec.suppress)
        return observe_many((image.path for image in self.images), view)

    def read(self, case: Case) -> tuple[list[Detections], Rounding]:
        """The detections as the gate reads them off a predictions file, cut as the reference is, with the grid of their numbers."""
        places = np.repeat(np.arange(len(case.rows)), [len(rows) for rows in case.rows])
        rows = np.concatenate(case.rows)
        table = np.column_stack([places, rows[:, 5], rows[:, :4], rows[:, 4]])
        detector = recorded(CandidateId("predictions", case.id, None), table, self.images, confidence=None)
        seen = detector.observe(self.images, deployed=self.spec.suppress, evaluated=detector.shows)
        return [each.deployed for each in seen], detector.rounding

    def compare(self, candidate: Sequence[Detections], other: Sequence[Detections], rounding: Rounding) -> list[ImageComparison]:
        """Two sides, image by image."""
        thresholds = self.spec.suppress
        return [
            compare_image(left, right, self.limits, thresholds=thresholds, gain=seen.shipped.gain or 1.0, rounding=rounding, absent=False)
            for left, right, seen in zip(other, candidate, self.reference, strict=True)
        ]

    def same(self, one: Case, other: Case) -> bool:
        """Whether two plantings leave the same detections within the limits."""
        (left, _), (right, rounding) = self.read(one), self.read(other)
        return all(comparison.agrees for comparison in self.compare(right, left, rounding))

    def shows(self, case: Case) -> bool:
        """Whether a case differs from the reference."""
        candidate, rounding = self.read(case)
        return not all(each.agrees for each in self.compare(candidate, [seen.deployed for seen in self.reference], rounding))

    def judge(self, case: Case) -> Outcome:
        """Hold a case against the reference and name its causes where it differs."""
        candidate, rounding = self.read(case)
        comparisons = self.compare(candidate, [seen.deployed for seen in self.reference], rounding)
        outcome = Outcome(
            case.kind,
            planted=tuple(plant.id for plant in case.planted),
            faults=tuple(plant.fault for plant in case.planted),
            alike=tuple(tuple(sorted(plant.names)) for plant in case.planted),
            shown=sum(map(len, candidate)),
            visible=not all(comparison.agrees for comparison in comparisons),
            hidden_on="; ".join(plant.hidden_on or fault(plant.fault).hidden_on for plant in case.planted),
        )
        if not outcome.visible:
            return outcome
        started = time.perf_counter()
        found = self._diagnose(candidate, rounding, telling_images(comparisons))
        return replace(outcome, seconds=round(time.perf_counter() - started, 2), **told(found, case.planted))

    def _diagnose(self, candidate: Sequence[Detections], rounding: Rounding, chosen: Sequence[int]) -> Finding | None:
        """The diagnosis by the most telling images, as the gate asks for it."""
        evidence = Evidence(self.fast, self.images, candidate, rounding, self.limits, chosen=chosen, outputs=self.outputs)
        return diagnose(evidence, self.spec, [seen.deployed for seen in self.reference])


def told(found: Finding | None, planted: Sequence[Plant]) -> dict[str, Any]:
    """What a diagnosis said, as fields of an outcome."""
    if found is None:
        return {"values_right": not any(plant.expected for plant in planted)}
    values = {suspect.fault: dict(suspect.parameters) for suspect in found.suspects}
    wanted = [(plant.fault, name, value) for plant in planted for name, value in plant.expected.items()]
    return {
        "named": tuple(suspect.fault for suspect in found.suspects),
        "alternatives": tuple(dict.fromkeys((name, other.fault) for name, other in found.alternatives if name != other.fault)),
        "parameters": {f"{fault}.{name}": value for fault, own in values.items() for name, value in own.items()},
        "values_right": all(equal(values.get(fault, {}).get(name), value) for fault, name, value in wanted),
        "confirmed": found.confirmed,
        "explains": found.explains,
    }


def equal(found: float | str | None, expected: float | str) -> bool:
    """Whether a parameter was found as it was planted."""
    if isinstance(found, str) or isinstance(expected, str):
        return found == expected
    return found is not None and abs(found - expected) <= min(PARAMETER_STEP * max(1.0, abs(expected)), abs(expected) / 2)
