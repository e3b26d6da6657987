"""Everything that is tried on an ONNX file, in the order in which it should be believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from parity.diagnose.edges import undo_edges
from parity.diagnose.graph import fresh_export, graph_findings
from parity.diagnose.halved import halved_findings
from parity.diagnose.heads import Case
from parity.diagnose.naming import Finding
from parity.diagnose.onnx_edit import load_graph
from parity.diagnose.quantised import is_quantised, quantised_findings
from parity.diagnose.repairs import repaired, unoptimised
from parity.diagnose.rounded import rounded_outputs


def onnx_findings(case: Case, path: Path) -> Iterator[Finding]:
    """The faults of a file whose raw output is not the reference's."""
    model = load_graph(path)
    yield from repaired(case, model)
    yield from undo_edges(case)
    yield from rounded_outputs(case)
    if not is_quantised(model):  # there the optimisation is what makes INT8 of it, and has a fault of its own
        yield from unoptimised(case, model)
    fresh = fresh_export(case, model)
    yield from halved_findings(case, model, fresh)
    if is_quantised(model):
        yield from quantised_findings(case, model, fresh)
    elif fresh is not None:
        yield from graph_findings(case, model, fresh)
