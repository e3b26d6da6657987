"""Every check is seen green and red, and a red one says where to look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracles.samples import Row, dataset, found, truth

from parity.checks import Compared, class_name, describe, evidence, extreme, parity_checks
from parity.comparison import Rounding, compare_image
from parity.detections import Detections
from parity.limits import FLOAT32, Profile
from parity.spec import Suppress
from parity.verdict import Check, Status, Verdict, conclude

A: Row = (10, 10, 50, 50, 0.9, 0)
B: Row = (100, 100, 160, 160, 0.6, 1)
EXACT = Rounding()
NAMES = ("cat", "dog\x1b[31m")
ALL = ("images", "finite", "evidence", "missed", "ghosts", "class_flips", "shifted", "rescored", "edges")


def compared(*pairs: tuple[Detections, Detections], absent: bool = False, rounding: Rounding = EXACT) -> Compared:
    """One comparison for each pair, on images with hostile names."""
    options: dict[str, Any] = {"thresholds": Suppress(), "gain": 1.0, "rounding": rounding, "absent": absent}
    comparisons = [compare_image(first, second, FLOAT32, **options) for first, second in pairs]
    images = (
        dataset([truth()] * len(pairs), ((0, "cat"),), names=[f"im\u202eage{n}.jpg" for n in range(len(pairs))]).images if pairs else ()
    )
    return Compared("yolov8n-onnx-640", NAMES, images, comparisons, FLOAT32)


def checks_of(*pairs: tuple[Detections, Detections], absent: bool = False) -> dict[str, Check]:
    """The parity checks by name."""
    return {check.name: check for check in parity_checks(compared(*pairs, absent=absent))}


def with_nan(detections: Detections) -> Detections:
    """The same with one output that was NaN."""
    return replace(detections, non_finite=1)


def test_equal_sides_pass_every_check() -> None:
    checks = checks_of((found(A, B), found(A, B)))
    assert tuple(checks) == ALL
    assert {check.status for check in checks.values()} == {Status.PASS}
    assert {check.config for check in checks.values()} == {"yolov8n-onnx-640"}
    assert conclude(checks.values()) is Verdict.PASS


@pytest.mark.parametrize(
    ("name", "reference", "candidate", "detail"),
    [
        ("finite", found(A), with_nan(found(A)), "1 outputs are NaN or infinite"),
        ("missed", found(A, B), found(A), r"dog\x1b[31m 0.600000 at (100.0, 100.0, 160.0, 160.0)"),
        ("ghosts", found(A), found(A, B), r"dog\x1b[31m 0.600000"),
        ("class_flips", found(A, B), found((*A[:5], 1), B), r"cat 0.900000 at (10.0, 10.0, 50.0, 50.0) became dog\x1b[31m"),
        ("shifted", found(A), found((10.5, *A[1:])), "1 of 1 beyond; 0.5 network px would have passed"),
        ("rescored", found(A), found((*A[:4], 0.8, 0)), "became 0.800000"),
    ],
)
def test_each_difference_fails_its_own_check_and_names_image_and_class(
    name: str, reference: Detections, candidate: Detections, detail: str
) -> None:
    checks = checks_of((reference, candidate))
    assert [each for each, check in checks.items() if check.status is Status.FAIL] == [name]
    assert detail in checks[name].detail
    assert r"im\u202eage0.jpg" in checks[name].detail
    assert checks[name].detail.isprintable()


EDGE: Row = (*B[:4], 0.25005, 1)


def test_as_many_edges_as_noise_makes_pass_and_say_why_they_are_edges() -> None:
    check = checks_of((found(A, EDGE), found(A)))["edges"]
    assert (check.status, check.measured, check.limit) == (Status.PASS, 1, 1)
    assert r"dog\x1b[31m 0.250050 at (100.0, 100.0, 160.0, 160.0) only in the reference: confidence, at 0.42 of the margin" in check.detail


def test_more_edges_than_noise_makes_fail() -> None:
    check = checks_of(*[(found(A, EDGE), found(A))] * 9)["edges"]
    assert (check.status, check.measured, check.limit) == (Status.FAIL, 9, 1)
    assert "rule of three; 99.9% of healthy runs have no more on 18 detections" in check.origin


ROUNDED = Rounding(box_px=0.1, score=1e-3)
OVERLAPPED: Row = (10, 10, 50, 38.05, 0.5, 0)  # by 0.70 with A


@pytest.mark.parametrize(
    ("row", "status", "measured", "note"),
    [
        (EDGE, Status.FAIL, 9, ""),
        (OVERLAPPED, Status.FAIL, 9, ""),
        ((*B[:4], 0.2505, 1), Status.PASS, 0, "9 more have scores that rounding brings to the threshold, and are not counted"),
    ],
)
def test_of_rounded_numbers_all_edges_are_held_but_those_of_the_rounding_itself(row: Row, status: Status, measured: int, note: str) -> None:
    (check,) = (each for each in parity_checks(compared(*[(found(A, row), found(A))] * 9, rounding=ROUNDED)) if each.name == "edges")
    assert (check.status, check.measured, check.limit) == (status, measured, 1)
    assert note in check.detail


def typical(*pairs: tuple[Detections, Detections], profile: Profile = Profile.INT8, absent: bool = False) -> dict[str, Check]:
    """The checks of a candidate that rounds, by name."""
    return {check.name: check for check in parity_checks(replace(compared(*pairs, absent=absent), profile=profile))}


SAME = (found(A, B), found(A, B))


@pytest.mark.parametrize("profile", [Profile.FP16, Profile.INT8])
def test_a_candidate_that_rounds_is_held_by_what_most_detections_do(profile: Profile) -> None:
    checks = typical(*[SAME] * 60, (found(A, B), found((30, *A[1:]))), profile=profile)
    assert tuple(checks) == ALL[:-1]
    assert {check.status for check in checks.values()} == {Status.PASS}
    assert (checks["missed"].measured, checks["shifted"].measured) == (pytest.approx(1 / 122), 0.0)
    assert r"1 on 122 reference detections; im\u202eage60.jpg" in checks["missed"].detail


MOVED, RESCORED, FLIPPED = found((15, *A[1:]), (105, *B[1:])), found((*A[:4], 0.7, 0), (*B[:4], 0.4, 1)), found((*A[:5], 1), B)


@pytest.mark.parametrize(
    ("name", "candidate", "measured"),
    [("shifted", MOVED, 5.0), ("rescored", RESCORED, 0.2), ("missed", found(A), 0.5), ("class_flips", FLIPPED, 0.5)],
)
@pytest.mark.parametrize("profile", [Profile.FP16, Profile.INT8])
def test_what_moves_most_detections_is_no_rounding(name: str, candidate: Detections, measured: float, profile: Profile) -> None:
    checks = typical(*[(found(A, B), candidate)] * 9, profile=profile)
    assert checks[name].status is Status.FAIL
    assert checks[name].measured == pytest.approx(measured)


def test_many_ghosts_are_no_rounding() -> None:
    assert typical((found(A), found(A, B)))["ghosts"].status is Status.FAIL


def test_most_detections_of_none_are_not_known() -> None:
    checks = typical((found(), found()))
    assert {checks[name].status for name in ALL[3:-1]} == {Status.INCONCLUSIVE}
    assert conclude(typical((found(A), found())).values()) is Verdict.FAIL


@pytest.mark.parametrize(("score", "status"), [(0.3, Status.PASS), (0.8, Status.FAIL)])
def test_a_list_without_rows_for_an_image_of_faint_detections_is_an_answer_of_a_candidate_that_rounds(score: float, status: Status) -> None:
    pair = (found((*A[:4], score, 0)), found())
    assert typical(pair, absent=True)["images"].status is status
    assert checks_of(pair, absent=True)["images"].status is Status.FAIL


def test_a_passing_measurement_says_what_would_have_been_enough() -> None:
    check = checks_of((found(A), found((10.0024, *A[1:]))))["shifted"]
    assert check.status is Status.PASS
    assert "0 of 1 beyond; 0.0024 network px would have passed" in check.detail
    assert check.noise_floors == "0.5 noise floors"


def test_an_absent_image_fails() -> None:
    check = checks_of((found(A), Detections.none()), absent=True)["images"]
    assert (check.status, check.measured) == (Status.FAIL, 1)
    assert "not on record, and the reference has 1 detections there" in check.detail


def test_agreement_on_nothing_is_inconclusive() -> None:
    checks = checks_of((Detections.none(), Detections.none()))
    assert checks["evidence"].status is Status.INCONCLUSIVE
    assert "a lower --conf" in checks["evidence"].detail
    assert {checks[name].status for name in ("shifted", "rescored")} == {Status.INCONCLUSIVE}
    assert conclude(checks.values()) is Verdict.INCONCLUSIVE


def test_no_images_are_no_evidence() -> None:
    assert evidence(compared()).status is Status.INCONCLUSIVE
    assert conclude(checks_of().values()) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("values", "status"), [([0.01], Status.PASS), ([0.0, 0.011], Status.FAIL), ([0.0, np.nan], Status.FAIL), ([np.inf], Status.FAIL)]
)
def test_the_largest_value_is_held_against_the_limit_and_nan_fails(values: list[float], status: Status) -> None:
    assert extreme("shifted", compared(), np.array(values), FLOAT32.box, detail="").status is status


def test_only_the_first_few_examples_are_shown() -> None:
    detail = checks_of(*[(found(A, B), found(A))] * 9)["missed"].detail
    assert detail.count("dog") == 3
    assert detail.endswith("…")


@pytest.mark.parametrize(("index", "name"), [(0, "cat"), (1, r"dog\x1b[31m"), (2, "class 2"), (-1, "class -1")])
def test_a_class_has_its_name_or_its_index(index: int, name: str) -> None:
    assert class_name(index, NAMES) == name


def test_words_for_people() -> None:
    assert describe(found(A), 0, NAMES) == "cat 0.900000 at (10.0, 10.0, 50.0, 50.0)"
