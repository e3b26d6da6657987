"""The tables of a calibration show every way, the floors and the limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from oracles.results import ENVIRONMENT

from parity.calibrated import Calibration, Noise, SizeCalibration
from parity.calibration import edge_rate, floor_of, limits_on
from parity.limits import CEILINGS, FLOAT32, MIN_EDGE_DETECTIONS, Limit
from parity.noise import DetectionNoise, HeadNoise
from parity.report.calibration import print_calibration
from parity.report.terminal import stdout_console
from parity.verdict import DatasetId, ReferenceId
from parity.wire import from_json, to_json

NOISE = (
    Noise("pytorch float64", "pytorch float32", HeadNoise(0.002, 2e-6, 3e-5, 700), DetectionNoise(0.001, 0.004, 3e-6, 2e-5, 500, 0, 0)),
    Noise(
        "onnxruntime not optimised", "onnxruntime", HeadNoise(0.001, 1e-6, 4e-5, 700), DetectionNoise(0.001, 0.002, 1e-6, 2e-5, 500, 1, 0)
    ),
)


def test_a_floor_is_the_largest_of_every_way_at_the_head_and_at_the_detections() -> None:
    floor = floor_of(NOISE, (640, 640))
    assert (floor.box_network_px, floor.box_image_px, floor.score, floor.logit) == (0.002, 0.004, 3e-6, 4e-5)


def test_no_floor_is_below_a_rounding_step() -> None:
    silent = Noise("a", "b", None, DetectionNoise(0, 0, 0, 0, 5, 0, 0))
    assert floor_of((silent,), None).score == np.finfo(np.float32).eps


def test_a_limit_is_ten_floors_and_says_what_it_stands_on() -> None:
    limits = limits_on(floor_of(NOISE, (640, 640)), NOISE, FLOAT32)
    assert (limits.box.value, limits.box.floor) == (0.02, 0.002)
    assert limits.box.origin.startswith("10 x the largest difference of the reference from itself, run in 2 ways (raw head and detections)")
    assert limits.ap_reference == FLOAT32.ap_reference


def test_a_network_that_suppresses_inside_says_that_only_its_detections_were_measured() -> None:
    noise = (Noise("a", "b", None, NOISE[0].detections),)
    assert "(detections)" in limits_on(floor_of(noise, None), noise, FLOAT32).box.origin


def test_the_rate_of_edges_is_that_of_all_ways_together() -> None:
    rate = edge_rate(NOISE, FLOAT32.edge_rate)
    assert rate.value == pytest.approx(4.744 / 1000, rel=1e-3)  # Garwood's upper limit of one event
    assert "1 edges in 1000 detections" in rate.origin


@pytest.mark.parametrize("detections", [1, MIN_EDGE_DETECTIONS - 1])
def test_few_detections_give_no_rate_of_edges_however_many_ways_they_were_seen(detections: int) -> None:
    few = replace(NOISE[0], detections=replace(NOISE[0].detections, detections=detections))
    rate = edge_rate((few,) * 6, FLOAT32.edge_rate)
    assert (rate.value, rate.unit) == (FLOAT32.edge_rate.value, FLOAT32.edge_rate.unit)
    assert f"{detections} detections are too few to measure it" in rate.origin
    assert rate.origin.endswith(FLOAT32.edge_rate.origin)


def test_where_enough_detections_show_no_edge_the_rate_keeps_its_ceiling() -> None:
    enough = replace(NOISE[0], detections=replace(NOISE[0].detections, detections=MIN_EDGE_DETECTIONS))
    assert edge_rate((enough,), FLOAT32.edge_rate).value <= CEILINGS["edge_rate"].value


def test_the_tables_show_ways_floors_and_limits(capsys: pytest.CaptureFixture[str]) -> None:
    floor = floor_of(NOISE, (640, 640))
    one = SizeCalibration(
        (640, 640), 0.25, 0.7, NOISE, floor, limits_on(floor, NOISE, FLOAT32), Limit(0.04, "image px", "ten floors", 0.004)
    )
    found = Calibration(ReferenceId("m.pt", "0" * 64, "ultralytics"), DatasetId("d", 8, "1" * 64), (one,), ENVIRONMENT)
    print_calibration(found, stdout_console())
    shown = " ".join(capsys.readouterr().out.split())
    assert "pytorch float64 0.002 2e-06 3e-05 0.001 0.004 3e-06 2e-05 0/500" in shown
    assert "640 box network px 0.002 0.02" in shown
    assert "640 box as drawn image px 0.004 0.04" in shown
    assert "1 edges in 1000 detections" in shown
    assert from_json(Calibration, to_json(found), source="c") == found


def test_a_calibration_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="schema 2"):
        Calibration(ReferenceId("m.pt", "0" * 64, "u"), DatasetId("d", 8, "1" * 64), (), ENVIRONMENT, schema=2)
