"""Results with exhibits as charts are drawn of, made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oracles.exhibits import agreeing, different, exhibit
from oracles.results import COUNTS, LATENCY, config, result
from oracles.samples import metrics

from parity.exhibits import Exhibit
from parity.verdict import Delta, MetricComparison, Result

if TYPE_CHECKING:
    from pathlib import Path

BACKENDS = ("onnx", "torchscript", "openvino", "tensorrt")


def plotted(folder: Path, **others: Any) -> tuple[Result, list[Exhibit]]:
    """One configuration: of two images one agrees, and AP fell by 0.1 with an interval from -0.15 to -0.05."""
    counts = replace(COUNTS, images=2, images_agreeing=1)
    compared = MetricComparison(metrics(AP=0.5), metrics(AP=0.4), {"AP": Delta(-0.1, (-0.15, -0.05))})
    one = config(**({"parity": counts, "metrics": compared} | others))
    return result(configs=(one,)), [exhibit(folder, [agreeing(), different()])]


def many(folder: Path, *, images: int = 2) -> tuple[Result, list[Exhibit]]:
    """Eight configurations: four backends at two sizes, each slower and less accurate than the one before."""
    found, [shown] = plotted(folder)
    places = [(backend, size) for size in (640, 320) for backend in BACKENDS]
    configs = tuple(
        replace(
            found.configs[0],
            id=f"m-{backend}-{size}",
            backend=backend,
            imgsz=(size, size),
            latency_ms=replace(LATENCY, candidate=replace(LATENCY.candidate, median=20.0 + 9 * place, p95=25.0 + 10 * place)),
            metrics=MetricComparison(metrics(AP=0.5), metrics(AP=0.5 - 0.01 * place), {"AP": Delta(-0.01 * place, (-0.02, 0.0))}),
        )
        for place, (backend, size) in enumerate(places)
    )
    repeated = replace(shown, images=shown.images * (images // 2), comparisons=shown.comparisons * (images // 2))
    return replace(found, configs=configs), [replace(repeated, config=each.id) for each in configs]
