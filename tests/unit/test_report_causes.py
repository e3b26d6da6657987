"""What ``parity diagnose`` prints: an answer for every configuration, whatever it is, before any number."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

from oracles.results import check, config, result

from parity.report.causes import print_diagnosis
from parity.report.terminal import plain_console
from parity.verdict import Diagnosis, ReferenceId, Result, Status, Verdict

CAUSE = Diagnosis(
    "m-onnx-640", "nms_iou", "nms", {"iou": 0.52}, 0.96, "partial", "reproduce", "NMS differs. (iou 0.52)", "Set it.", ("agnostic",)
)


def printed(**others: Any) -> str:
    """The answer to a result, without the places where it was folded."""
    page = StringIO()
    print_diagnosis(replace(result(), **others), plain_console(page))
    return " ".join(page.getvalue().split())


def failed(**others: Any) -> dict[str, Any]:
    """The parts of a result that failed at 523 missed detections."""
    checks = (check(Status.FAIL, measured=523), check(Status.FAIL, name="shifted", measured=0.0371234, limit=0.01))
    return {"verdict": Verdict.FAIL, "checks": checks} | others


def test_causes_come_first_with_parameters_evidence_and_fix() -> None:
    text = printed(**failed(diagnosis=(CAUSE,)))
    evidence = "reproduced in the reference's pipeline, which leaves the rest unexplained; cannot be told from agnostic on these images"
    words = f"NMS differs. (iou 0.52) evidence: {evidence} next: Set it."
    assert text.startswith(f"FAIL m.pt on coco128, 8 images CAUSE nms_iou (nms, partial, explains 96%) m-onnx-640 {words} Detections")
    assert text.endswith("FAIL checks: 2 fail")


def test_what_cannot_be_named_is_said_with_the_checks_that_failed() -> None:
    text = printed(**failed())
    assert "NOT NAMED m-onnx-640 nothing could be named: no fault that can be simulated" in text
    assert "failed at: missed (523), shifted (0.03712) Detections" in text


def test_a_recorded_reference_cannot_be_simulated_and_the_answer_says_so() -> None:
    text = printed(**failed(reference=ReferenceId("reference.json", "1" * 64, "predictions")))
    assert "recorded detections cannot be simulated; give the checkpoint as --reference" in text


def test_what_is_no_difference_between_detections_is_not_searched_for() -> None:
    text = printed(verdict=Verdict.FAIL, checks=(check(Status.FAIL, name="ap_baseline", measured=0.003),))
    assert (
        "NOT NAMED m-onnx-640 nothing was searched for: what failed is no difference between detections failed at: ap_baseline (0.003)"
        in text
    )


def test_sides_that_agree_have_nothing_to_explain() -> None:
    assert "AGREES m-onnx-640 both sides agree within the limits: there is nothing to explain Detections" in printed()


def test_what_is_not_enough_evidence_is_not_called_agreement() -> None:
    text = printed(verdict=Verdict.INCONCLUSIVE, checks=(check(Status.INCONCLUSIVE, name="evidence", measured=None),))
    assert "INCONCLUSIVE m-onnx-640 not enough evidence to explain anything: evidence Detections" in text
    assert "AGREES" not in text


def test_every_configuration_has_its_own_answer() -> None:
    sick: Result = replace(result(), **failed(diagnosis=(CAUSE,)))
    text = printed(verdict=sick.verdict, checks=sick.checks, diagnosis=sick.diagnosis, configs=(config(), config(id="m-onnx-320")))
    assert text.index("CAUSE nms_iou") < text.index("AGREES m-onnx-320") < text.index("Detections")
