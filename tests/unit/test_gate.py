"""What the gate notes of its data and its model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from parity.gate import class_notes
from parity.metrics import ClassMap


def test_hostile_class_names_are_shown_in_printable_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.gate.class_map", lambda _: ClassMap({}, ("\x1b[2J", "ring"), ("\u202eevil", "x" * 300)))
    gate: Any = SimpleNamespace()
    assert list(class_notes(gate)) == [
        r"2 classes of the model are not in the data and do not enter AP: \x1b[2J, ring",
        r"2 classes of the data set are not in the model: \u202eevil, " + "x" * 200 + "…",
    ]
