"""Studies, made by hand: one configuration at 640, with PyTorch beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oracles.results import ENVIRONMENT, result
from oracles.samples import metrics

from parity.comparison import ParityCounts
from parity.latency import Latency, LatencyComparison, Speedup
from parity.report.plots import PLOTS, Plots
from parity.study_result import Protocol, Studied, Study, candidate_row, reference_row
from parity.verdict import Check, Delta, Diagnosis, MetricComparison, Result, Verdict

COUNTS = ParityCounts(8, 6, 100, 97, 2, 1, 1, 0, 0, 1, 0.00012, 3.5e-06)
TIMES = LatencyComparison(Latency(100.0, 120.0, None, 9.8), Latency(50.0, None, None, 19.0), Speedup(2.0, (1.9, 2.1)), 80, None, None)
COMPARED = MetricComparison(metrics(0.5), metrics(0.4, APs=None), {"AP": Delta(-0.1, None)})
PROTOCOL = Protocol(0.25, 0.7, 0.001, 3, 10, 8, 42, 2)


def judged(**others: object) -> Result:
    """The result that a study is read off."""
    found = result()
    config = replace(found.configs[0], parity=COUNTS, metrics=COMPARED, latency_ms=TIMES)
    return replace(found, configs=(config,), **others)


def study(found: Result, *, checks: tuple[Check, ...] = (), diagnosis: tuple[Diagnosis, ...] = (), notes: tuple[str, ...] = ()) -> Study:
    """The study of a result."""
    reference = reference_row(found.configs[0], size_mb=6.0)
    candidate = candidate_row(found.configs[0], reference, label="onnx", size_mb=12.0, verdict=Verdict.PASS)
    return Study(
        Verdict.PASS, found.reference, found.dataset, PROTOCOL, (reference, candidate), checks, diagnosis, None, notes, ENVIRONMENT
    )


def studied(found: Result, **others: object) -> Studied:
    """The study with its result."""
    return Studied(study(found, **others), found, ())


def two_plots() -> Plots:
    """Two charts that were written, and one that was not."""
    return Plots(Path("out"), PLOTS[:2], {"accuracy.png": "the images have no labels"})
