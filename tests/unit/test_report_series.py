"""The numbers that charts draw are those of the result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from oracles.exhibits import NAMES, SCORES, compared, exhibit
from oracles.plotted import BACKENDS, many, plotted
from oracles.results import LATENCY, config, result
from oracles.samples import metrics

from parity.detections import Detections
from parity.report.series import NUMBERS, accuracy_rows, image_series, labels, latency_rows, parity_rates, points
from parity.verdict import Delta, MetricComparison

if TYPE_CHECKING:
    from pathlib import Path


def test_images_are_counted_and_their_scores_spread_on_both_sides(tmp_path: Path) -> None:
    series = image_series(*plotted(tmp_path))
    (size,) = series.sizes
    reference, candidate = size.sides
    assert series.images == ("1.png", "0.png")  # most detections first
    assert (size.size, reference.label, candidate.label) == ("640", "reference", "onnx")
    assert (reference.counts.tolist(), candidate.counts.tolist()) == ([6, 2], [5, 2])
    assert (reference.lowest[0], reference.highest[0]) == (min(SCORES), max(SCORES))
    assert reference.median.tolist() == pytest.approx([np.median(SCORES), 0.85])
    assert candidate.median.tolist() == pytest.approx([0.6, 0.85])


def test_an_image_without_detections_has_no_scores(tmp_path: Path) -> None:
    shown = exhibit(tmp_path, [compared(Detections.none(), Detections.none())], names=NAMES)
    (size,) = image_series(result(), [shown]).sizes
    assert [side.counts.tolist() for side in size.sides] == [[0], [0]]
    assert all(np.isnan(values).all() for side in size.sides for values in (side.lowest, side.median, side.highest))


def test_all_sizes_show_the_images_in_one_order_and_the_reference_once_each(tmp_path: Path) -> None:
    found, [shown] = plotted(tmp_path)
    small = replace(found.configs[0], id="m-onnx-320", imgsz=(320, 320))
    turned = replace(shown, config=small.id, comparisons=shown.comparisons[::-1])
    series = image_series(replace(found, configs=(*found.configs, small)), [shown, turned])
    assert [(size.size, [side.label for side in size.sides]) for size in series.sizes] == [
        ("640", ["reference", "onnx"]),
        ("320", ["reference", "onnx"]),
    ]
    assert [size.sides[0].counts.tolist() for size in series.sizes] == [[6, 2], [2, 6]]


def test_two_files_of_one_backend_are_told_apart_by_their_ids() -> None:
    half, again = config(id="m-onnx-fp16-640"), config(id="m-onnx-640-3")
    assert labels([config(), again]) == {"m-onnx-640": "m-onnx", "m-onnx-640-3": "m-onnx-640-3"}
    assert labels([config(), half]) == {"m-onnx-640": "onnx", "m-onnx-fp16-640": "onnx-fp16"}
    assert labels([config(), config(id="m-onnx-320", imgsz=(320, 320))]) == {"m-onnx-640": "onnx", "m-onnx-320": "onnx"}


def test_the_parity_rate_is_agreeing_images_of_all(tmp_path: Path) -> None:
    (rate,) = parity_rates(plotted(tmp_path)[0])
    assert (rate.label, rate.size, rate.agreeing, rate.images, rate.share) == ("onnx", "640", 1, 2, 0.5)
    native = config(imgsz=None)
    assert parity_rates(result(configs=(native,)))[0].size == "native"


def test_accuracy_is_that_of_both_sides_with_the_interval_of_the_change(tmp_path: Path) -> None:
    (row,) = accuracy_rows(plotted(tmp_path)[0])
    pair, *others = row.pairs
    assert (row.title, pair.reference, pair.candidate) == ("onnx 640", 0.5, 0.4)
    assert pair.interval == pytest.approx((0.35, 0.45))
    assert [each.interval for each in others] == [None] * (len(NUMBERS) - 1)


def test_what_no_object_defines_stays_undefined() -> None:
    undefined = MetricComparison(metrics(AP=None), metrics(AP=None), {"AP": Delta(None, None)})
    found = result(configs=(config(metrics=undefined),))
    assert accuracy_rows(found)[0].pairs[0].reference is None
    assert points(found) == ()


def test_points_are_the_reference_once_a_size_and_every_candidate(tmp_path: Path) -> None:
    found = points(many(tmp_path)[0])
    assert [(point.label, point.size) for point in found] == [
        (label, size) for size in ("640", "320") for label in ("reference", *BACKENDS)
    ]
    assert (found[0].latency, found[0].ap, found[0].interval) == (LATENCY.reference, 0.5, None)
    assert (found[2].latency.median, found[2].ap, found[2].interval) == (29.0, 0.49, (0.48, 0.5))


def test_without_labels_there_is_no_accuracy_and_without_latency_no_time(tmp_path: Path) -> None:
    bare = plotted(tmp_path, metrics=None, latency_ms=None)[0]
    assert (accuracy_rows(bare), latency_rows(bare), points(bare)) == ((), (), ())
    (row,) = latency_rows(plotted(tmp_path)[0])
    assert (row.title, row.latency) == ("onnx 640", LATENCY)
