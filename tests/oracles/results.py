"""Results of a gate, made by hand: one that passes, and parts to change."""

from __future__ import annotations

from typing import Any

from oracles.samples import metrics

from parity.comparison import ParityCounts
from parity.environment import Environment
from parity.latency import Latency, LatencyComparison, Speedup
from parity.verdict import CandidateId, Check, ConfigResult, DatasetId, Delta, MetricComparison, ReferenceId, Result, Status, Verdict

ENVIRONMENT = Environment("3.11.7", "Linux x86_64", "a processor", ("avx2",), 2, {"numpy": "2.4.6", "torch": None})
COUNTS = ParityCounts(8, 8, 100, 100, 0, 0, 0, 0, 0, 1, 0.00012, 3.5e-06)
LATENCY = LatencyComparison(Latency(130.4, 140.0, 150.0, 7.5), Latency(72.25, 80.0, 90.0, 13.5), Speedup(1.805, (1.7, 1.9)), 40, None, None)


def check(status: Status = Status.PASS, **others: Any) -> Check:
    """One check; what is not given is that of a count without differences."""
    parts = {"name": "missed", "config": "m-onnx-640", "measured": 0, "limit": 0, "origin": "every one is a difference", "detail": ""}
    return Check(status=status, **(parts | others))


def config(**others: Any) -> ConfigResult:
    """One configuration that agrees."""
    side = metrics()
    compared = MetricComparison(side, side, {"AP": Delta(0.0, None)})
    parts = {
        "id": "m-onnx-640",
        "backend": "onnx",
        "imgsz": (640, 640),
        "candidate": CandidateId("model", "m.onnx", "0" * 64),
        "conf": 0.25,
        "iou": 0.7,
        "parity": COUNTS,
        "metrics": compared,
        "latency_ms": LATENCY,
    }
    return ConfigResult(**(parts | others))


def result(**others: Any) -> Result:
    """A result that passes."""
    parts = {
        "verdict": Verdict.PASS,
        "reference": ReferenceId("m.pt", "1" * 64, "ultralytics"),
        "dataset": DatasetId("coco128", 8, "2" * 64),
        "configs": (config(),),
        "checks": (check(),),
        "diagnosis": (),
        "environment": ENVIRONMENT,
    }
    return Result(**(parts | others))
