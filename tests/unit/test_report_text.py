"""The text report shows everything that matters, folds what is long, and lets no name play tricks."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from oracles.results import COUNTS, check, config, result
from rich.console import Console

from parity.report.next_steps import NEXT_STEPS
from parity.report.terminal import plain_console, progress, stdout_console
from parity.report.text import print_result, report_text
from parity.verdict import Diagnosis, ReferenceId, Result, Status, Verdict

HOSTILE = "a\x1b[31m\nb[red]\u202e:warning:\udc80"
SHOWN = "a\\x1b[31m\\nb[red]\\u202e:warning:\\udc80"
FAILED = replace(result(), verdict=Verdict.FAIL, checks=(check(Status.FAIL, measured=3, detail="a.jpg: cat 0.9; b.jpg: dog 0.8"),))


def printed(shown: Result, *, width: int = 80) -> str:
    """What a terminal of that width gets, without colours."""
    page = StringIO()
    print_result(shown, Console(file=page, width=width, markup=False, emoji=False, highlight=False))
    return page.getvalue()


def squeezed(text: str) -> str:
    """Text without the places where it was folded."""
    return " ".join(text.split())


def test_the_verdict_comes_first_and_last() -> None:
    lines = report_text(FAILED).strip().splitlines()
    assert lines[0] == "FAIL  m.pt on coco128, 8 images"
    assert lines[-1] == "FAIL  checks: 1 fail"


def test_a_configuration_shows_its_counts_accuracy_and_latency() -> None:
    text = squeezed(report_text(result()))
    assert "m-onnx-640 8/8 100/100 0 0 0 0 0 1" in text
    assert "m-onnx-640 0.00012 3.5e-06 0.5000 0.5000 +0.0000" in text
    assert "m-onnx-640 130.4 72.2 1.80x 1.70 to 1.90" in text


def test_what_is_undefined_is_a_dash() -> None:
    unmatched = replace(COUNTS, max_box_px=None, max_score=None)
    text = squeezed(report_text(replace(result(), configs=(config(parity=unmatched, metrics=None, latency_ms=None),))))
    assert "m-onnx-640 - - - - -" in text
    assert "Latency" not in text


def test_checks_that_passed_are_only_counted() -> None:
    text = report_text(replace(result(), checks=(check(), check(name="ghosts"))))
    assert "ghosts" not in text.split("Latency")[1]
    assert "PASS  checks: 2 pass" in text


def test_a_failure_says_measurement_limit_origin_detail_and_what_to_do() -> None:
    text = squeezed(printed(FAILED))
    assert "FAIL missed m-onnx-640 measured 3, limit 0 (every one is a difference) - a.jpg: cat 0.9 - b.jpg: dog 0.8 next: " in text
    assert NEXT_STEPS["missed"] in text


def test_every_measurement_of_noise_is_shown_against_it_whether_it_passed_or_not() -> None:
    good = check(name="shifted", measured=0.002, limit=0.01, floor=0.001)
    bad = check(Status.FAIL, name="rescored", measured=0.5, limit=0.01, floor=0.001)
    text = squeezed(report_text(replace(result(), checks=(good, bad))))
    assert "m-onnx-640 shifted 0.002 0.01 2 pass" in text
    assert "m-onnx-640 rescored 0.5 0.01 5e+02 fail" in text
    assert "measured 0.5, limit 0.01 (every one is a difference); 5e+02 noise floors" in text


def test_unchecked_checks_say_why_and_failures_come_before_them() -> None:
    unchecked = check(Status.NOT_CHECKED, name="ap_baseline", measured=None, detail="no --baselines were given")
    doubtful = check(Status.INCONCLUSIVE, name="evidence", limit=None, measured=0)
    text = squeezed(report_text(replace(FAILED, checks=(unchecked, doubtful, *FAILED.checks))))
    assert text.index("FAIL missed") < text.index("INCONCLUSIVE evidence") < text.index("NOT CHECKED ap_baseline")
    assert "NOT CHECKED ap_baseline m-onnx-640 - no --baselines were given" in text


def test_what_is_said_of_all_configurations_is_said_once() -> None:
    configs = (config(), config(id="m-onnx-320"))
    unchecked = [check(Status.NOT_CHECKED, name="ap_baseline", config=one.id, detail="none") for one in configs]
    text = report_text(replace(result(), configs=configs, checks=(check(), *unchecked)))
    assert text.count("ap_baseline") == 1
    assert "NOT CHECKED  ap_baseline  all configurations" in text


def cause(**others: Any) -> Diagnosis:
    """A confirmed cause; what is not given is that of a stretched image."""
    words = {"message": "the image was stretched", "fix": "use a letterbox"}
    parts = {"config": "m-onnx-640", "fault": "stretch", "stage": "preprocess", "parameters": {}, "explains": 1.0, **words}
    return Diagnosis(**(parts | {"status": "confirmed", "method": "reproduce"} | others))


def test_a_named_cause_is_shown_with_its_evidence_and_its_fix() -> None:
    text = squeezed(report_text(replace(FAILED, diagnosis=(cause(),))))
    evidence = "evidence: reproduced in the reference's pipeline, which leaves nothing beyond the limits"
    head = "CAUSE stretch (preprocess, confirmed, explains 100%) m-onnx-640"
    assert f"{head} the image was stretched {evidence} next: use a letterbox" in text


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"status": "partial", "explains": 0.999}, "(preprocess, partial, explains 99%)"),
        ({"status": "partial"}, "reproduced in the reference's pipeline, which leaves the rest unexplained"),
        ({"method": "restore"}, "restored in the candidate, which leaves nothing beyond the limits"),
        ({"method": "inspect"}, "evidence: read in the file next:"),
        ({"alternatives": ("crop", "pad")}, "beyond the limits; cannot be told from crop, pad on these images next:"),
    ],
)
def test_the_evidence_of_a_cause_says_what_was_run_and_what_it_could_not_tell(others: dict[str, Any], says: str) -> None:
    assert says in squeezed(report_text(replace(FAILED, diagnosis=(cause(**others),))))


def test_notes_are_shown_once_each() -> None:
    assert report_text(replace(result(), notes=("8 of 128 images", "8 of 128 images"))).count("8 of 128 images") == 1


def test_hostile_strings_are_escaped_and_no_markup_is_read() -> None:
    reference = ReferenceId(HOSTILE, "1" * 64, "ultralytics")
    checks = (check(Status.FAIL, detail=HOSTILE, config=HOSTILE),)
    text = report_text(replace(result(), reference=reference, configs=(config(id=HOSTILE),), checks=checks, notes=(HOSTILE,)))
    assert text.count(SHOWN) >= 4  # reference, check and its detail, note; the table folds its own
    assert [c for c in text if not (c.isprintable() or c == "\n")] == []


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_at_any_width(width: int) -> None:
    long_id = "a_checkpoint_with_a_very_long_name_that_no_table_has_room_for-torchscript-640x480"
    detail = " ".join(f"word{n}" for n in range(300))
    shown = replace(FAILED, configs=(config(id=long_id),), checks=(check(Status.FAIL, config=long_id, detail=detail),))
    text = printed(shown, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert detail in squeezed(text)
    first_cells = [line.split(" ")[0] for line in text.split("Largest")[0].splitlines()]
    assert long_id in "".join(first_cells)


def test_a_pipe_gets_no_colours_and_a_wide_page(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_result(FAILED, stdout_console())
    assert "\x1b" not in capsys.readouterr().out
    assert stdout_console().width == 120


def test_a_terminal_gets_colours() -> None:
    page = StringIO()
    print_result(FAILED, Console(file=page, force_terminal=True, color_system="standard", width=80))
    assert "\x1b[1;31mFAIL" in page.getvalue()


def test_plain_text_has_no_colours_wherever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    page = StringIO()
    print_result(FAILED, plain_console(page))
    assert "\x1b" not in page.getvalue()


def test_progress_hands_on_all_items_and_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as follow:
        assert list(follow(iter([1, 2, 3]), "label", 3)) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_hands_on_all_items_and_shows_the_label(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress() as follow:
        assert list(follow(iter([1, 2, 3]), "[red]label", 3)) == [1, 2, 3]
    out, err = capsys.readouterr()
    assert out == ""
    assert "[red]label" in err


def test_what_is_waived_is_shown_with_its_reason_and_never_as_passed() -> None:
    detail = "waived by Ada until 2027-01-31: a known rounding; 3 of 9 beyond"
    shown = squeezed(
        report_text(result(checks=(check(), check(Status.WAIVED, name="rescored", measured=0.5, limit=0.0001, detail=detail))))
    )
    assert "WAIVED rescored m-onnx-640" in shown
    assert "measured 0.5, limit 0.0001" in shown
    assert "- waived by Ada until 2027-01-31: a known rounding - 3 of 9 beyond" in shown
    assert "checks: 1 pass, 1 waived" in shown
