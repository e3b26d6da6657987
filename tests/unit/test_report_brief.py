"""What decides fits on one screen, and a failure says why before it says where."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from oracles.exhibits import CAUSE, failing
from oracles.hostile import HOSTILE
from oracles.results import COUNTS, check, config, result
from rich.console import Console

from parity.report.brief import MOST_ROWS, print_brief
from parity.verdict import CandidateId, DatasetId, ReferenceId, Status, Verdict

if TYPE_CHECKING:
    from parity.verdict import Result

NAMES = ("yolov8n-onnx-640", "yolov8n-torchscript-640", "yolov8n-onnx-320", "yolov8n-torchscript-320")
CHECKS = ("repeatable", "names", "checkpoint", "images", "finite", "evidence", "missed", "ghosts", "class_flips", "edges", "ap_reference")
SCREEN = 24


def printed(shown: Result, *, width: int = 80, **options: Any) -> str:
    """What a terminal of that width gets, without colours."""
    page = StringIO()
    print_brief(shown, Console(file=page, width=width, markup=False, emoji=False, highlight=False, **options))
    return page.getvalue()


def squeezed(text: str) -> str:
    """Text without the places where it was folded."""
    return " ".join(text.split())


def usual() -> Result:
    """A pass of four configurations, with everything that a gate checks and a note."""
    own = [check(name=name, config=each) for each in NAMES for name in CHECKS]
    own += [check(name=name, config=each, measured=0.0004, limit=0.01, floor=0.004) for each in NAMES for name in ("shifted", "rescored")]
    own += [check(Status.NOT_CHECKED, name="ap_baseline", config=each, measured=None) for each in NAMES]
    counts = replace(COUNTS, images=128, images_agreeing=128, matched=744, reference_detections=744)
    configs = tuple(config(id=each, parity=counts) for each in NAMES)
    note = "24 classes of the model are not in the data and do not enter AP: fire hydrant, stop sign, parking meter"
    return result(configs=configs, checks=tuple(own), notes=(note,))


def test_a_pass_of_four_configurations_fits_a_screen() -> None:
    lines = printed(usual()).splitlines()
    assert len(lines) <= SCREEN
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_the_verdict_and_its_reason_come_first() -> None:
    lines = printed(usual()).splitlines()
    assert lines[0] == "PASS  m.pt on coco128, 8 images"
    assert lines[1].startswith("  The candidate detects what the reference detects: 52 of 56 checks passed, ")


def test_a_row_shows_agreement_accuracy_and_latency() -> None:
    assert "yolov8n-onnx-640 128/128 744/744 0.5000 0.0000 72.2 1.80x" in squeezed(printed(usual()))


def test_a_pass_says_how_far_it_is_from_its_limits() -> None:
    assert "largest shifted 0.0004, limit 0.01 (0.1 noise floors) largest rescored 0.0004, limit" in squeezed(printed(usual()))


def test_what_was_not_checked_says_why_once() -> None:
    unchecked = [check(Status.NOT_CHECKED, name="ap_reference", config=name, detail="no labels; and more") for name in NAMES]
    text = printed(replace(usual(), checks=(check(), *unchecked)))
    assert text.count("not checked: ap_reference (no labels)") == 1


def test_a_note_of_several_configurations_is_told_once() -> None:
    notes = ("24 of 112 images", *(f"{name}: its spec is its own stamp" for name in NAMES), *(f"{name}: odd" for name in NAMES[:2]))
    text = printed(replace(usual(), notes=notes), width=120)
    said = ("24 of 112 images", "all configurations: its spec is its own stamp", "yolov8n-onnx-640, yolov8n-torchscript-640: odd")
    assert all(f"\n  {line}" in text for line in said)
    assert text.count("stamp") == 1


def test_without_labels_or_latency_there_is_no_column_for_them() -> None:
    text = printed(replace(result(), configs=(config(metrics=None, latency_ms=None),)))
    assert "AP" not in text
    assert "latency" not in text


def test_what_one_configuration_lacks_is_a_dash() -> None:
    text = printed(replace(result(), configs=(config(), config(id="m-code-640", metrics=None, latency_ms=None))))
    assert "m-code-640 8/8 100/100 - - - -" in squeezed(text)


def test_a_failure_tells_its_cause_before_the_numbers_and_the_checks() -> None:
    text = printed(failing())
    places = [
        text.index(part) for part in ("FAIL  m.pt", "Red and blue were exchanged: 2 of 3", "CAUSE", "next: Swap.", "agree", "did not pass")
    ]
    assert places == sorted(places)


def test_a_failed_check_shows_measurement_limit_and_multiple_of_the_noise() -> None:
    text = squeezed(printed(failing()))
    assert "missed m-onnx-640 1 0" in text
    assert "shifted m-onnx-640 2 0.01 417" in text


def test_what_has_a_cause_needs_no_advice_of_its_own_and_what_has_none_does() -> None:
    assert "parity convert CHECKPOINT" not in printed(failing())
    unexplained = squeezed(printed(replace(failing(), diagnosis=())))
    assert "- 0.png: cat 0.8" in unexplained
    assert "next: compare the candidate's preprocessing" in unexplained


def test_a_cause_that_explains_a_part_leaves_the_checks_told() -> None:
    part = replace(failing(), diagnosis=(replace(CAUSE, status="partial"),))
    assert "- 0.png: cat 0.8" in squeezed(printed(part))


def test_a_check_of_something_else_than_detections_is_told_whatever_the_cause() -> None:
    stale = check(Status.FAIL, name="checkpoint", measured=1, detail="it was made from checkpoint 123")
    assert "it was made from checkpoint 123" in printed(replace(failing(), checks=(*failing().checks, stale)))


def test_the_same_cause_of_several_configurations_is_told_once() -> None:
    failed = tuple(check(Status.FAIL, config=name) for name in NAMES)
    shown = replace(usual(), verdict=Verdict.FAIL, checks=failed, diagnosis=tuple(replace(CAUSE, config=name) for name in NAMES))
    text = printed(shown)
    assert text.count("CAUSE") == 1
    assert "all configurations" in squeezed(text)


def test_a_waived_check_is_never_hidden() -> None:
    waived = check(Status.WAIVED, name="rescored", measured=0.5, limit=1e-4, detail="waived by Ada until 2027-01-31: a known rounding")
    text = squeezed(printed(replace(result(), checks=(check(), waived))))
    assert "WAIVED rescored m-onnx-640" in text
    assert "waived by Ada until 2027-01-31" in text


def test_an_inconclusive_check_says_what_would_help() -> None:
    doubtful = check(Status.INCONCLUSIVE, name="evidence", measured=0, limit=None)
    text = squeezed(printed(replace(result(), verdict=Verdict.INCONCLUSIVE, checks=(doubtful,))))
    assert "There is not enough evidence to pass: evidence." in text
    assert "next: give images on which the reference detects something" in text


def test_checks_beyond_what_fits_are_counted() -> None:
    many = tuple(check(Status.FAIL, measured=1, config=f"m-{place}") for place in range(MOST_ROWS + 5))
    causes = tuple(replace(CAUSE, config=each.config) for each in many)
    text = printed(replace(failing(), checks=many, diagnosis=causes))
    assert "and 5 more" in text


def test_the_last_line_counts_the_checks() -> None:
    assert printed(usual()).rstrip().splitlines()[-1] == "PASS  checks: 52 pass, 4 not checked"


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_reaches_no_terminal_as_it_is(hostile: str) -> None:
    doubtful = check(Status.INCONCLUSIVE, origin=hostile, detail=hostile)
    shown = replace(
        failing(),
        reference=ReferenceId(hostile, "1", "f"),
        dataset=DatasetId(hostile, 1, hostile),
        configs=(config(id=hostile, candidate=CandidateId("code", hostile, None)),),
        checks=(
            check(Status.FAIL, config=hostile, origin=hostile, detail=hostile),
            doubtful,
        ),
        diagnosis=(replace(CAUSE, config=hostile, message=hostile, fix=hostile, alternatives=(hostile,)),),
        notes=(hostile,),
    )
    text = printed(shown)
    assert [c for c in text if not (c.isprintable() or c == "\n")] == []
    assert max(map(len, text.splitlines())) <= 80
