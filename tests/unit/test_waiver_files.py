"""Waivers as they are written: each whole, of a check that exists and may be waived, or the file and the entry are named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from parity.errors import UsageError
from parity.verdict import CHECK_NAMES
from parity.waiver_files import read_waivers
from parity.waivers import NEVER, Waiver

TODAY = date(2026, 7, 1)
GOOD = {"check": '"rescored"', "config": '"m-*"', "reason": '"why"', "owner": '"Ada"', "expires": "2027-01-31"}


def written(path: Path, **changes: str | None) -> Path:
    """A file with one waiver; ``None`` leaves a key out."""
    entry = "\n".join(f"{name} = {value}" for name, value in (GOOD | changes).items() if value is not None)
    path.write_text(f"[tool.other]\nx = 1\n[[tool.parity.waivers]]\n{entry}\n")
    return path


def test_a_waiver_is_read_with_its_date(tmp_path: Path) -> None:
    assert read_waivers(written(tmp_path / "w.toml"), today=TODAY) == (Waiver("rescored", "m-*", "why", "Ada", date(2027, 1, 31)),)


@pytest.mark.parametrize("name", sorted(CHECK_NAMES - NEVER))
def test_every_other_check_may_be_waived(name: str, tmp_path: Path) -> None:
    assert read_waivers(written(tmp_path / "w.toml", check=f'"{name}"'), today=TODAY)[0].check == name


@pytest.mark.parametrize("last", ["2020-01-31", "2027-07-02"])
def test_a_waiver_may_have_expired_or_hold_for_a_year(last: str, tmp_path: Path) -> None:
    assert str(read_waivers(written(tmp_path / "w.toml", expires=last), today=TODAY)[0].expires) == last


@pytest.mark.parametrize("text", ["", "[tool.ruff]\nselect = []", "[tool.parity]", "[tool.parity]\nwaivers = []"])
def test_a_file_without_waivers_has_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(text)
    assert read_waivers(tmp_path / "w.toml", today=TODAY) == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"reason": None}, r"waiver 1 \(rescored\) has no reason"),
        ({"owner": None}, r"waiver 1 \(rescored\) has no owner"),
        ({"expires": None}, r"waiver 1 \(rescored\) has no expires"),
        ({"config": None, "check": None}, "waiver 1 has no check and no config"),
        ({"expiry": "2027-01-31"}, r"has an unknown key; found expiry(?s:.*)did you mean expires\?"),
        ({"zzz": "1"}, r"has an unknown key; found zzz(?s:.*)one of check, config, reason, owner, expires"),
        ({"expires": '"2027-01-31"'}, "expires of waiver 1 .* is none; found '2027-01-31'; expected a date .* without quotes"),
        ({"expires": "2027-01-31T00:00:00"}, "expires of waiver 1 .* is none"),
        ({"expires": "20270131"}, "expires of waiver 1 .* is none"),
        ({"expires": "2027-07-03"}, r"waiver 1 \(rescored\) holds too long; found 2027-07-03; expected a day up to 2027-07-02: .* a year"),
        ({"expires": "9999-12-31"}, "holds too long; found 9999-12-31"),
        ({"reason": '" "'}, "reason of waiver 1 .* is none; found ' '; expected a text"),
        ({"owner": '["Ada"]'}, "owner of waiver 1 .* is none"),
        ({"check": '"rescore"'}, r"there is no such check; found rescore\n  next: did you mean rescored\?"),
        ({"check": '"*"'}, r"there is no such check; found \*\n  next: one of ap_baseline, "),
        ({"check": "3"}, "check of waiver 1 is none; found 3; expected a text"),
        *(({"check": f'"{name}"'}, f"cannot be waived: a result without evidence is none; found {name}") for name in sorted(NEVER)),
    ],
)
def test_a_wrong_waiver_names_the_file_and_the_entry(changes: dict[str, str | None], says: str, tmp_path: Path) -> None:
    path = written(tmp_path / "pyproject.toml", **changes)
    with pytest.raises(UsageError, match=rf"pyproject\.toml: (?s:.*){says}") as caught:
        read_waivers(path, today=TODAY)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.parity\n", "is not valid TOML"),
        ('tool = "x"', "tool is no table; found str"),
        ("[tool]\nparity = 3", "parity is no table; found int"),
        ("[tool.parity]\nwaiver = []", r"unknown key in \[tool.parity\]; found waiver; expected waivers"),
        ("[tool.parity.waivers]\ncheck = 'names'", r"waivers are a list of tables; found dict; expected \[\[tool.parity.waivers\]\]"),
        ("[tool.parity]\nwaivers = [1]", "waiver 1 is no table; found 1"),
        ("\xff", "is not valid TOML"),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=rf"w\.toml: {says}"):
        read_waivers(tmp_path / "w.toml", today=TODAY)


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"w\.toml: the waivers cannot be read; found No such file"):
        read_waivers(tmp_path / "w.toml", today=TODAY)
