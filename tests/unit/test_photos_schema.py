"""The JSON of a compared folder of photos is a contract: its keys, and the schemas that are shipped with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from oracles.exhibits import different, exhibit
from oracles.photos import written

from parity.report.schema import COMPARISON_JSON, DETECTIONS_JSON, Shipped

if TYPE_CHECKING:
    from pathlib import Path

SIDE, SETTINGS = {"role", "backend", "model", "sha256"}, {"config", "conf", "iou", "imgsz"}
COUNTS = {"detections", "objects", "confidence"}
SPREAD = {"lowest", "median", "mean", "highest"}
DETECTIONS = {
    "": {"schema", "side", "settings", "images"},
    "side": SIDE,
    "settings": SETTINGS,
    "images.0": {"file_name", "picture", "width", "height", "detections", "non_finite"},
    "images.0.detections.0": {"class_index", "class_name", "score", "box_xyxy"},
}
COMPARISON = {
    "": {"schema", "reference", "candidate", "settings", "images", "total"},
    "reference": SIDE,
    "candidate": SIDE,
    "settings": SETTINGS,
    "images.0": {"file_name", "agrees", "on_record", "reference", "candidate", "classes", "iou", "pairs", "differences"},
    "images.0.reference": COUNTS,
    "images.0.candidate.objects.0": {"class_index", "class_name", "count"},
    "images.0.candidate.confidence": SPREAD,
    "images.0.classes": {"both", "only_reference", "only_candidate"},
    "images.0.iou": SPREAD,
    "images.0.pairs.0": {"reference", "candidate", "class_index", "class_name", "iou", "box_px", "score"},
    "images.0.differences": {"missed", "ghosts", "class_flips", "shifted", "rescored", "edges"},
    "total": {"reference", "candidate", "classes", "iou", "parity"},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Detections and comparison as they are written."""
    folder: Path = tmp_path_factory.mktemp("photos")
    (made,) = written(folder / "out", exhibit(folder, [different()]))
    return json.loads(made.candidate.detections.read_bytes()), json.loads(made.results.read_bytes())


def at(plain: Any, place: str) -> Any:
    """The value at a dotted place."""
    for part in place.split(".") if place else ():
        plain = plain[int(part)] if part.isdecimal() else plain[part]
    return plain


@pytest.mark.parametrize("place", DETECTIONS)
def test_detections_have_exactly_the_promised_keys(place: str, files: tuple[Any, Any]) -> None:
    assert set(at(files[0], place)) == DETECTIONS[place]


@pytest.mark.parametrize("place", COMPARISON)
def test_a_comparison_has_exactly_the_promised_keys(place: str, files: tuple[Any, Any]) -> None:
    assert set(at(files[1], place)) == COMPARISON[place]


@pytest.mark.parametrize("shipped", [DETECTIONS_JSON, COMPARISON_JSON], ids=lambda shipped: shipped.name)
def test_the_shipped_schema_is_that_of_the_classes(shipped: Shipped) -> None:
    assert shipped.file.read_text(encoding="utf-8") == shipped.text(), "run `python -m parity.report.schema` and review the change"


@pytest.mark.parametrize("shipped", [DETECTIONS_JSON, COMPARISON_JSON], ids=lambda shipped: shipped.name)
def test_the_schema_requires_every_key_and_allows_no_other(shipped: Shipped) -> None:
    whole = json.loads(shipped.text())
    parts = [whole, *(part for part in whole["$defs"].values() if "properties" in part)]
    assert [part for part in parts if set(part["required"]) != set(part["properties"])] == []
    assert {part["additionalProperties"] for part in parts} == {False}
