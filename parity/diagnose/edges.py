"""Faults before the network's first layer and behind its last, found by undoing them on the candidate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parity.decode import Outputs
from parity.diagnose.heads import Case, Probe, answer
from parity.diagnose.maps import InputMap, OutputMap, box_maps, input_maps, score_maps
from parity.diagnose.naming import Finding, Named
from parity.raw_heads import LARGEST, RawHead, distances

WORTH = 0.7  # of the distance may be left behind a map that is kept: a chance improvement is smaller


@dataclass(frozen=True, slots=True, eq=False)
class Undone:
    """Maps of input, scores and boxes that together leave ``distance`` on the fitted probes."""

    first: InputMap | None
    scores: OutputMap | None
    boxes: OutputMap | None
    distance: float

    @property
    def maps(self) -> tuple[InputMap | OutputMap, ...]:
        """The maps that there are."""
        return tuple(each for each in (self.first, self.scores, self.boxes) if each is not None)


def undo_edges(case: Case) -> Iterator[Finding]:
    """The maps of input and output that bring the candidate's raw output back to the reference's, and another output that is it."""
    score, box = list(score_maps(case)), list(box_maps(case))
    tried = [undone(case, first, score, box) for first in (None, *input_maps(case))]
    found = min(tried, key=lambda each: each.distance)
    if found.maps:
        named = tuple(Named(each.fault, each.said, each.parameters) for each in found.maps)
        yield Finding(named, "restore", case.prove(heads(case, found)))
    for index in range(1, max(len(probe.outputs) for probe in case.probes)):
        other = tuple(case.read(probe.outputs[index:], probe) for probe in case.probes)
        yield Finding((Named("wrong_tuple_element", f"its output {index + 1} taken in place of the first"),), "restore", case.prove(other))


def undone(case: Case, first: InputMap | None, scores: Sequence[OutputMap], boxes: Sequence[OutputMap]) -> Undone:
    """The best maps of scores and of boxes behind one map of the input, each by what it leaves of its own part."""
    probe = case.fitted[0]
    outputs = outputs_of(case, probe, first)
    before = parts(case, probe, case.read(outputs, probe))
    left = [(None, before[index]) for index in range(2)]
    chosen: list[tuple[OutputMap | None, float]] = []
    for index, maps in enumerate((scores, boxes)):
        after = [(each, parts(case, probe, each.read(outputs, probe))[index]) for each in maps]
        least = min(after, key=lambda pair: pair[1], default=left[index])
        chosen.append(least if least[1] < WORTH * before[index] else left[index])
    return Undone(first, chosen[0][0], chosen[1][0], chosen[0][1] + chosen[1][1])


def outputs_of(case: Case, probe: Probe, first: InputMap | None) -> Outputs:
    """The candidate's outputs for a probe behind a map of the input."""
    return probe.outputs if first is None else answer(case.candidate.pipeline.session, first.change(probe.tensor))


def parts(case: Case, probe: Probe, head: RawHead | None) -> tuple[float, float]:
    """The distances of scores and boxes."""
    return (LARGEST, LARGEST) if head is None else distances(probe.reference, head, case.limits)


def heads(case: Case, found: Undone) -> list[RawHead | None]:
    """The candidate's heads with the faults undone."""
    read = []
    for probe in case.probes:
        outputs = outputs_of(case, probe, found.first)
        scores, boxes = (case.read(outputs, probe) if each is None else each.read(outputs, probe) for each in (found.scores, found.boxes))
        read.append(scores and boxes and RawHead(boxes.boxes, scores.scores))
    return read
