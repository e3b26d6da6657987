"""Each fault of a network, of a run over images and of a predictions file changes what it says it does, and a copy only."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import independent_pipeline as pipeline
import numpy as np
import pytest
from independent_pipeline import Row, Settings
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT = np.array([[[32.6, 33.6], [20, 20], [16, 12], [16, 14], [0.9, 0.8], [0.4, 0.1]]], dtype=np.float32)
INPUT = np.zeros((1, 3, 64, 32), dtype=np.float32)  # 32 anchors of stride 8, 8 of stride 16, 2 of stride 32
ANCHORS = 42


# Faults of the network


def test_half_precision_output_is_representable_in_float16() -> None:
    output = pipeline.half_precision(lambda _: OUTPUT)(INPUT)

    assert np.array_equal(output, output.astype(np.float16))
    assert not np.array_equal(output, OUTPUT)


def test_one_scale_for_boxes_and_scores_leaves_no_score() -> None:
    output = pipeline.one_scale(lambda _: OUTPUT, steps=15)(INPUT)

    assert np.abs(output[:, :4] - OUTPUT[:, :4]).max() < 2
    assert not output[:, 4:].any()


def test_bfloat_output_keeps_eight_bits_and_rounds_halves_to_even() -> None:
    given = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -2.5], dtype=np.float32)

    assert pipeline.bfloat(lambda _: given)(INPUT).tolist() == [1, 1, 1 + 2**-6, 1 + 2**-7, -2.5]


def test_integer_output_is_whole_and_of_two_scales() -> None:
    output = pipeline.integers(lambda _: OUTPUT)(INPUT)

    assert output[0, :, 0].tolist() == [round(32.6 * 255 / 64), 80, 64, 64, 229, 102]


def test_anchor_points_are_cell_centres_fine_to_coarse() -> None:
    points, strides = pipeline.anchor_points(64, 32)

    assert points[:, [0, 1, 4, 32, -1]].T.tolist() == [[4, 4], [12, 4], [4, 12], [8, 8], [16, 48]]
    assert np.unique(strides, return_counts=True)[1].tolist() == [32, 8, 2]


def test_undecoded_boxes_are_distances_from_the_anchor_point_in_strides() -> None:
    output = np.zeros((1, 5, ANCHORS), dtype=np.float32)
    output[0, :4, 33] = 28, 10, 16, 8  # the second cell of stride 16, whose centre is (24, 8): from (20, 6) to (36, 14)

    assert pipeline.undecoded(lambda _: output)(INPUT)[0, :4, 33].tolist() == [4 / 16, 2 / 16, 12 / 16, 6 / 16]


def test_reversed_strides_leave_boxes_and_turn_scores() -> None:
    output = np.tile(np.arange(ANCHORS, dtype=np.float32), (1, 5, 1))

    answer = pipeline.strides_reversed(lambda _: output)(INPUT)

    assert answer[0, 0].tolist() == list(range(ANCHORS))
    assert answer[0, 4].tolist() == [40, 41, *range(32, 40), *range(32)]


def test_late_network_answers_with_the_image_before() -> None:
    network = pipeline.late(lambda tensor: tensor)

    answers = [network(np.array([number])).item() for number in (1, 2, 3)]

    assert answers == [1, 1, 2]


# Faults of a run over a list of images

FOUND = [[Row(0, 0, 1, 1, score=0.5, class_index=number)] for number in range(5)]


@pytest.mark.parametrize(
    ("plant", "classes"),
    [
        pytest.param(lambda found: pipeline.first_of_batch(found, 2), [[0], [], [2], [], [4]], id="first_of_batch"),
        pytest.param(lambda found: pipeline.first_of_batch(found, 2, copies=True), [[0], [0], [2], [2], [4]], id="copies of the first"),
        pytest.param(lambda found: pipeline.out_of_time(found, 3, after=2), [[0], [1], [], [3], [4]], id="out_of_time"),
        pytest.param(pipeline.of_another_image, [[4], [0], [1], [2], [3]], id="of_another_image"),
        pytest.param(lambda found: pipeline.renamed(found, {0: 1, 1: 0}), [[1], [0], [2], [3], [4]], id="renamed"),
    ],
)
def test_planter_changes_a_copy_of_the_lists(plant: Callable, classes: list[list[int]]) -> None:
    before = deepcopy(FOUND)

    planted = plant(FOUND)

    assert [[row.class_index for row in rows] for rows in planted] == classes
    assert before == FOUND


# Predictions files


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Return three rows of a predictions file, of the images 7, 7 and 9."""
    return [
        {"image_id": 7, "category_id": 1, "bbox": [1.26, 2.0, 3.0, 4.0], "score": 0.918},
        {"image_id": 7, "category_id": 2, "bbox": [5.0, 6.0, 7.0, 8.0], "score": 0.8},
        {"image_id": 9, "category_id": 3, "bbox": [9.0, 10.0, 11.0, 12.0], "score": 0.3},
    ]


