"""The project file that counts is the nearest one with waivers, within the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.errors import UsageError
from parity.project_file import find_waivers


def written(path: Path) -> Path:
    """A project file with waivers."""
    path.write_text("[tool.parity]\nwaivers = []\n")
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with waivers at its root, a project without any, and a folder in that."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "repository" / "project" / "src").mkdir(parents=True)
    (tmp_path / "repository" / "project" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    written(tmp_path / "repository" / "pyproject.toml")
    return tmp_path / "repository"


@pytest.mark.parametrize("folder", [".", "project", "project/src"])
def test_waivers_are_found_up_to_the_root_of_the_repository(folder: str, repository: Path) -> None:
    assert find_waivers((repository / folder).resolve()) == repository / "pyproject.toml"


def test_the_nearest_file_with_waivers_counts(repository: Path) -> None:
    nearest = written(repository / "project" / "pyproject.toml")
    assert find_waivers(repository / "project" / "src") == nearest


def test_waivers_above_the_repository_do_not_apply(repository: Path) -> None:
    written(repository.parent / "pyproject.toml")
    (repository / "pyproject.toml").unlink()
    assert find_waivers(repository / "project") is None


def test_outside_of_a_repository_only_the_folder_itself_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    written(tmp_path / "pyproject.toml")
    assert find_waivers(tmp_path) == tmp_path / "pyproject.toml"
    assert find_waivers(tmp_path / "inner") is None


def test_a_broken_file_on_the_way_is_not_passed_over(repository: Path) -> None:
    (repository / "project" / "pyproject.toml").write_text("[")
    with pytest.raises(UsageError, match=r"project/pyproject\.toml: is not valid TOML"):
        find_waivers(repository / "project")
