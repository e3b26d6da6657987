"""The console samples of the pages: ``docs/samples/*.txt`` hold commands after ``$`` and what they print.

``python docs/hooks/transcripts.py [NAME ...]`` runs them on the embedded models and images and writes what they print now. Files that
one sample leaves are there for the next: samples run in the order of their names.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "docs/samples"
PROGRAMS = {"parity": (sys.executable, "-m", "parity.cli"), "python": (sys.executable,), "ls": ("ls",)}
PROMPT, GOES_ON = "$ ", "\\\n"
WIDTH = "110"


def prepare(folder: Path) -> None:
    """Put beside a sample what it reads: the embedded data and models, and the program of the pages."""
    (folder / "fixtures").symlink_to(ROOT / "fixtures", target_is_directory=True)
    for program in SAMPLES.glob("*.py"):
        (folder / program.name).symlink_to(program)


def commands(text: str) -> list[str]:
    """The commands of a sample, each with its continued lines."""
    joined = text.replace(GOES_ON, "\0").splitlines()
    return [line.removeprefix(PROMPT).replace("\0", GOES_ON) for line in joined if line.startswith(PROMPT)]


def run(command: str, folder: Path, last: int) -> tuple[str, int]:
    """What a command prints in a folder, and its exit code; ``last`` is that of the command before it."""
    if command == "echo $?":
        return f"{last}\n", 0
    program, *arguments = shlex.split(command.replace(GOES_ON, " "))
    own = {"PARITY_CACHE_DIR": str(folder / "cache"), "COLUMNS": WIDTH, "NO_COLOR": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_"))} | own
    done = subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout, done.returncode


def transcript(text: str, folder: Path) -> str:
    """The commands of a sample with what they print now."""
    told, code = "", 0
    for command in commands(text):
        output, code = run(command, folder, code)
        told += "".join(f"{line.rstrip()}\n" for line in (PROMPT + command, *output.splitlines()))
    return told


def main(names: Sequence[str]) -> None:
    """Write the samples anew: those named, or all; those before them run too."""
    with tempfile.TemporaryDirectory(prefix="parity-docs-") as name:
        prepare(Path(name))
        for sample in sorted(SAMPLES.glob("*.txt")):
            text = transcript(sample.read_text(encoding="utf-8"), Path(name))
            if not names or sample.stem in names:
                sample.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
