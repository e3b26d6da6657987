"""The programs of the manual do what they are shown for, and its console samples are what the commands print."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from transcripts import SAMPLES, commands, prepare, run, transcript

TEXTS = sorted(SAMPLES.glob("*.txt"))
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
LOAD = re.compile(r"^  load .*\n", re.MULTILINE)
BLANK = re.compile(r"[ ─]+")
ROW = {"file_name": "a.jpg", "category_id": 2, "bbox": [0.1, 20.5, 30.25, 40.125], "score": 0.3}
MAIN = """
#include "write_predictions.hpp"
int main(int, char** arguments) {
    const float x1 = 0.1f, y1 = 20.5f;
    write_predictions(arguments[1], {{"a.jpg", 2, x1, y1, x1 + 30.25f, y1 + 40.125f, 0.3f}, {"b.jpg", 0, 1, 2, 3, 4, 1.0f}});
    write_predictions(arguments[2], {});
}
"""


def shape(text: str) -> str:
    """A text without its numbers, spaces and what it says of the machine's load, which differ from machine to machine."""
    return NUMBER.sub("#", BLANK.sub(" ", LOAD.sub("", text)))


@pytest.mark.slow
def test_the_samples_are_what_the_commands_print(tmp_path: Path) -> None:
    prepare(tmp_path)
    told = {sample.name: sample.read_text(encoding="utf-8") for sample in TEXTS}
    assert {name: shape(transcript(text, tmp_path)) for name, text in told.items()} == {name: shape(text) for name, text in told.items()}


def test_a_sample_of_another_output_is_found() -> None:
    assert shape("PASS  12 of 24\n") == shape("PASS 9 of  112\n")
    assert shape("PASS  12 of 24\n") != shape("FAIL  12 of 24\n")


def test_the_commands_of_a_sample_are_read_with_their_continued_lines() -> None:
    assert commands("$ parity gate \\\n    --data x\nPASS\n$ echo $?\n0\n") == ["parity gate \\\n    --data x", "echo $?"]


def test_the_exit_code_of_a_command_is_that_of_the_one_before(tmp_path: Path) -> None:
    output, code = run("parity gate --imgsz 641 --reference a.pt --candidate b.onnx --data c", tmp_path, 0)
    assert output.startswith("error: --imgsz is no size that networks take")
    assert run("echo $?", tmp_path, code) == ("4\n", 0)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler: g++")
def test_the_writer_in_cpp_writes_what_float32_holds(tmp_path: Path) -> None:
    (tmp_path / "main.cpp").write_text(MAIN, encoding="utf-8")
    build = ("g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", f"-I{SAMPLES}", "main.cpp", "-o", "main")
    subprocess.run(build, cwd=tmp_path, check=True, timeout=120)
    subprocess.run([tmp_path / "main", "some.json", "none.json"], cwd=tmp_path, check=True, timeout=60)
    rows = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))
    assert rows[0]["bbox"] == pytest.approx(ROW["bbox"], rel=1e-6)
    assert {**rows[0], "bbox": None, "score": None} == {**ROW, "bbox": None, "score": None}
    assert rows[0]["score"] == pytest.approx(ROW["score"], rel=1e-7)
    assert json.loads((tmp_path / "none.json").read_text(encoding="utf-8")) == []
