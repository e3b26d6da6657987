"""What `parity bench` may find, made by hand."""

from __future__ import annotations

from oracles.results import ENVIRONMENT

from parity.bench import Bench, BenchRow, BenchSetting
from parity.latency import Speedup
from parity.verdict import ReferenceId

STOCK = BenchRow("pytorch", "pytorch", None, "fp32", 6.2, 130.4, 140.0, 151.0, 7.6, None, None, 0.0, 0.0)
CHANNELS_LAST = BenchRow(
    "pytorch channels_last", "pytorch", None, "fp32", 6.2, 73.0, 80.1, 85.2, 13.6, Speedup(1.786, (1.75, 1.81)), None, 0.0, -44.0
)
ONNX = BenchRow(
    "torchscript",
    "torchscript",
    "dynamic",
    "fp32",
    12.4,
    1072.0,
    1080.1,
    None,
    14.0,
    Speedup(1.81, (1.79, 1.84)),
    Speedup(1.014, (1.0, 1.02)),
    99.7,
    -44.8,
)
SETTING = BenchSetting((640, 640), 1, 2, 60, 0.034, (STOCK, CHANNELS_LAST, ONNX))
FOUND = Bench(ReferenceId("m.pt", "0" * 64, "ultralytics"), (SETTING,), 1, None, ("a note",), ENVIRONMENT)
