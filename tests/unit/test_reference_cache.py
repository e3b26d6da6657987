"""What references said is remembered by content, never executed, and never believed when damaged."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.samples import found, spec

from parity.detections import Detections
from parity.doubts import Cause, Doubt, NoiseMargins
from parity.environment import environment
from parity.errors import BadInput
from parity.pipeline import Observation, Shipped
from parity.reference_cache import (
    FILE,
    ReferenceCache,
    Scope,
    clear,
    contents,
    make_room,
    open_cache,
    own_code,
    packed,
    unpacked,
)
from parity.spec import Suppress

SCOPE = Scope("c" * 64, spec("a", "b"), Suppress(confidence=0.001), NoiseMargins(0.01, 1e-3), "channels_last", environment(), own_code())
DOUBT = Doubt((1.0, 2.0, 3.0, 1 / 3), 0.25, 1, kept=True, cause=Cause.ORDER, margin=None)
SAID = Observation(
    Shipped(found((0.1, 0.2, 10 / 3, 20, 0.7, 1)), 1 / 3, doubts=(DOUBT,)),
    found((0.1, 0.2, 10 / 3, 20, 0.7, 1), (0, 0, 5, 5, 0.002, 0)),
)
NOTHING = Observation(Shipped(Detections.none(), None), Detections.best_first([[np.nan] * 4], [0.5], [0]))
IMAGE = "1" * 64
OTHERS = {
    "checkpoint_sha256": "d" * 64,
    "spec": spec("a", "c"),
    "evaluation": Suppress(confidence=0.002),
    "margins": NoiseMargins(0.02, 1e-3),
    "memory_format": "contiguous_format",
    "environment": replace(environment(), packages={"torch": "0"}),
    "code": "0" * 64,
}


def plain(observation: Observation | None) -> Any:
    """Everything that an observation says, exactly."""
    assert observation is not None
    sides = [
        (each.boxes.tolist(), each.scores.tolist(), each.classes.tolist(), each.non_finite)
        for each in (observation.deployed, observation.evaluated)
    ]
    shipped = observation.shipped
    return sides, shipped.gain, shipped.absent, shipped.doubts


def kept(folder: Path, *, scope: Scope = SCOPE) -> None:
    """Remember what was said of one image."""
    with open_cache(folder) as cache:
        cache.memory(scope).keep(IMAGE, SAID)


def recalled(folder: Path, *, scope: Scope = SCOPE, image: str = IMAGE) -> tuple[Observation | None, list[str]]:
    """What is remembered of an image in another run, and what is warned of."""
    with open_cache(folder) as cache:
        return cache.memory(scope).recall(image), cache.warnings


def change(folder: Path, statement: str, *values: object) -> None:
    """Change the file behind the cache's back."""
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute(statement, values)


@pytest.mark.parametrize("observation", [SAID, NOTHING])
def test_an_observation_comes_back_as_it_was_to_the_last_bit(observation: Observation) -> None:
    assert plain(unpacked(packed(observation))) == plain(observation)


def test_another_run_remembers(tmp_path: Path) -> None:
    kept(tmp_path)
    observation, warnings = recalled(tmp_path)
    assert (plain(observation), warnings) == (plain(SAID), [])


def test_nothing_is_remembered_of_another_image(tmp_path: Path) -> None:
    kept(tmp_path)
    assert recalled(tmp_path, image="2" * 64) == (None, [])


def test_everything_that_decides_an_answer_is_part_of_its_scope() -> None:
    assert set(OTHERS) == {each.name for each in fields(Scope)}


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_remembered_where_anything_was_otherwise(tmp_path: Path, name: str) -> None:
    kept(tmp_path)
    assert recalled(tmp_path, scope=replace(SCOPE, **{name: OTHERS[name]})) == (None, [])


@pytest.mark.parametrize("damage", ["value = X'00'", "value = 'text'", "sha256 = 'x'"])
def test_a_damaged_entry_is_none_and_is_warned_of(tmp_path: Path, damage: str) -> None:
    kept(tmp_path)
    change(tmp_path, f"UPDATE entries SET {damage}")  # noqa: S608 - a literal
    observation, warnings = recalled(tmp_path)
    assert observation is None
    assert ["damaged entry" in warning for warning in warnings] == [True]


