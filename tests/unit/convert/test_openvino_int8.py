"""NNCF's files are OpenVINO's, calculate in INT8, and leave in float what is to stay there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("nncf") is None:
    pytest.skip("INT8 for OpenVINO needs the extra quantize", allow_module_level=True)

import tiny_detector

from parity.backends.base import open_session
from parity.convert import convert
from parity.convert.conversion import spec_at
from parity.convert.int8_files import Ingredients
from parity.convert.onnx_int8 import float_graph
from parity.convert.openvino_int8 import OWN_NAME, OpenVinoInt8, maker
from parity.models import load_checkpoint

SIDE = tiny_detector.SIDE


@pytest.fixture(scope="module")
def made(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenVinoInt8:
    """The maker of the tiny detector's files."""
    folder = tmp_path_factory.mktemp("float")
    checkpoint = load_checkpoint(saved)
    file = convert(checkpoint, "onnx", size=(SIDE, SIDE), out=folder)
    generator = np.random.default_rng(0)
    images = [generator.random((1, 3, SIDE, SIDE), np.float32) for _ in range(4)]
    return maker(Ingredients(file, float_graph(file), images, spec_at(checkpoint.spec, (SIDE, SIDE)), threads=1), folder)


def test_the_file_calculates_in_int8_near_the_float_one(made: OpenVinoInt8, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.write(tmp_path / "int8.xml", ())
    assert capsys.readouterr().out == ""
    with open_session(made.plain) as reference, open_session(tmp_path / "int8.xml") as candidate:
        assert (reference.precision, candidate.precision) == ("fp32", "int8")
        image = made.ingredients.images[0]
        difference = np.abs(reference.run(image)[0] - candidate.run(image)[0])
    assert 0 < difference[:, 4:].max() < 0.02


def fake_quantised(file: Path) -> int:
    """How many tensors a file rounds."""
    return file.read_text(encoding="utf-8").count('type="FakeQuantize"')


def test_a_returned_layer_is_rounded_no_more(made: OpenVinoInt8, tmp_path: Path) -> None:
    made.write(tmp_path / "all.xml", ())
    made.write(tmp_path / "fewer.xml", made.ingredients.graph.layers[-4:])
    assert fake_quantised(tmp_path / "fewer.xml") < fake_quantised(tmp_path / "all.xml")


def test_the_names_that_stay_in_float_are_openvinos(made: OpenVinoInt8) -> None:
    text = made.plain.read_text(encoding="utf-8")
    assert all(f'name="{name}{OWN_NAME}"' in text for name in (*made.ingredients.graph.layers, *made.ingredients.graph.last))
