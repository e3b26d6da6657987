"""The summary of a CI job: what is on it, that what others wrote stays text, and that it stays small."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oracles.exhibits import CAUSE, failing
from oracles.hostile import HOSTILE
from oracles.rendered import rendered
from oracles.results import check, config, result

from parity.display import LONGEST, display
from parity.report.ci import LARGEST
from parity.report.summary import MOST_ROWS, summary, title_of
from parity.verdict import CandidateId, Delta, Result, Status, Verdict

TITLE = "m.pt on coco128, 8 images"


def rows(markdown: str) -> list[list[str]]:
    """The cells of every row of every table, as they are shown."""
    return rendered(markdown).rows


def test_the_verdict_and_its_reason_come_first() -> None:
    said = "Red and blue were exchanged: 2 of 3 checks failed (missed, shifted)."
    assert rendered(summary(failing(), TITLE)).text.startswith(f"Parity: FAIL\n{said}\nm.pt on coco128, 8 images\n")


def test_a_row_has_agreement_accuracy_with_its_interval_and_latency() -> None:
    metrics = replace(config().metrics, delta={"AP": Delta(-0.0123, (-0.02, -0.004))})
    _, row = rows(summary(replace(result(), configs=(config(metrics=metrics),)), TITLE))
    assert [each.replace("\xa0", " ") for each in row] == [
        *("m-onnx-640", "8/8", "100/100", "0, 0", "0.5000", "0.5000", "-0.0123 (-0.0200 to -0.0040)"),
        *("130.4, 72.2", "1.80x (1.70 to 1.90)"),
    ]


def test_what_is_unknown_is_a_dash() -> None:
    _, row = rows(summary(replace(result(), configs=(config(metrics=None, latency_ms=None),)), TITLE))
    assert row[4:] == ["-"] * 5


def test_a_check_that_failed_has_measurement_limit_noise_and_cause() -> None:
    assert rows(summary(failing(), TITLE))[3:] == [
        ["fail", "missed", "m-onnx-640", "1", "0", "", "channel_order_bgr"],
        ["fail", "shifted", "m-onnx-640", "2", "0.01", "417 x", "channel_order_bgr"],
    ]


def test_a_cause_has_its_evidence_and_its_fix() -> None:
    text = rendered(summary(failing(), TITLE)).text
    assert "channel_order_bgr (preprocess, confirmed, explains 100%) of m-onnx-640" in text
    assert "evidence: restored in the candidate, which leaves nothing beyond the limits" in text
    assert "next: Swap." in text


def test_what_has_no_cause_has_a_next_step_and_a_pass_has_none() -> None:
    assert "missed: compare the candidate's preprocessing" in rendered(summary(replace(failing(), diagnosis=()), TITLE)).text
    assert "Next" not in rendered(summary(result(), TITLE)).text


def hostile_result(name: str) -> Result:
    """A failure in which every text is the same name."""
    return replace(
        failing(),
        configs=(config(id=name, candidate=CandidateId("code", name, None)),),
        checks=(check(Status.FAIL, name=name, config=name, origin=name, detail=name), check(Status.INCONCLUSIVE, config=name)),
        diagnosis=(
            replace(CAUSE, config=name, fault=name, message=name, fix=name, alternatives=(name,)),
            replace(CAUSE, config="other", status=name, method=name),
        ),
    )


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_stays_text(hostile: str) -> None:
    plain, page = (rendered(summary(hostile_result(name), name)) for name in ("plain", hostile))
    assert page.tags == plain.tags
    shown = " ".join(display(hostile)[:LONGEST].split())
    assert " ".join(page.text.split()).count(shown) >= 8
    assert [c for c in page.text if not (c.isprintable() or c in "\n\xa0")] == []


def test_the_longest_names_of_the_most_rows_are_still_shown() -> None:
    long = "\U0001f4a9\x1b&" * 200
    checks = tuple(check(Status.FAIL, config=f"{place}{long}", measured=1) for place in range(3 * MOST_ROWS))
    causes = tuple(replace(CAUSE, config=each.config, fault=long, message=f"{each.config}", fix=long) for each in checks)
    shown = replace(
        result(), verdict=Verdict.FAIL, checks=checks, configs=tuple(config(id=each.config) for each in checks), diagnosis=causes
    )
    text = summary(shown, long)
    assert len(text.encode()) < LARGEST
    assert f"and {2 * MOST_ROWS} more, which the result JSON has" in text


def test_the_title_says_what_was_held_on_what() -> None:
    assert title_of(result()) == TITLE
