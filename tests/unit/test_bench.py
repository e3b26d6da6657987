"""The bench runs everyone in turn and holds everyone against stock PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracles.results import ENVIRONMENT

from parity.bench import CHANNELS_LAST, RUNS, STOCK, Bench, Contestant, bench_images, bench_row
from parity.report.measurements import print_bench
from parity.report.terminal import stdout_console
from parity.verdict import ReferenceId
from parity.wire import from_json, to_json

TENSOR = np.zeros((1, 3, 32, 32), np.float32)
FIXTURES = Path(__file__).parents[2] / "fixtures"


class Recorder:
    """A network that notes its runs."""

    def __init__(self, name: str, runs: list[str]) -> None:
        self.name, self.runs = name, runs

    def run(self, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        """Note the run."""
        del tensor
        self.runs.append(self.name)
        return ()


def test_every_round_runs_the_next_tensor_and_after_the_last_the_first_again() -> None:
    seen: list[float] = []
    session = Recorder("", [])
    session.run = lambda tensor: seen.append(float(tensor[0, 0, 0, 0]))
    call = Contestant("a", session, 0).run_each([TENSOR, TENSOR + 1])
    assert [call() for _ in range(5)] == [None] * 5
    assert seen == [0, 1, 0, 1, 0]


def test_a_row_has_the_statistics_and_the_changes_against_stock() -> None:
    stock = Contestant(STOCK, Recorder("", []), 6_000_000)
    row = bench_row(Contestant("onnx", Recorder("", []), 12_000_000), (320, 320), np.array([10.0, 20, 30]), stock=stock, stock_mean_ms=40)
    assert (row.mean_ms, row.median_ms, row.fps, row.size_mb) == (20, 20, 50, 12)
    assert row.p95_ms == pytest.approx(29)
    assert (row.size_change_percent, row.time_change_percent) == (100, -50)


def test_without_data_one_image_is_made_and_it_is_always_the_same() -> None:
    (first,), (second,) = bench_images(None), bench_images(None)
    assert first.shape == (480, 640, 3)
    assert np.array_equal(first, second)


def test_with_data_the_first_four_images_are_taken() -> None:
    assert len(bench_images(FIXTURES / "shapes" / "data.yaml")) == 4


def test_the_table_says_what_was_timed_and_warns_of_a_busy_machine(capsys: pytest.CaptureFixture[str]) -> None:
    stock = Contestant(STOCK, Recorder("", []), 6_000_000)
    rows = tuple(
        bench_row(Contestant(name, stock.session, 6_000_000), (480, 640), np.array([mean]), stock=stock, stock_mean_ms=80.0)
        for name, mean in ((STOCK, 80.0), (CHANNELS_LAST, 40.0))
    )
    found = Bench(ReferenceId("m.pt", "0" * 64, "ultralytics"), rows, 1, RUNS, None, 3.0, ENVIRONMENT)
    print_bench(found, stdout_console())
    shown = " ".join(capsys.readouterr().out.split())
    assert "m.pt: the network alone, without preprocessing and NMS; 10 runs in turn on each of 1 image" in shown
    assert "pytorch channels_last 480x640 6.0 40.0 40.0 40.0 25.0 +0 % -50 %" in shown
    assert "load 3.0 before the start: the machine was not idle" in shown
    assert from_json(Bench, to_json(found), source="bench") == found
