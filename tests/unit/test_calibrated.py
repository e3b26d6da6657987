"""A file of limits is taken for what was measured, and for no more: nothing in it can silence a check."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oracles.results import ENVIRONMENT

from parity.calibrated import Calibration, Noise, SizeCalibration, limits_at, read_calibration
from parity.calibration import floor_of, limits_on
from parity.errors import BadInput, BaselineError
from parity.limits import FLOAT32, Limit, Limits
from parity.noise import DetectionNoise, HeadNoise
from parity.sealed import write_sealed
from parity.spec import Suppress
from parity.verdict import DatasetId, ReferenceId

SIZE = (640, 640)
DEPLOYED = Suppress()
NOISE = (Noise("a", "b", HeadNoise(0.002, 3e-6, 4e-5, 700), DetectionNoise(0.001, 0.002, 3e-6, 4e-5, 2000, 0, 0)),)
FLOOR = floor_of(NOISE, SIZE)
LIMITS = limits_on(FLOOR, NOISE, FLOAT32)


def calibration(limits: Limits = LIMITS) -> Calibration:
    """A calibration at one size."""
    one = SizeCalibration(SIZE, DEPLOYED.confidence, DEPLOYED.iou, NOISE, FLOOR, limits, limits.box)
    return Calibration(ReferenceId("m.pt", "0" * 64, "ultralytics"), DatasetId("d", 8, "1" * 64), (one,), ENVIRONMENT)


def read(file: Path, limits: Limits = LIMITS) -> Calibration:
    """A calibration with these limits, from its file."""
    write_sealed(file, "calibration", calibration(limits))
    return read_calibration(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a calibration is written."""
    return tmp_path / "limits.json"


def test_what_was_written_is_read(file: Path) -> None:
    assert read(file) == calibration()


def test_an_edited_limit_is_noticed(file: Path) -> None:
    read(file)
    plain = json.loads(file.read_text())
    plain["calibration"]["sizes"][0]["limits"]["none"]["value"] = 100_000
    file.write_text(json.dumps(plain))
    with pytest.raises(BaselineError, match=r"limits\.json: the calibration was edited(?s:.*)parity calibrate"):
        read_calibration(file)


def test_a_path_without_a_file_is_not_called_damaged(file: Path) -> None:
    with pytest.raises(BadInput, match=r"limits\.json: there is no such file"):
        read_calibration(file)


def test_only_what_was_measured_is_taken_from_the_file() -> None:
    loose = Limit(1e5, "any", "an editor")
    forged = calibration(replace(LIMITS, none=loose, ap_reference=loose, ap_baseline=loose))
    assert limits_at(forged, SIZE, path=Path("f"), thresholds=DEPLOYED, family=FLOAT32) == LIMITS


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("box", {"value": -0.02}, "is not 10 x its noise"),
        ("box", {"value": 0.021}, "is not 10 x its noise"),
        ("score", {"floor": None}, "is not 10 x its noise"),
        ("score", {"value": -3e-5, "floor": -3e-6}, "is not 10 x its noise"),
        ("box", {"value": 0.26, "floor": 0.026}, "too noisy"),
        ("score", {"value": 2e-3, "floor": 2e-4}, "too noisy"),
        ("logit", {"value": 5e-3, "floor": 5e-4}, "too noisy"),
        ("edge_rate", {"value": 0.011}, "too noisy"),
        ("edge_rate", {"value": 0.0}, "no rate"),
        ("edge_rate", {"value": -1.0}, "no rate"),
    ],
)
def test_a_limit_that_no_sound_calibration_gives_is_refused(name: str, changes: dict[str, Any], says: str, file: Path) -> None:
    limit = replace(getattr(LIMITS, name), **changes)
    with pytest.raises(BaselineError, match=rf"limits\.json: .*{name}.*{says}"):
        read(file, replace(LIMITS, **{name: limit}))


def test_a_limit_that_is_not_finite_is_refused(file: Path) -> None:
    read(file)
    file.write_text(file.read_text().replace('"value": 0.02', '"value": 1e999'))
    with pytest.raises(BaselineError, match=r"limits\.json"):
        read_calibration(file)


@pytest.mark.parametrize("changes", [{"confidence": 0.001}, {"iou": 0.5}])
def test_limits_of_other_thresholds_are_refused(changes: dict[str, float]) -> None:
    deployed = replace(DEPLOYED, **changes)
    with pytest.raises(BaselineError, match=r"f\.json: the limits were calibrated at other thresholds(?s:.*)parity calibrate with --conf"):
        limits_at(calibration(), SIZE, path=Path("f.json"), thresholds=deployed, family=FLOAT32)
