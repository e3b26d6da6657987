"""OpenVINO files that are damaged, foreign or hostile are named as what they are, before the runtime sees them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kinds import WITHOUT_OPENVINO

from parity.backends.base import model_file, open_session
from parity.backends.openvino_file import inspect_ir, read_weights, weights_path
from parity.backends.weight_files import size_in_bytes, weight_digests
from parity.errors import BackendUnavailable, BadInput, UntrustedInput

ROOT = Path(__file__).parents[2]
Change = Callable[[bytes], bytes]


@pytest.fixture
def pair(exported: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of an exported file with its weights."""
    file = exported["openvino"]
    shutil.copy(weights_path(file), tmp_path / "model.bin")
    return Path(shutil.copy(file, tmp_path / "model.xml"))


def layer(number: int, kind: str, *, version: str = "opset1", data: str = "") -> str:
    """A layer of an IR."""
    return f'<layer id="{number}" name="layer {number}" type="{kind}" version="{version}"><data {data}/></layer>'


def constant(number: int, kind: str, *, shape: str = "8", offset: int = 0) -> str:
    """A stored tensor."""
    return layer(number, "Const", data=f'element_type="{kind}" shape="{shape}" offset="{offset}" size="32"')


def edge(source: int, reader: int, port: int = 0) -> str:
    """That a layer reads another."""
    return f'<edge from-layer="{source}" from-port="0" to-layer="{reader}" to-port="{port}"/>'


def network(*parts: str, before: str = "", after: str = "") -> bytes:
    """The text of an IR of these layers and edges."""
    layers, edges = ("".join(part for part in parts if part.startswith(f"<{tag}")) for tag in ("layer", "edge"))
    return f'<?xml version="1.0"?>{before}<net version="11"><layers>{layers}</layers><edges>{edges}</edges>{after}</net>'.encode()


FILE = Path("model.xml")


# Weights


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content[:-100], r"model\.bin: is truncated, or belongs to another \.xml"),
        (lambda content: content + bytes(10_000), r"model\.bin: is truncated, or belongs to another \.xml"),
        (lambda content: bytes(len(content)), r"model\.bin: belongs to another \.xml; found [0-9a-f]{64}; expected sha256 [0-9a-f]{64}"),
        (lambda _: b"", r"model\.bin: is an empty file"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
    ids=["truncated", "longer", "of another of the same size", "empty", "pointer"],
)
def test_weights_that_do_not_belong_are_named(pair: Path, change: Change, says: str) -> None:
    weights = weights_path(pair)
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(BadInput, match=says) as refusal:
        open_session(pair)
    assert "next:" in str(refusal.value)


def test_missing_weights_are_asked_for(pair: Path) -> None:
    weights_path(pair).unlink()
    with pytest.raises(BadInput, match=r"no model\.bin\n  next: copy it next to model\.xml"):
        open_session(pair)


def test_weights_belong_to_a_file_as_its_size_and_digest(pair: Path) -> None:
    assert size_in_bytes(pair) == pair.stat().st_size + weights_path(pair).stat().st_size
    before = weight_digests(pair)
    weights_path(pair).write_bytes(b"others")
    assert before.keys() == weight_digests(pair).keys() == {"model.bin"}
    assert before != weight_digests(pair)


def test_a_network_without_weights_needs_no_file(tmp_path: Path) -> None:
    assert read_weights(tmp_path / "model.xml", inspect_ir(network(layer(0, "Parameter")), FILE)) == b""


# The network


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content[: len(content) // 2], "truncated or damaged"),
        (lambda _: b"<html>404</html>", "web page"),
        (lambda _: b'<?xml version="1.0"?><!DOCTYPE html><html/>', "a document type"),
        (lambda _: b'<?xml version="1.0"?><project><layers/></project>', "is not an OpenVINO IR; found <project>"),
        (lambda _: b"", "empty file"),
        (lambda _: bytes(range(256)), "truncated or damaged"),
        (lambda content: content.replace(b'offset="0"', b'offset="nought"', 1), "is a damaged OpenVINO IR"),
        (lambda content: content.replace(b'type="Convolution"', b'type="Revolution"', 1), "OpenVINO cannot open it"),
        (lambda content: content.replace(b'shape="1,3,64,64"', b'shape="1,1,64,64"', 1), "OpenVINO cannot open it"),
    ],
)
@WITHOUT_OPENVINO
def test_a_damaged_network_is_bad_input(pair: Path, change: Change, says: str) -> None:
    pair.write_bytes(change(pair.read_bytes()))
    with pytest.raises(BadInput, match=says) as refusal:
        open_session(pair)
    assert "model.xml" in str(refusal.value)


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    with pytest.raises(BadInput, match="a document type"):
        inspect_ir(network(layer(0, "Parameter"), before=bomb), FILE)


@pytest.mark.parametrize("version", ["extension", "", "evil", "opset1 "])
def test_a_layer_of_unknown_origin_is_refused(version: str) -> None:
    with pytest.raises(UntrustedInput, match="::Pwn") as refusal:
        inspect_ir(network(layer(0, "Pwn", version=version)), FILE)
    assert refusal.value.exit_code == 11


def test_a_foreign_layer_within_a_loop_is_found() -> None:
    body = f"<body><layers>{layer(0, 'Pwn', version='extension')}</layers><edges/></body>"
    loop = layer(0, "Loop").replace("</layer>", f"{body}</layer>")
    with pytest.raises(UntrustedInput, match="extension::Pwn"):
        inspect_ir(network(loop), FILE)


