"""One run of the gate as a user sees it: arguments in; exit code, result JSON and messages out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SIDE = 320


@dataclass(frozen=True, slots=True)
class Run:
    """What the gate answered; ``result`` is empty where it gave none."""

    exit_code: int
    result: dict[str, Any]
    stderr: str

    @property
    def statuses(self) -> dict[str, str]:
        """The status of every check by name."""
        return {check["name"]: check["status"] for check in self.result.get("checks", ())}

    @property
    def failed(self) -> set[str]:
        """The names of the checks that failed."""
        return {name for name, status in self.statuses.items() if status == "fail"}

    def check(self, name: str) -> dict[str, Any]:
        """The one check of a name."""
        (found,) = (check for check in self.result.get("checks", ()) if check["name"] == name)
        return found

    @property
    def config(self) -> dict[str, Any]:
        """The one configuration."""
        (found,) = self.result["configs"]
        return found


def assert_passes(run: Run) -> None:
    """Everything that can be checked is green, on evidence."""
    assert run.exit_code == 0, (run.stderr, run.result.get("checks"))
    assert run.result["verdict"] == "pass"
    assert set(run.statuses.values()) <= {"pass", "not_checked"}
    assert run.config["parity"]["matched"] == run.config["parity"]["reference_detections"] > 0


def assert_fails(run: Run, *, failing: Iterable[str], passing: Iterable[str] = ()) -> None:
    """The verdict is red, for these checks at least, and these others are green."""
    statuses = run.statuses
    assert run.exit_code == 1, (run.stderr, statuses)
    assert run.result["verdict"] == "fail"
    assert {name: statuses[name] for name in failing} == dict.fromkeys(failing, "fail"), statuses
    assert {name: statuses[name] for name in passing} == dict.fromkeys(passing, "pass"), statuses


def assert_refused(run: Run, *, exit_code: int, names: str, says: str) -> None:
    """The gate stops with this code, no result, and a message that names the culprit and says what is wrong."""
    assert run.exit_code == exit_code, (run.stderr, run.result.get("checks"))
    assert run.result == {}
    assert "Traceback" not in run.stderr
    assert names in unwrapped(run.stderr)
    assert says in unwrapped(run.stderr)


def assert_helps(run: Run) -> None:
    """The message says what to do next."""
    assert "next:" in run.stderr or "expected" in run.stderr, run.stderr


def unwrapped(text: str) -> str:
    """A message without the line ends that a narrow terminal adds."""
    return " ".join(text.split())


def tree_digest(folder: Path) -> dict[str, str]:
    """Every file below a folder with its sha256, and every folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def write_rows(path: Path, rows: object) -> str:
    """Write a predictions file and return its name."""
    path.write_text(json.dumps(rows), encoding="utf-8")
    return str(path)
