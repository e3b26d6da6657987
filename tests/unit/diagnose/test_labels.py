"""A table of classes is a shift, a mix of COCO's two ways to count, or another list of names."""

from __future__ import annotations

import pytest

from parity.diagnose.labels import COCO_IDS, named
from parity.diagnose.suspects import Suspect

CONTIGUOUS: dict[int, int] = {}
IDS = dict(enumerate(COCO_IDS))  # class index -> category id of COCO's files


def told(suspect: Suspect) -> tuple[str, dict[str, float | str]]:
    """The name and the parameters."""
    return suspect.fault, dict(suspect.parameters)


def test_cocos_ids_are_eighty_from_1_to_90() -> None:
    assert (len(COCO_IDS), COCO_IDS[0], COCO_IDS[11], COCO_IDS[-1]) == (80, 1, 13, 90)


@pytest.mark.parametrize("shift", [-1, 1, 2])
def test_a_constant_shift_is_an_offset_for_unseen_classes_too(shift: int) -> None:
    found = named({0: shift, 3: 3 + shift}, 5, CONTIGUOUS)
    assert told(found) == ("class_map_80_91_or_offset", {"offset": shift})
    assert found.tamper is not None
    assert found.tamper.values == tuple(label + shift for label in range(5))


def test_a_shift_of_category_ids_is_no_shift_of_indices() -> None:
    seen = {label: COCO_IDS.index(category + 1) if category + 1 in COCO_IDS else -1 - (category + 1) for label, category in IDS.items()}
    assert told(named({0: seen[0], 10: seen[10], 30: seen[30]}, 80, IDS)) == ("class_map_80_91_or_offset", {"offset": 1})


def test_indices_that_were_written_for_ids_are_told() -> None:
    seen = {label: COCO_IDS.index(label) if label in COCO_IDS else -1 - label for label in (0, 5, 20, 60)}
    assert told(named(seen, 80, IDS)) == ("class_map_80_91_or_offset", {"offset": "indices + 0 for ids"})


def test_ids_that_were_read_as_indices_are_told() -> None:
    assert told(named({0: 1, 40: COCO_IDS[40], 79: 90}, 80, CONTIGUOUS)) == (
        "class_map_80_91_or_offset",
        {"offset": "COCO's 91 ids for indices"},
    )


def test_any_other_table_is_another_order_of_names() -> None:
    found = named({0: 2, 2: 0, 1: 1}, 4, CONTIGUOUS)
    assert told(found) == ("class_names_order", {})
    assert found.tamper is not None
    assert found.tamper.values == (2, 1, 0, 3)
