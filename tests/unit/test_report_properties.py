"""What stands in a JUnit file of a configuration."""

from __future__ import annotations

from dataclasses import replace

from oracles.exhibits import CAUSE, failing
from oracles.results import check, config, result

from parity.report.properties import properties, result_properties
from parity.verdict import Status


def test_everything_that_is_known_has_a_name() -> None:
    found = dict(properties(config(), [check(Status.FAIL), check()], [CAUSE]))
    assert found == {
        "configuration": "m-onnx-640",
        "verdict": "fail",
        "AP_reference": "0.5",
        "AP_candidate": "0.5",
        "AP_change": "0",
        "images": "8",
        "images_agreeing": "8",
        "reference_detections": "100",
        "matched": "100",
        "missed": "0",
        "ghosts": "0",
        "class_flips": "0",
        "shifted": "0",
        "rescored": "0",
        "edges": "1",
        "max_box_px": "0.00012",
        "max_score": "3.5e-06",
        "latency_reference_ms": "130.4",
        "latency_candidate_ms": "72.25",
        "speedup": "1.805",
        "cause": "channel_order_bgr (preprocess, confirmed, explains 100%)",
    }


def test_what_is_unknown_has_none() -> None:
    names = {name for name, _ in properties(config(metrics=None, latency_ms=None), [check()], [])}
    assert not {name for name in names if name.startswith(("AP", "latency", "speedup", "cause"))}


def test_of_a_result_every_name_has_its_configuration_and_that_alone() -> None:
    both = replace(failing(), configs=(config(), config(id="m-onnx-320")), checks=(*failing().checks, check(config="m-onnx-320")))
    found = dict(result_properties(both))
    assert found["m-onnx-640.verdict"] == "fail"
    assert found["m-onnx-320.verdict"] == "pass"
    assert "m-onnx-320.cause" not in found


def test_control_characters_are_shown() -> None:
    assert dict(result_properties(result(configs=(config(id="a\x1b\x00"),))))["a\\x1b\\x00.configuration"] == "a\\x1b\\x00"
