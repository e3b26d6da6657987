"""The embedded models are timed at the sizes that they are deployed at, small and rectangular ones among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parity import cli
from parity.timing import XDIST

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHAPES, TRIANGLES = FIXTURES / "models" / "yolov8n_shapes.pt", FIXTURES / "models" / "fasterrcnn_triangles"
QUICKLY = ("--runs", "20", "--threads", "1")
PYTORCH = ["pytorch", "pytorch channels_last"]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timing is refused in a worker, and these tests may run in one: they hold no time against a limit."""
    monkeypatch.delenv(XDIST, raising=False)


def benched(folder: Path, *arguments: object) -> Any:
    """The JSON of a bench."""
    target = folder / "bench.json"
    assert cli.main(["bench", *map(str, arguments), *QUICKLY, "--json", str(target)]) == 0
    return json.loads(target.read_text(encoding="utf-8"))


def test_a_small_custom_model_is_timed_at_128_and_at_a_rectangle(tmp_path: Path) -> None:
    found = benched(tmp_path, SHAPES, "--imgsz", "128,128x256", "--data", FIXTURES / "shapes" / "data.yaml")
    assert [setting["imgsz"] for setting in found["settings"]] == [[128, 128], [128, 256]]
    square, rectangle = found["settings"]
    assert [row["name"] for row in square["rows"]][:4] == [*PYTORCH, "onnx", "torchscript"]
    assert {row["shape"] for row in square["rows"][2:]} == {"static"}
    assert all(row["median_ms"] > 0 for row in (*square["rows"], *rectangle["rows"]))
    assert found["images"] == 4


def test_a_fasterrcnn_is_timed_on_images_as_they_are_alone_and_in_batches(tmp_path: Path) -> None:
    data = ("--data", FIXTURES / "triangles_dataset_small")
    found = benched(tmp_path, TRIANGLES, "--to", "torchscript,onnx", "--batch", "1,2", "--imgsz", "320", *data)
    assert [(setting["imgsz"], setting["batch"]) for setting in found["settings"]] == [(None, 1), (None, 2)]
    single, double = found["settings"]
    assert [row["name"] for row in single["rows"]] == [*PYTORCH, "torchscript", "onnx"]
    assert {row["shape"] for row in (*single["rows"][2:], *double["rows"][2:])} == {"dynamic"}
    assert all(row["median_ms"] > 0 for row in (*single["rows"], *double["rows"]))
    assert "the network resizes images itself, so --imgsz does not apply" in found["notes"]
