"""How much faster the best float32 artefact of YOLOv8n is than stock PyTorch: ``tox run -e bench`` with PARITY_MODELS set.

Held are ratios of pairs of turns on one machine at one time, since milliseconds are another machine's business. Not collected by name,
since it takes minutes; meant for a machine that does nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parity.bench import BenchRequest, BenchSetting, run_bench, usual_targets
from parity.latency import FOR_P99
from parity.report.bench import print_bench
from parity.report.terminal import stdout_console

if TYPE_CHECKING:
    from parity.bench import Bench, BenchRow
    from parity.request import Size

THREADS = "PARITY_BENCH_THREADS"  # another number than all processors
RUNS = FOR_P99
LEAST = {(640, 640): 2.0, (320, 320): 3.0}  # times as fast as stock PyTorch; OpenVINO on two AVX2 cores was measured at 2.07 and 3.3


@pytest.fixture(scope="module")
def model() -> Path:
    """The published YOLOv8n."""
    if "PARITY_MODELS" not in os.environ:
        pytest.skip("PARITY_MODELS (a folder with yolov8n.pt) is not set")
    return Path(os.environ["PARITY_MODELS"]) / "yolov8n.pt"


@pytest.fixture(scope="module")
def found(model: Path) -> Bench:
    """YOLOv8n in every float32 artefact whose runtime is installed, at both sizes."""
    targets = tuple(target.name for target in usual_targets("ultralytics"))
    threads = tuple(int(count) for count in os.environ.get(THREADS, "").split())
    return run_bench(BenchRequest((model,), targets=targets, sizes=tuple(LEAST), threads=threads, runs=RUNS))


def at(found: Bench, size: Size) -> BenchSetting:
    """What was found at a size."""
    return next(setting for setting in found.settings if setting.imgsz == size)


def times_as_fast(row: BenchRow) -> float:
    """The speedup of an artefact against stock PyTorch."""
    return row.speedup.value if row.speedup and row.shape else 0.0


def test_the_table_is_printed(found: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print_bench(found, stdout_console())
    assert [setting.imgsz for setting in found.settings] == list(LEAST)


@pytest.mark.parametrize("size", LEAST)
def test_the_best_artefact_is_so_many_times_as_fast_as_stock_pytorch(found: Bench, size: Size) -> None:
    best = max(at(found, size).rows, key=times_as_fast)
    assert times_as_fast(best) >= LEAST[size], f"{best.name} is the fastest: {best.speedup}"


@pytest.mark.parametrize("size", LEAST)
def test_the_difference_is_one_that_this_machine_can_tell(found: Bench, size: Size) -> None:
    assert at(found, size).feigned <= 0.1, "the machine is too busy: the reference differs from itself by more than a tenth"
