"""The numbers of a page."""

from __future__ import annotations

from dataclasses import replace

from oracles.exhibits import accuracy
from oracles.results import config, result

from parity.limits import BOOTSTRAP
from parity.report.figures import Change, accuracy_views, cost_rows, signed


def test_both_sides_and_the_interval_of_their_difference_are_shown() -> None:
    (view,) = accuracy_views(replace(result(), configs=(config(accuracy=accuracy()),)))
    ap, small = view.metrics
    assert (ap.title, ap.reference, ap.candidate, ap.change, ap.interval) == (
        "AP 50-95",
        "0.5000",
        "0.4000",
        "-0.1000",
        "-0.1500 to -0.0500",
    )
    assert (small.reference, small.change, small.interval, small.strip) == ("-", "-", "-", None)


def test_the_class_that_lost_most_comes_first_with_its_changes_by_size() -> None:
    (view,) = accuracy_views(replace(result(), configs=(config(accuracy=accuracy()),)))
    assert [(row.title, row.objects) for row in view.classes] == [("lost", "50"), ("kept", "30")]
    assert view.classes[0].sizes == (Change("-0.1000", "-0.1500 to -0.0500"), Change("-", ""), Change("-", ""))
    assert view.worst == "Worst line: lost small, AP -0.1000, 95 % interval -0.1500 to -0.0500, 20 objects on 10 images"


def test_too_few_images_say_so() -> None:
    (view,) = accuracy_views(replace(result(), configs=(config(accuracy=accuracy(units=5)),)))
    assert view.basis == f"5 images or groups of images: fewer than {BOOTSTRAP.min_images} give no interval"


def test_without_labels_there_is_no_accuracy() -> None:
    assert list(accuracy_views(result())) == []


def test_latency_and_size_of_both_sides_are_shown() -> None:
    (row,) = cost_rows(result(), {"m.pt": 6_200_000, "m.onnx": 12_100_000})
    assert (row.reference_ms, row.candidate_ms) == ("130.4 (p95 140.0)", "72.2 (p95 80.0)")
    assert (row.speedup, row.interval, row.reference_mb, row.candidate_mb) == ("1.80x", "1.70 to 1.90", "6.2", "12.1")


def test_what_was_not_measured_is_a_dash_and_nothing_known_is_no_row() -> None:
    bare = replace(result(), configs=(config(latency_ms=None),))
    (row,) = cost_rows(bare, {"m.onnx": 1_000_000})
    assert (row.candidate_ms, row.reference_mb, row.candidate_mb) == ("-", "-", "1.0")
    assert list(cost_rows(bare, {})) == []


def test_no_difference_has_no_sign() -> None:
    assert [signed(value) for value in (0.0, -1e-9, 0.1, None)] == ["0.0000", "0.0000", "+0.1000", "-"]
