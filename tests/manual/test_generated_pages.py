"""What pages take from the code is what the code says now, for whoever reads them without building the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from blocks import KEPT, filled
from fault_list import NO_SEARCH, entry, fault_list, named_by_the_diagnosis, named_from, records
from limit_tables import limit_tables

from parity.faults import CATALOGUE, Fault, fault
from parity.limits import FLOAT32, MARGINS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
AGAIN = "write it again: python docs/hooks/blocks.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_holds_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == filled(text, KEPT), AGAIN


def test_a_page_that_is_out_of_date_is_found() -> None:
    stale = "<!-- limits -->\n\nanything\n\n<!-- /limits -->"
    assert filled(stale, KEPT) != stale


def test_text_outside_of_markers_and_markers_of_nothing_stay() -> None:
    text = "before <!-- limits --> and\n<!-- other -->\nx\n<!-- /other -->\nafter"
    assert filled(text, KEPT) == text


# The catalogue


@pytest.mark.parametrize("known", CATALOGUE.values(), ids=CATALOGUE)
def test_every_fault_says_what_happened_how_it_shows_how_it_is_found_and_what_to_do(known: Fault) -> None:
    text = "\n".join(entry(known))
    assert f"{{ #{known.id} }}" in text
    assert known.cause in text
    assert f"**How it shows.** {known.shows}" in text
    assert "**How Parity finds it.** " in text
    assert f"**What to do.** {known.fix}" in text


def test_every_fault_stands_in_the_list_once() -> None:
    text = fault_list()
    assert [text.count(f"{{ #{name} }}") for name in CATALOGUE] == [1] * len(CATALOGUE)


def test_how_well_a_fault_is_found_is_what_the_table_of_planted_faults_says() -> None:
    assert (records(0)["pad_value"].named, records(0)["pad_value"].planted) == (3, 3)
    assert (records(1)["stale_artifact"].planted, records(1)["stale_artifact"].proof) == (3, "restore, confirmed")
    assert set(records(0)) | set(records(1)) <= set(CATALOGUE)


def test_whatever_was_planted_has_a_name_in_the_diagnosis() -> None:
    assert set(records(0)) | set(records(1)) <= named_by_the_diagnosis()


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("wrong_imgsz", "detections"),
        ("stale_artifact", "a file"),
        ("pad_value", "both"),
        ("roialign_half_pixel", "a file, not tried"),
        ("tf32", "-"),
    ],
)
def test_the_way_to_a_name_is_told(name: str, way: str) -> None:
    assert named_from(fault(name)) == way


def test_a_fault_that_is_not_searched_for_says_so() -> None:
    assert NO_SEARCH in "\n".join(entry(fault("tf32")))


# The limits


def test_the_tables_hold_every_limit_with_its_origin() -> None:
    text = limit_tables()
    assert f"0.01 {FLOAT32.box.unit} | {FLOAT32.box.origin} |" in text
    assert all(f"{margins.ap.value:g} AP | {margins.ap.origin} |" in text for margins in MARGINS.values())
