"""What a page says: the verdict in one sentence, and every check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from oracles.exhibits import CAUSE, different, exhibit, failing
from oracles.results import check, config, result

from parity.report.page import answers, charts, check_rows, reason, share, tiles
from parity.report.pooled import pooled
from parity.verdict import Status, Verdict

if TYPE_CHECKING:
    from pathlib import Path


def test_a_pass_says_how_many_checks_hold_and_what_was_not_held() -> None:
    checks = (check(), check(Status.WAIVED, name="edges"), check(Status.NOT_CHECKED, name="ap_baseline"))
    assert reason(replace(result(), checks=checks)) == (
        "The candidate detects what the reference detects: 1 of 3 checks passed, 1 waived (edges), 1 not checked (ap baseline)."
    )


def test_a_failure_says_its_cause_first_and_names_the_checks() -> None:
    assert reason(failing()) == "Red and blue were exchanged: 2 of 3 checks failed (missed, shifted)."
    assert reason(replace(failing(), diagnosis=())) == "2 of 3 checks failed: missed, shifted."
    part = replace(failing(), diagnosis=(replace(CAUSE, status="partial"),))
    assert reason(part).startswith("Red and blue were exchanged (partial): 2 of 3")


def test_of_many_checks_the_first_are_named() -> None:
    failed = tuple(check(Status.FAIL, name=name) for name in ("missed", "ghosts", "class_flips", "shifted", "rescored", "edges"))
    assert reason(replace(result(), verdict=Verdict.FAIL, checks=failed)).endswith("missed, ghosts, class flips, shifted and 2 more.")


def test_too_little_evidence_is_no_pass() -> None:
    unsure = replace(result(), verdict=Verdict.INCONCLUSIVE, checks=(check(Status.INCONCLUSIVE, name="evidence"),))
    assert reason(unsure) == "There is not enough evidence to pass: evidence."
    assert reason(replace(unsure, checks=())) == "There is not enough evidence to pass: nothing was checked."


def test_failures_come_first_and_what_several_say_alike_is_said_once() -> None:
    both = tuple(check(name="images", config=name) for name in ("a", "b"))
    rows = check_rows(
        replace(result(), configs=(config(id="a"), config(id="b")), checks=(*both, check(Status.FAIL, config="b", measured=3)))
    )
    assert [(row.word, row.name, row.where) for row in rows] == [("fail", "missed", ("b",)), ("pass", "images", ("all configurations",))]


@pytest.mark.parametrize(("measured", "floor", "shown"), [(0.0048, 0.0048, "1 x"), (1.0, 1e-4, "10,000 x"), (None, 1.0, ""), (3, None, "")])
def test_a_measurement_is_a_multiple_of_the_noise(measured: float | None, floor: float | None, shown: str) -> None:
    assert check_rows(replace(result(), checks=(check(measured=measured, floor=floor),)))[0].floors == shown


@pytest.mark.parametrize(("measured", "shown"), [(12_345, "12,345"), (0.0, "0"), (0.012345, "0.01235"), (8.4177, "8.418")])
def test_counts_are_shown_whole_and_measurements_to_four_digits(measured: float, shown: str) -> None:
    assert check_rows(replace(result(), checks=(check(measured=measured),)))[0].measured == shown


def test_a_check_that_failed_says_what_was_seen_and_what_to_do() -> None:
    row = check_rows(replace(failing(), diagnosis=()))[0]
    assert row.open
    assert row.details == ("0.png: cat 0.8", "and more")
    assert "preprocessing" in row.next_step


def test_what_a_confirmed_cause_explains_is_folded() -> None:
    assert [(row.open, row.next_step) for row in check_rows(failing())[:1]] == [(False, "")]


def test_without_a_cause_it_says_why_there_is_none() -> None:
    (agrees,) = answers(result())
    assert agrees.said == ("both sides agree within the limits: there is nothing to explain",)
    (unnamed,) = answers(replace(failing(), diagnosis=()))
    assert unnamed.said[-1] == "failed at: missed (1), shifted (2)"
    (named,) = answers(failing())
    assert (named.causes, named.said) == ((CAUSE,), ())


@pytest.mark.parametrize(("part", "whole", "shown"), [(0, 0, "nothing to compare"), (9999, 10_000, "99.9 %"), (5, 5, "100.0 %")])
def test_a_share_is_never_rounded_up_to_the_whole(part: int, whole: int, shown: str) -> None:
    assert share(part, whole) == shown


def test_the_tiles_hold_the_numbers_that_everybody_looks_for() -> None:
    assert [(tile.title, tile.value) for tile in tiles(result())] == [
        ("Images that agree", "8 / 8"),
        ("Detections matched", "100 / 100"),
        ("AP change", "0.0000"),
        ("Speed", "1.80x"),
    ]
    assert list(tiles(replace(result(), configs=()))) == []


def test_the_charts_are_of_all_images_together(tmp_path: Path) -> None:
    shown = exhibit(tmp_path, [different(), different()])
    titles = [chart.title for chart in charts(shown)]
    assert titles == ["Boxes: how far apart", "Scores: how far apart", "Score against score", "Precision and recall at IoU 0.5"]
    together = pooled(shown.comparisons)
    assert (together.missed_scores.tolist(), together.ghost_scores.tolist()) == ([0.8, 0.8], [0.4, 0.4])
    assert sorted(together.drift_network_px.tolist()) == [0, 0, 0, 0, 2, 2]
