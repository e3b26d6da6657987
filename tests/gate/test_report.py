"""The page of a real gate: it agrees with the result, and repeats it."""

from __future__ import annotations

import html
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from gate.running import Run

from parity.cli import main
from parity.convert.manifest import read_stamp
from parity.spec import Interpolation
from parity.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

MOST_BYTES = 5_000_000


def test_a_pass_shows_every_image_and_the_command_that_repeats_it(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    run = judge(exported, "--report", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert run.exit_code == 0
    assert "PASS</span>" in page
    assert page.count('<figure class="image"') == run.result["dataset"]["images"]
    assert len(page.encode()) < MOST_BYTES
    assert f"report written: {tmp_path / 'r.html'}, with 11 of 11 images" in run.result["notes"]
    command = html.unescape(re.findall(r"<pre><code>(.*?)</code></pre>", page)[0])
    assert main(shlex.split(command)[1:]) == 0


def test_a_failure_shows_as_many_differences_as_the_result_counts(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    stamp = read_stamp(exported)
    assert stamp is not None
    other = replace(stamp.spec, preprocess=replace(stamp.spec.preprocess, interpolation=Interpolation.NEAREST))
    (tmp_path / "spec.json").write_text(to_json(other))
    run = judge(exported, "--candidate-spec", tmp_path / "spec.json", "--report", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    counts = run.config["parity"]
    assert run.exit_code == 1
    assert page.count('class="box missed"') == counts["missed"]
    assert page.count('class="box ghost"') == counts["ghosts"]
    assert len(re.findall(r'class="box shifted', page)) == 2 * counts["shifted"]


def test_without_a_report_nothing_is_kept_and_nothing_written(
    judge: Callable[..., Run], exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("parity.judging.exhibit_of")
    run = judge(exported)
    assert run.exit_code == 0
    assert list(tmp_path.iterdir()) == []
    assert not [note for note in run.result["notes"] if "report" in note]
