"""The white box: faults of a candidate's network, each shown by a counterfactual on its raw output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from parity.boxes import silently
from parity.contests import Contest, Gate
from parity.datasets import DatasetImage
from parity.decode import Outputs
from parity.diagnose.edges import undo_edges
from parity.diagnose.heads import Case, Proof, answer, open_case
from parity.diagnose.naming import UNPROVEN, Finding, Named, best, diagnoses, reordered
from parity.diagnose.rounded import rounded_outputs
from parity.models import is_checkpoint
from parity.verdict import Diagnosis

ONNX, TORCHSCRIPT = ".onnx", ".torchscript"


def name_network(gate: Gate, contest: Contest, images: Sequence[DatasetImage]) -> tuple[Diagnosis, ...]:
    """The faults of the candidate's network; empty where it is the reference's, or where nothing can be named.

    The cheapest looks come first, and the first counterfactual that leaves no difference ends the search.
    """
    case = open_case(gate, contest, images)
    if case is None:
        return ()
    found: list[Finding] = []
    for finding in findings(case):
        found.append(finding)
        if finding.proof.confirmed:
            break
    chosen = best(found)
    return () if chosen is None else diagnoses(case, chosen)


def findings(case: Case) -> Iterator[Finding]:
    """Everything that can be said of a case, in the order in which it should be believed."""
    yield from other_names(case)
    if case.agrees or len(case.names) != len(case.candidate.pipeline.spec.names):
        return
    path = Path(case.candidate.identity.path)
    if path.suffix.lower() == ONNX:
        from parity.diagnose.onnx_causes import onnx_findings  # noqa: PLC0415 - only an ONNX file needs onnx

        yield from onnx_findings(case, path)
        yield from unsteady(case)
    else:
        yield from black_box_findings(case, path)


def black_box_findings(case: Case, path: Path) -> Iterator[Finding]:
    """The faults of a file whose operators are not looked into; of a checkpoint or of TorchScript those of its weights as well."""
    yield from undo_edges(case)
    yield from rounded_outputs(case)
    yield from unsteady(case)
    if case.gate.checkpoint is not None and (path.suffix.lower() == TORCHSCRIPT or is_checkpoint(path)):
        from parity.diagnose.torch_weights import weight_findings  # noqa: PLC0415 - the base installation has no torch

        yield from weight_findings(case, path)


def unsteady(case: Case) -> Iterator[Finding]:
    """A candidate that gives other numbers for the same tensor."""
    probe = case.probes[0]
    again = answer(case.candidate.pipeline.session, probe.tensor)
    if len(again) != len(probe.outputs):
        return
    apart = largest_change(again, probe.outputs)
    if apart > case.limits.score.value:
        said = f"the candidate run twice on one tensor, its outputs differ by up to {apart:.3g}"
        yield Finding((Named("run_to_run_nondeterminism", said, {"difference": apart}),), "inspect", UNPROVEN)


@silently
def largest_change(again: Outputs, before: Outputs) -> float:
    """The largest difference between two answers of one network."""
    return max((float(np.abs(one - other).max(initial=0.0)) for one, other in zip(again, before, strict=True)), default=0.0)


def other_names(case: Case) -> Iterator[Finding]:
    """Class names that are not the checkpoint's: in another order, or of another model."""
    own, other = case.names, case.candidate.pipeline.spec.names
    if not case.contest.has_names or own == other:
        return
    if len(own) != len(other) or not set(own) & set(other):
        said = f"it has the {len(other)} classes {', '.join(other[:4])}, the checkpoint the {len(own)} classes {', '.join(own[:4])}"
        yield Finding((Named("wrong_checkpoint", said),), "inspect", UNPROVEN)
    elif case.agrees:
        yield Finding((reordered(own, other),), "restore", Proof(1.0, confirmed=True))