def test_a_value_that_is_no_observation_is_none() -> None:
    assert [unpacked(value) for value in (b"", b"PK\x03\x04", packed(SAID)[:-40])] == [None] * 3


@given(st.data())
def test_no_change_of_a_value_is_more_than_none(data: st.DataObject) -> None:
    value = bytearray(packed(SAID))
    for place in data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        value[place] = data.draw(st.integers(0, 255))
    assert unpacked(bytes(value)) is None or plain(unpacked(bytes(value))) is not None


def test_what_would_unpack_to_more_than_it_is_stays_packed() -> None:
    content = BytesIO()
    np.savez_compressed(content, deployed_boxes=np.zeros((1_000_000, 4)))
    assert unpacked(content.getvalue()) is None


def test_what_this_run_has_used_stays_whatever_its_size(tmp_path: Path) -> None:
    with open_cache(tmp_path) as cache:
        cache.memory(SCOPE).keep(IMAGE, SAID)
        make_room(cache, 0)
    assert recalled(tmp_path)[0] is not None


def test_an_entry_without_a_scope_goes(tmp_path: Path) -> None:
    kept(tmp_path)
    change(tmp_path, "DELETE FROM scopes")
    with open_cache(tmp_path) as cache:
        make_room(cache, 1_000_000)
        assert cache.fetch("SELECT COUNT(*) FROM entries") == [(0,)]


def test_one_warning_is_told_once(tmp_path: Path) -> None:
    with open_cache(tmp_path) as cache:
        cache.warnings += ["damaged"] * 5
        cache.count()
        assert [note for note in cache.notes() if "damaged" in note] == ["damaged"]
        assert "1 answers" in cache.notes()[0]


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(BadInput, match="by hand"):
        clear(tmp_path)


def test_a_file_that_is_no_database_is_warned_of_and_left(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, but someone's file" * 100)
    with open_cache(tmp_path) as cache:
        memory = cache.memory(SCOPE)
        memory.keep(IMAGE, SAID)
        assert memory.recall(IMAGE) is None
        assert ["parity cache clear" in warning for warning in cache.warnings] == [True]
    assert (tmp_path / FILE).read_bytes().startswith(b"not a database")
    with pytest.raises(BadInput, match="parity cache clear"):
        contents(tmp_path)


def test_a_folder_that_cannot_be_made_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with open_cache(tmp_path / "file") as cache:
        assert cache.memory(SCOPE).recall(IMAGE) is None
        assert ["cannot be opened" in warning for warning in cache.warnings] == [True]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    kept(tmp_path)
    kept(tmp_path, scope=replace(SCOPE, memory_format="contiguous_format"))
    change(tmp_path, "UPDATE scopes SET used = '2020-01-01' WHERE rowid = (SELECT MIN(rowid) FROM scopes)")
    with open_cache(tmp_path) as cache:
        make_room(cache, int(1.5 * len(packed(SAID))))
    assert recalled(tmp_path)[0] is None
    assert recalled(tmp_path, scope=replace(SCOPE, memory_format="contiguous_format"))[0] is not None


def test_contents_are_counted_by_checkpoint_and_cleared(tmp_path: Path) -> None:
    kept(tmp_path)
    kept(tmp_path, scope=replace(SCOPE, memory_format="contiguous_format"))
    assert contents(tmp_path).images == {SCOPE.checkpoint_sha256: 2}
    assert clear(tmp_path) > 0
    assert (contents(tmp_path).images, contents(tmp_path).bytes, clear(tmp_path)) == ({}, 0, 0)


def test_the_folder_is_the_users_alone(tmp_path: Path) -> None:
    kept(tmp_path / "made")
    assert (tmp_path / "made").stat().st_mode & 0o077 == 0


def test_a_closed_connection_is_never_asked(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path / FILE, None)
    assert cache.fetch("SELECT 1") == []
