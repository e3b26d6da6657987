"""The doctor tells missing, old and broken packages apart, and what each means."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from parity import cli
from parity.doctor import NOT_READY, PACKAGES, READY, Checkup, Package, State, at_least, examine, find
from parity.report.measurements import print_checkup
from parity.report.terminal import stdout_console
from parity.wire import from_json, to_json

ABSENT = Package("no-such-package", "no_such_package", "1", "nothing works")


@pytest.mark.parametrize(
    ("version", "least", "enough"),
    [("2.10.0", "2.9", True), ("2.9", "2.10", False), ("2.10.0+cpu", "2.10", True), ("1", "", True), (None, "1", False), (None, "", True)],
)
def test_versions_compare_by_number(version: str | None, least: str, enough: bool) -> None:  # noqa: FBT001
    assert at_least(version, least) is enough


def test_an_installed_package_is_fine_and_has_nothing_to_say() -> None:
    found = find(Package("numpy", "numpy", "2", "nothing works"))
    assert (found.state, found.meaning) == (State.OK, "")


def test_a_package_that_is_too_old_says_how_to_renew_it() -> None:
    found = find(Package("numpy", "numpy", "99", "nothing works"))
    assert (found.state, found.meaning) == (State.TOO_OLD, "nothing works: pip install 'numpy>=99'")


def test_a_missing_extra_says_what_does_not_work_and_how_to_get_it() -> None:
    found = find(Package("no-such-package", "no_such_package", "1", "checkpoints cannot be loaded", required=False))
    assert found.state is State.MISSING
    assert found.meaning == "checkpoints cannot be loaded: pip install 'parity-gate[ultralytics]'"


def test_an_extra_of_its_own_is_named() -> None:
    found = find(Package("no-such-package", "no_such_package", "1", "less works", required=False, extra="openvino"))
    assert found.meaning == "less works: pip install 'parity-gate[openvino]'"


def test_a_package_that_is_installed_but_does_not_import_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("raise OSError('libGL.so.1: cannot open')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = find(Package("numpy", "broken_package", "1", "images cannot be read"))
    assert found.state is State.BROKEN
    assert "libGL.so.1: cannot open" in found.meaning


def test_a_module_of_another_distribution_counts_by_its_own_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headless.py").write_text("__version__ = '5.0'", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert find(Package("no-such-package", "headless", "4.11", "images cannot be read")).state is State.OK
    sys.modules.pop("headless")


def test_only_a_required_package_makes_the_machine_unfit() -> None:
    optional = Package("no-such-package", "no_such_package", "1", "less works", required=False)
    assert examine((optional,)).exit_code == READY
    assert examine((ABSENT,)).exit_code == NOT_READY


def test_the_packages_are_those_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["ultralytics"], *extras["quantize"]]
    parsed = {match[1]: match[2] or "" for match in (re.fullmatch(r"([\w-]+)(?:>=(.*))?", text) for text in wanted) if match}
    assert {package.name: package.least for package in PACKAGES} == parsed


def test_the_report_names_what_is_missing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it, and a narrow table folds
    print_checkup(examine((ABSENT,)), stdout_console())
    shown = " ".join(capsys.readouterr().out.split())
    assert "no-such-package missing" in shown
    assert "nothing works: pip install 'no-such-package>=1'" in shown
    assert "not ready" in shown


def test_the_report_survives_the_round_trip() -> None:
    checkup = examine((ABSENT,))
    assert from_json(Checkup, to_json(checkup), source="doctor") == checkup


def test_this_machine_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == READY
    assert capsys.readouterr().out.endswith("ready\n")
