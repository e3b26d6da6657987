"""What an interval and the tests of classes say of a margin."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from parity.limits import BOOTSTRAP, MARGINS
from parity.margins import ONE_SIDED, TWO_SIDED, drop_p_value, holm, images_needed, judge_classes, judge_margin, worst_line
from parity.statistics import ClassEstimate, Estimate, PairedStatistics


def estimate(delta: float | None, error: float | None = 0.01, *, half: float = 1.96) -> Estimate:
    """A symmetric interval around a difference."""
    interval = None if delta is None or error is None else (delta - half * error, delta + half * error)
    return Estimate(0.5, None if delta is None else 0.5 + delta, delta, interval, error)


def line(name: str, delta: float, error: float | None = 0.01, *, units: int = 50, size: str = "all") -> ClassEstimate:
    """A class."""
    return ClassEstimate(name, size, 100, units, estimate(delta, error))


def statistics(*lines: ClassEstimate, ap: Estimate | None = None, images: int = 100) -> PairedStatistics:
    """The statistics of two sides."""
    return PairedStatistics(images, images, BOOTSTRAP, {"AP": ap or estimate(0.0)}, lines)


@pytest.mark.parametrize(
    ("delta", "error", "outcome"),
    [
        (0.0, 0.001, "pass"),
        (-0.004, 0.0005, "pass"),
        (0.0, 0.0, "pass"),
        (-0.01, 0.0, "pass"),  # just the margin is kept
        (-0.0101, 0.0, "fail"),
        (-0.1, 0.01, "fail"),
        (-0.01, 0.01, "inconclusive"),
        (0.05, 0.1, "inconclusive"),
        (nan, nan, "inconclusive"),
        (0.0, nan, "inconclusive"),
    ],
)
def test_the_interval_decides(delta: float, error: float, outcome: str) -> None:
    assert judge_margin("AP", statistics(ap=estimate(delta, error)), 0.01).outcome == outcome


def test_an_open_question_says_what_would_decide_it() -> None:
    verdict = judge_margin("AP", statistics(ap=estimate(-0.004, 0.005)), 0.01)
    assert verdict.images_needed == 267  # 100 x (1.96 x 0.005 / 0.006)^2
    assert verdict.detail == "AP -0.0040, 95 % between -0.0138 and +0.0058, allowed -0.0100; about 267 images would decide"


@pytest.mark.parametrize("delta", [-0.01, -0.01001])
def test_a_difference_at_the_margin_is_said_to_be_there(delta: float) -> None:
    verdict = judge_margin("AP", statistics(ap=estimate(delta, 0.005)), 0.01)
    assert verdict.images_needed is None
    assert verdict.detail.endswith("no sensible number of images decides")


def test_more_images_are_asked_for_than_there_are() -> None:
    assert images_needed(-0.02, 0.001, 0.01, 100) == 101
    assert images_needed(nan, 0.001, 0.01, 100) is None


def test_with_the_number_of_images_asked_for_the_interval_ends_at_the_margin() -> None:
    needed = images_needed(-0.004, 0.005, 0.01, 100)
    assert needed is not None
    assert -0.004 - TWO_SIDED * 0.005 * (100 / needed) ** 0.5 == pytest.approx(-0.01, abs=2e-5)


def test_the_smallest_detectable_drop_is_found_in_95_of_100() -> None:
    verdict = judge_margin("AP", statistics(ap=estimate(0.0, 0.002)), 0.01)
    assert verdict.detectable == pytest.approx(0.01 + (1.96 + 1.645) * 0.002, abs=1e-5)
    assert verdict.detectable - ONE_SIDED * 0.002 - TWO_SIDED * 0.002 == pytest.approx(0.01)


def test_what_was_not_measured_is_not_checked() -> None:
    few = judge_margin("AP", statistics(ap=estimate(-0.3, None), images=8), 0.01)
    assert (few.outcome, few.detail) == ("not_checked", "8 images or groups of them, and fewer than 20 say nothing statistically")
    undefined = judge_margin("AP", statistics(ap=estimate(None, None)), 0.01)
    assert (undefined.outcome, undefined.detail) == ("not_checked", "AP is undefined: no such object")


def test_a_class_that_lost_much_fails_and_is_named_with_its_size() -> None:
    lines = [line("square", 0.0), line("red triangle", -0.161, size="small"), line("ring", -0.02)]
    verdict = judge_classes(statistics(*lines), 0.05)
    assert (verdict.outcome, verdict.failing, verdict.worst) == ("fail", (lines[1],), lines[1])
    assert verdict.detail == "worst red triangle small -0.161; 3 classes and sizes tested, 0 open, 0 with too few objects"


def test_a_loss_that_could_be_chance_fails_nothing_and_is_counted_as_open() -> None:
    verdict = judge_classes(statistics(line("square", 0.0), line("ring", -0.08, 0.02)), 0.05)
    assert (verdict.outcome, verdict.failing, verdict.open) == ("pass", (), 1)
    assert verdict.worst is not None
    assert verdict.worst.name == "ring"


def test_a_failing_class_whose_interval_ends_within_the_margin_hides_no_open_one() -> None:
    skewed = replace(line("star", -0.08, 0.005), ap=replace(estimate(-0.08, 0.005), ci95=(-0.049, -0.01)))
    verdict = judge_classes(statistics(skewed, line("ring", -0.08, 0.03)), 0.05)
    assert ([each.name for each in verdict.failing], verdict.open) == (["star"], 1)


def test_a_hostile_class_name_is_shown_in_printable_characters() -> None:
    detail = judge_classes(statistics(line("\x1b[2J\u202e", -0.5)), 0.05).detail
    assert detail.startswith(r"worst \x1b[2J\u202e -0.500; ")


def test_the_same_loss_fails_alone_and_not_among_three_hundred() -> None:
    lost = line("ring", -0.08, 0.01)
    others = [line(f"class {i}", 0.0) for i in range(300)]
    assert judge_classes(statistics(lost), 0.05).outcome == "fail"
    assert judge_classes(statistics(lost, *others), 0.05).outcome == "pass"


def test_lines_without_an_interval_or_on_one_image_are_counted_and_not_tested() -> None:
    lines = [line("square", -0.5, None), line("ring", -0.5, 0.0, units=1)]
    verdict = judge_classes(statistics(*lines), 0.05)
    assert (verdict.outcome, verdict.tested, verdict.too_few) == ("not_checked", 0, 2)
    assert verdict.detail == "none of 2 classes and sizes has enough objects"


@pytest.mark.parametrize(("delta", "error"), [(nan, 0.01), (0.0, nan), (nan, nan)])
def test_nan_never_passes_a_class(delta: float, error: float) -> None:
    assert judge_classes(statistics(line("ring", delta, error), line("box", 0.0)), 0.05).outcome == "inconclusive"
    assert judge_classes(statistics(line("ring", delta, error), line("box", -0.5)), 0.05).outcome == "fail"


def test_few_images_need_more_evidence() -> None:
    few, many = (drop_p_value(line("ring", -0.08, 0.01, units=units), 0.05) for units in (3, 300))
    assert many == pytest.approx(0.0015, abs=2e-4)  # t = -3
    assert few == pytest.approx(0.0477, abs=1e-4)  # scipy.stats.t.sf(3, 2)


def test_a_certain_loss_has_probability_0_and_a_certain_gain_1() -> None:
    assert drop_p_value(line("ring", -0.5, 0.0), 0.05) == 0
    assert drop_p_value(line("ring", 0.0, 0.0), 0.05) == 1


def test_holm_is_that_of_r() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # p.adjust(c(...), "holm")
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_margins_of_quantised_models_are_wider_than_of_half_precision() -> None:
    assert MARGINS["fp16"].ap.value < MARGINS["int8"].ap.value < MARGINS["int8"].per_class.value


def test_the_worst_line_has_the_strongest_evidence_of_a_loss() -> None:
    small = line("red_triangle", -0.061, 0.005, size="small")
    found = statistics(line("a", 0.02), line("b", -0.2, 0.2), small, line("rare", -0.9, None), line("once", -0.9, units=1))
    assert worst_line(found) == small
    assert small.title == "red_triangle small"
    assert worst_line(statistics(line("a", 0.02), line("b", 0.0))) is None
