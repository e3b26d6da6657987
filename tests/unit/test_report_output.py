"""What is written is written whole, and never over something else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from parity.errors import UsageError
from parity.report.output import STDOUT, check_page, check_target, make_folder, write_text


def test_a_file_is_written_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    write_text("first\n", target)
    write_text("second\n", target)
    assert target.read_text(encoding="utf-8") == "second\n"
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "r.json"
    write_text("old\n", target)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match=r"r\.json: cannot be written; found No space left on device"):
        write_text("new\n", target)
    assert target.read_text(encoding="utf-8") == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_text("{}\n", tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text(encoding="utf-8") == "{}\n"


def test_a_file_name_that_is_no_unicode_survives_as_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"m\xff.pt")
    write_text(json.dumps({"path": name}, ensure_ascii=False), tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_bytes())["path"] == name


def test_a_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    write_text("{}\n", STDOUT)
    assert capsys.readouterr().out == "{}\n"


@pytest.mark.parametrize("target", [None, STDOUT, Path("new.json")])
def test_targets_that_can_be_written_are_accepted(target: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_target(target, inputs=(Path("model.pt"), None))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("model.onnx", "ends in .json"),
        ("model.onnx.parity.json", "needs a file of its own"),
        ("model.onnx.manifest.json", "needs a file of its own"),
        ("folder.json", "cannot be written"),
        ("missing/r.json", "cannot be written"),
        ("input.json", "would overwrite an input"),
        ("hard_link.json", "would overwrite an input"),
    ],
)
def test_other_targets_are_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "input.json").write_text("[]", encoding="utf-8")
    (tmp_path / "hard_link.json").hardlink_to(tmp_path / "input.json")
    with pytest.raises(UsageError, match=says):
        check_target(tmp_path / name, inputs=(tmp_path / "input.json",))


def test_a_folder_is_made_and_a_file_in_its_place_is_a_usage_error(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        make_folder(tmp_path / "file")


@pytest.mark.parametrize("name", ["r.json", "-", "page", "r.html.gz", "missing/r.html", "folder.html"])
def test_a_page_goes_to_an_html_file_of_its_own(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UsageError, match="--report"):
        check_page(Path(name), inputs=())
    check_page(Path("r.HTML"), inputs=())
    check_page(None, inputs=())


def test_a_page_replaces_no_input(tmp_path: Path) -> None:
    (tmp_path / "model.html").write_text("weights", encoding="utf-8")
    with pytest.raises(UsageError, match="--report would overwrite an input"):
        check_page(tmp_path / "model.html", inputs=[tmp_path / "model.html"])
