"""What a quantization prints: every try in one row, and what there is to ship."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from oracles.results import ENVIRONMENT, check
from rich.console import Console

from parity.convert.quantisation import CalibrationSet, Quantisation, Step
from parity.quantize import Quantization
from parity.report.quantization import print_quantization
from parity.verdict import DatasetId, ReferenceId, Status, Verdict

STEPS = (
    Step(0, 0.6543, 0.0123, (-0.0012, 0.0201), 1.8, (1.71, 1.92), 3.4, "fail"),
    Step(12, 0.6601, 0.0021, (-0.0043, 0.0061), 1.55, (1.42, 1.61), 5.1, "inconclusive"),
)
MADE = Quantisation(CalibrationSet(64, "3" * 64, "train"), "percentile", 64, ("a",) * 5, ("b",) * 12, 0.005, "inconclusive", 112, STEPS, ())
FOUND = Quantization(
    ReferenceId("best.pt", "1" * 64, "ultralytics"),
    DatasetId("shapes", 112, "2" * 64),
    (640, 640),
    "onnx",
    "out/unreleased/best_640_int8.onnx",
    released=False,
    verdict=Verdict.INCONCLUSIVE,
    quantisation=MADE,
    checks=(check(Status.INCONCLUSIVE, name="ap_reference", detail="300 images would tell"),),
    environment=ENVIRONMENT,
    notes=(),
)


def printed(found: Quantization, *, width: int = 80) -> str:
    """What a terminal of that width gets."""
    page = StringIO()
    print_quantization(found, Console(file=page, width=width, markup=False, emoji=False, highlight=False))
    return page.getvalue()


def test_every_try_is_one_line_of_a_terminal() -> None:
    lines = [line.split() for line in printed(FOUND).splitlines()]
    assert ["5", "of", "64", "0.6543", "+0.0123", "-0.0012", "to", "+0.0201", "1.80x", "1.71-1.92", "3.4", "fail"] in lines
    assert ["17", "of", "64", "0.6601", "+0.0021", "-0.0043", "to", "+0.0061", "1.55x", "1.42-1.61", "5.1", "inconclusive"] in lines


def test_what_these_images_cannot_tell_is_said_with_what_would() -> None:
    text = " ".join(printed(FOUND).split())
    assert "300 images would tell" in text
    assert "verdict: inconclusive not released: out/unreleased/best_640_int8.onnx" in text


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(FOUND, released=True, verdict=Verdict.PASS, checks=()), "verdict: pass released: out/unreleased/best_640_int8.onnx"),
        (replace(FOUND, file=None, verdict=Verdict.FAIL), "verdict: fail nothing was written: "),
    ],
)
def test_the_last_words_say_what_there_is_to_ship(found: Quantization, says: str) -> None:
    assert says in " ".join(printed(found).split())
