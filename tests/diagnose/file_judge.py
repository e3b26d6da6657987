"""Make a file with faults in it and let an open gate judge it: the causes that a person would read."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diagnose.file_plants import Bench, plain_export
from diagnose.planting import Outcome

from parity.contests import contests
from parity.errors import ParityError
from parity.faults import fault
from parity.judging import HAVE_CAUSES, judge_contest
from parity.limits import Profile
from parity.models import load_checkpoint
from parity.open_gate import Gate, open_gate, reference_detector, reference_spec
from parity.request import GateRequest
from parity.verdict import Status
from parity.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnose.file_plants import FilePlant
    from diagnose.planting import Ground

    from parity.judging import Outcome as Judged
    from parity.verdict import Check, Diagnosis


KINDS = ("healthy", "file", "file pair")  # by the number of faults


class FileJudge:
    """An open gate on the checkpoint and the images, whose reference runs once for all files."""

    def __init__(self, ground: Ground, exported: Path | None = None) -> None:
        self._ground, self._resources = ground, ExitStack()
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-files-")))
        self._gate = self._open(ground.checkpoint, self._resources)
        checkpoint = load_checkpoint(ground.checkpoint)
        plain = exported or plain_export(checkpoint, ground.side, folder)
        self._gate.exported[ground.side, ground.side] = plain  # what a diagnosis exports anew otherwise
        self.bench = Bench(checkpoint, plain, ground.side, [image.path for image in self._gate.dataset.images])

    def _open(self, reference: Path, resources: ExitStack) -> Gate:
        """A gate on the images that faults are planted on."""
        ground, size = self._ground, (self._ground.side, self._ground.side)
        request = GateRequest(
            reference,
            candidates=("to be made",),
            data=ground.data,
            labelled=False,
            sizes=(size,),
            threads=1,
            latency=False,
            profile=Profile.FP32,  # what INT8 rounds is a difference, and has a name
        )
        gate = open_gate(request, resources)
        wanted = {image.id for image in ground.open()}
        gate.dataset = replace(gate.full, images=tuple(image for image in gate.full.images if image.id in wanted), truths=None)
        reference_detector(gate, size)  # opens its session, which every file is held against
        return gate

    def judge(self, plant: FilePlant) -> Outcome:
        """Make a file and gate it; the seconds are the gate's with the reference already run."""
        with ExitStack() as own:
            folder = Path(own.enter_context(tempfile.TemporaryDirectory(prefix="parity-file-")))
            gate = self._open(plant.reference(self.bench, folder), own) if plant.reference else self._gate
            request = replace(gate.request, candidates=(str(plant.make(self.bench, folder)),), candidate_spec=self._declared(plant, folder))
            gate = replace(gate, request=request, resources=own, sessions=dict(gate.sessions), checkpoints=dict(gate.checkpoints))
            started = time.perf_counter()
            try:
                (contest,) = contests(gate)
                judged = judge_contest(gate, contest)
            except ParityError as error:
                return replace(outcome_of(plant), visible=True, refused=str(error))
            return replace(told(plant, judged), seconds=round(time.perf_counter() - started, 2))

    def _declared(self, plant: FilePlant, folder: Path) -> Path | None:
        """The file of a declared pipeline, if any."""
        if not plant.declared:
            return None
        path = folder / "spec.json"
        path.write_text(to_json(plant.spec(reference_spec(self._gate, (self._ground.side, self._ground.side)))), encoding="utf-8")
        return path

    def close(self) -> None:
        """Close the gate, and drop what was made."""
        self._resources.close()


def outcome_of(plant: FilePlant) -> Outcome:
    """What is known before the gate has judged."""
    kind = KINDS[len(plant.faults)]
    hidden = "; ".join(fault(name).hidden_on for name in plant.faults)
    return Outcome(kind, planted=(plant.id,), faults=plant.faults, alike=plant.names, shown=0, visible=False, hidden_on=hidden)


def told(plant: FilePlant, judged: Judged) -> Outcome:
    """What the gate said of a file."""
    causes = judged.causes
    named = without_alternatives(causes)
    return replace(
        outcome_of(plant),
        shown=judged.result.parity.matched + judged.result.parity.ghosts,
        visible=any(map(differs, judged.checks)),
        named=tuple(cause.fault for cause in named),
        alternatives=tuple((cause.fault, other) for cause in causes for other in cause.alternatives),
        parameters={f"{cause.fault}.{name}": value for cause in named for name, value in cause.parameters.items()},
        confirmed=bool(named) and named[0].status == "confirmed",
        explains=named[0].explains if named else 0.0,
        method=named[0].method if named else "",
    )


def differs(check: Check) -> bool:
    """Whether a check is red for a difference that should have a cause."""
    return check.status is Status.FAIL and check.name in HAVE_CAUSES


def without_alternatives(causes: Sequence[Diagnosis]) -> list[Diagnosis]:
    """The causes that are no mere alternative to one before them."""
    return [cause for place, cause in enumerate(causes) if not any(cause.fault in before.alternatives for before in causes[:place])]