def test_predictions_are_coco_rows_with_mapped_categories(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")

    found = pipeline.predictions({"a": tmp_path / "black.png"}, lambda _: OUTPUT, Settings(side=64, multi_label=True), category_ids={0: 17})

    assert found[0]["image_id"] == "a"
    assert found[0]["bbox"] == pytest.approx([24.6, 12, 16, 16], abs=1e-5)
    assert [row["category_id"] for row in found] == [17, 17, 1]  # 1 is not in the map: as it came
    assert [row["score"] for row in found] == pytest.approx([0.9, 0.8, 0.4])


@pytest.mark.parametrize(
    ("plant", "field", "expected"),
    [
        pytest.param(lambda rows: pipeline.drop_image(rows, 7), "image_id", [9], id="drop_image"),
        pytest.param(lambda rows: pipeline.drop_every(rows, 2), "image_id", [7, 9], id="drop_every"),
        pytest.param(lambda rows: pipeline.cut(rows, 0.8), "score", [0.918], id="cut"),
        pytest.param(lambda rows: pipeline.add_ghost(rows, 9, 4), "category_id", [1, 2, 3, 4], id="add_ghost"),
        pytest.param(lambda rows: pipeline.rescored(rows, 0.5), "score", [0.459, 0.4, 0.15], id="rescored"),
        pytest.param(pipeline.shift_classes, "category_id", [2, 3, 4], id="shift_classes"),
        pytest.param(lambda rows: pipeline.mapped_classes(rows, {1: 2, 2: 1}), "category_id", [2, 1, 3], id="mapped_classes"),
        pytest.param(pipeline.shuffled_image_ids, "image_id", [9, 9, 7], id="shuffled_image_ids"),
        pytest.param(lambda rows: pipeline.rounded(rows, 1), "score", [0.9, 0.8, 0.3], id="rounded score"),
        pytest.param(lambda rows: pipeline.rounded(rows, 1, score_digits=3), "score", [0.918, 0.8, 0.3], id="own digits for scores"),
        pytest.param(lambda rows: pipeline.rounded(rows[:1], 1), "bbox", [[1.3, 2, 3, 4]], id="rounded box"),
        pytest.param(lambda rows: pipeline.moved(rows[:1], x_px=1, y_px=2), "bbox", [[2.26, 4, 3, 4]], id="moved"),
        pytest.param(lambda rows: pipeline.corner_boxes(rows[1:]), "bbox", [[5, 6, 12, 14], [9, 10, 20, 22]], id="corner_boxes"),
    ],
)
def test_planter_changes_a_copy_of_the_rows(rows: list[dict[str, Any]], plant: Callable, field: str, expected: list[Any]) -> None:
    before = deepcopy(rows)

    planted = plant(rows)

    assert [row[field] for row in planted] == expected
    assert rows == before


def test_nan_scores_strike_every_nth_row(rows: list[dict[str, Any]]) -> None:
    planted = pipeline.nan_scores(rows, 2)

    assert [math.isnan(row["score"]) for row in planted] == [False, True, False]