# What it calculates with


@pytest.mark.parametrize(
    ("constants", "precision"),
    [
        ([("f32", "8")], "fp32"),
        ([("f16", "8")], "fp16"),
        ([("bf16", "8")], "fp16"),
        ([("f16", "2, 4"), ("f32", "1")], "fp16"),
        ([("f32", "2, 4"), ("f16", "1"), ("i64", "100")], "fp32"),
        ([("f32", "")], "fp32"),
        ([], "fp32"),
    ],
)
def test_a_file_calculates_as_most_of_its_numbers_are_stored(constants: list[tuple[str, str]], precision: str) -> None:
    stored = [constant(place, kind, shape=shape) for place, (kind, shape) in enumerate(constants)]
    assert inspect_ir(network(*stored, layer(99, "Result")), FILE).precision == precision


INPUT, WEIGHT, ROUNDED, BYTES, WHOLE, SCALED = (
    layer(0, "Parameter"),
    constant(1, "f32"),
    layer(2, "FakeQuantize"),
    constant(3, "i8"),
    layer(4, "Convert"),
    layer(5, "Multiply"),
)
STORED = [BYTES, WHOLE, SCALED, edge(3, 4), edge(4, 5)]  # weights that were stored as bytes, as NNCF leaves them


@pytest.mark.parametrize(
    ("parts", "precision"),
    [
        ([layer(9, "Convolution"), edge(0, 9), edge(1, 9, 1)], "fp32"),
        ([ROUNDED, layer(9, "Convolution"), edge(0, 2), edge(2, 9), edge(1, 9, 1)], "int8"),
        ([*STORED, layer(9, "GroupConvolution"), edge(0, 9), edge(5, 9, 1)], "int8"),
        ([*STORED, layer(9, "MatMul"), edge(0, 9), edge(5, 9, 1)], "int8"),
        ([ROUNDED, layer(9, "Add"), edge(2, 9), layer(8, "Convolution"), edge(0, 8)], "fp32"),  # which nothing multiplies
        ([ROUNDED, layer(9, "Convolution"), edge(2, 9), layer(8, "Convolution"), edge(0, 8)], "fp32"),  # half of them
        ([layer(5, "Multiply"), edge(5, 5), layer(9, "Convolution"), edge(5, 9)], "fp32"),  # a circle ends
        ([layer(9, "Convolution"), edge(77, 9)], "fp32"),  # of a layer that is not there
    ],
)
def test_a_file_is_int8_where_most_of_its_products_are(parts: list[str], precision: str) -> None:
    assert inspect_ir(network(INPUT, WEIGHT, *parts), FILE).precision == precision


# What it says about itself


def test_the_metadata_of_the_onnx_file_it_was_made_of_is_read(tmp_path: Path) -> None:
    entries = (
        '<rt_info><framework><task value="detect"/><info name="two words" value="1"/><deep><x value="2"/></deep></framework></rt_info>'
    )
    assert inspect_ir(network(layer(0, "Parameter"), after=entries), tmp_path / "m.xml").metadata == {"task": "detect", "two words": "1"}


def test_metadata_beside_a_file_without_its_own_is_read_as_data(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("task: detect\ndate: 2026-01-01\nnames: {0: cat}\n", encoding="utf-8")
    metadata = inspect_ir(network(layer(0, "Parameter")), tmp_path / "m.xml").metadata
    assert metadata == {"metadata.yaml": '{"task": "detect", "date": "2026-01-01", "names": {"0": "cat"}}'}


def test_metadata_beside_it_that_would_run_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("names: !!python/object/apply:os.system [true]\n", encoding="utf-8")
    with pytest.raises(BadInput, match="is not plain YAML"):
        inspect_ir(network(layer(0, "Parameter")), tmp_path / "m.xml")


def test_a_folder_of_ultralytics_stands_for_the_file_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "best_openvino_model"
    folder.mkdir()
    (folder / "best.xml").touch()
    assert model_file(folder) == folder / "best.xml"
    assert model_file(tmp_path) == tmp_path
    (folder / "other.xml").touch()
    with pytest.raises(BadInput, match=r"best\.xml, other\.xml.*\n  next: give the \.xml itself"):
        model_file(folder)


# The runtime


def test_without_openvino_the_extra_is_named(pair: Path) -> None:
    code = "import sys; sys.modules['openvino'] = None\nfrom pathlib import Path\nfrom parity.backends.base import open_session\n"
    code += f"try:\n    open_session(Path({str(pair)!r}))\nexcept Exception as e:\n    print(type(e).__name__, e.exit_code, e)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == f'{BackendUnavailable.__name__} 15 openvino is not installed\n  next: pip install "parity-gate[openvino]"\n'


@WITHOUT_OPENVINO
def test_running_it_leaves_nothing_in_the_home_and_no_telemetry_loaded(pair: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = "import sys, socket\nfrom pathlib import Path\nfrom parity.backends.base import open_session\n"
    code += "socket.socket.connect = lambda *_: sys.exit('the network was asked')\n"
    code += f"open_session(Path({str(pair)!r}))\nprint([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    environment = {**os.environ, "HOME": str(home), "CI": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, list(home.iterdir())) == ("[]\n", [])


@WITHOUT_OPENVINO
def test_an_unknown_device_is_unavailable(pair: Path) -> None:
    with pytest.raises(BackendUnavailable, match="OpenVINO cannot use this device; found abacus") as refusal:
        open_session(pair, device="abacus")
    assert refusal.value.exit_code == 15
