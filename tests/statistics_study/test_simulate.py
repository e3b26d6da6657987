"""The study itself: a figure that misses is seen, and the populations are what they claim to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from statistics_study import simulate
from statistics_study.populations import some_population
from statistics_study.simulate import Figure, certain, dropped, equal_sides, run

from parity.records import evaluation

ALWAYS = Figure("it holds", 64, 1000, 0.95, 0.93, 0.97)


@pytest.mark.parametrize(("share", "holds"), [(0.92, False), (0.93, True), (0.97, True), (0.98, False), (np.nan, False)])
def test_a_share_holds_within_its_limits_only(share: float, holds: bool) -> None:  # noqa: FBT001 - a column
    assert replace(ALWAYS, share=share).holds is holds


@pytest.mark.parametrize(("share", "code"), [(0.95, 0), (0.5, 1)])
def test_the_check_is_red_where_a_figure_misses(
    share: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulate, "figures", lambda _ask, _scale: iter([replace(ALWAYS, share=share)]))
    assert simulate.main(["--check", "--jobs", "1"]) == code
    assert simulate.main(["--jobs", "1"]) == 0
    assert ("MISSED" in capsys.readouterr().out) is bool(code)


def test_the_interval_of_a_share_is_exact() -> None:
    assert certain(0.0, 1000) == pytest.approx((0, 0.00368), abs=1e-5)  # 1 - 0.025 ** (1 / 1000)
    assert certain(0.01, 1000) == pytest.approx((0.0048, 0.0183), abs=1e-4)  # binom.test(10, 1000) of R
    assert certain(1.0, 50)[1] == 1


def test_sides_without_noise_or_shift_are_equal_and_a_shift_costs_ap() -> None:
    reference, candidate = some_population(1, noise=0.0).draw(50, 1)
    np.testing.assert_array_equal(evaluation(reference).precision, evaluation(candidate).precision)
    assert some_population(1, noise=0.35, shift=0.5).true_difference(3000, 1) < -0.05


def test_equal_sides_differ_by_chance_alone() -> None:
    assert abs(some_population(2, noise=0.35).true_difference(20_000, 1)) < 0.003


def test_a_drop_is_as_large_as_asked_for_and_a_large_one_is_found() -> None:
    (trial,) = dropped(0.2, 128, 1)
    assert trial.population.true_difference(5000, 7) == pytest.approx(-0.2, abs=0.02)
    assert run(trial).failed
    assert not run(equal_sides(64, 1)[0]).failed
