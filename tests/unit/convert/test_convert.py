"""A converted file is the checkpoint's network, says so in its stamp, and leaves no trace but itself and its manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import tiny_detector
from kinds import MADE, RUNTIMES, WITHOUT_OPENVINO

from parity.backends.base import open_session
from parity.backends.fake import FakeSession
from parity.backends.pytorch import PyTorchSession
from parity.convert import Stamp, check, convert, read_stamp
from parity.convert.manifest import manifest_path
from parity.errors import BackendUnavailable, BadInput, ConversionError, UsageError
from parity.models import Checkpoint, load_checkpoint
from parity.spec import HeadLayout
from parity.wire import to_plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (tiny_detector.SIDE, tiny_detector.SIDE)
TARGETS = [*RUNTIMES, "onnx-fp16"]


@pytest.fixture(scope="module")
def checkpoint(saved: Path) -> Checkpoint:
    return load_checkpoint(saved, size=SIZE)


@pytest.fixture(scope="module")
def converted(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    out = tmp_path_factory.mktemp("out")
    made = {target: convert(checkpoint, target, size=SIZE, out=out) for target in MADE}
    return lambda target: made[target]


def images(size: tuple[int, int] = SIZE) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(3).random((1, 3, *size), np.float32)


NAMES = ["tiny_64.onnx", "tiny_64.torchscript", "tiny_64.xml", "tiny_64_fp16.onnx"]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        *zip(("onnx", "torchscript", "onnx-fp16"), (*NAMES[:2], NAMES[3]), strict=True),
        pytest.param("openvino", NAMES[2], marks=WITHOUT_OPENVINO),
    ],
)
def test_the_file_is_named_after_checkpoint_and_size(converted: Callable[[str], Path], target: str, name: str) -> None:
    assert converted(target).name == name


@WITHOUT_OPENVINO
def test_nothing_is_left_but_files_and_manifests(converted: Callable[[str], Path], saved: Path) -> None:
    left = {path.name for path in converted("onnx").parent.iterdir()}
    assert left == {*NAMES, *(f"{name}.manifest.json" for name in NAMES), "tiny_64.bin"}
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_that_parity_has_not_made_is_not_overwritten(checkpoint: Checkpoint, tmp_path: Path) -> None:
    theirs = tmp_path / "tiny_64.onnx"
    theirs.write_bytes(b"somebody's own export")
    with pytest.raises(UsageError, match=r"tiny_64\.onnx"):
        convert(checkpoint, "onnx", size=SIZE, out=tmp_path)
    assert theirs.read_bytes() == b"somebody's own export"


@WITHOUT_OPENVINO
def test_weights_that_parity_has_not_made_are_not_overwritten(checkpoint: Checkpoint, tmp_path: Path) -> None:
    theirs = tmp_path / "tiny_64.bin"
    theirs.write_bytes(b"somebody's own weights")
    with pytest.raises(UsageError, match=r"tiny_64\.bin"):
        convert(checkpoint, "openvino", size=SIZE, out=tmp_path)
    assert [theirs] == list(tmp_path.iterdir())


@WITHOUT_OPENVINO
def test_a_conversion_again_replaces_file_and_weights(checkpoint: Checkpoint, tmp_path: Path) -> None:
    first = convert(checkpoint, "openvino", size=SIZE, out=tmp_path)
    second = convert(checkpoint, "openvino", size=SIZE, out=tmp_path)
    assert first == second
    with open_session(second) as session:
        assert session.input_shape == (1, 3, *SIZE)


@pytest.mark.parametrize("target", TARGETS)
def test_the_stamp_comes_back(converted: Callable[[str], Path], checkpoint: Checkpoint, target: str) -> None:
    assert read_stamp(converted(target)) == Stamp(checkpoint.spec, checkpoint.sha256)
    with open_session(converted(target)) as session:
        assert read_stamp(session) == Stamp(checkpoint.spec, checkpoint.sha256)


@pytest.mark.parametrize("target", TARGETS)
def test_the_manifest_names_the_file_and_its_makers(converted: Callable[[str], Path], checkpoint: Checkpoint, target: str) -> None:
    manifest = json.loads(manifest_path(converted(target)).read_text())
    assert manifest["artefact_sha256"] == hashlib.sha256(converted(target).read_bytes()).hexdigest()
    assert manifest["stamp"] == to_plain(Stamp(checkpoint.spec, checkpoint.sha256))
    assert {"torch", "ultralytics", "onnx"} <= set(manifest["versions"])


def test_ultralytics_own_metadata_stays(converted: Callable[[str], Path]) -> None:
    with open_session(converted("onnx")) as session:
        assert session.metadata["task"] == "detect"
    with open_session(converted("torchscript")) as session:
        assert json.loads(session.metadata["config.txt"])["task"] == "detect"


@pytest.mark.parametrize("target", RUNTIMES)
def test_the_file_computes_what_the_checkpoint_computes(converted: Callable[[str], Path], checkpoint: Checkpoint, target: str) -> None:
    with open_session(converted(target)) as candidate, PyTorchSession(checkpoint.network) as reference:
        difference = check.raw_difference(reference.run(images()), candidate.run(images())).difference
    assert difference.box_px < 1e-3
    assert difference.score < 1e-5


@pytest.mark.parametrize("target", RUNTIMES)
def test_a_dynamic_file_takes_other_sizes(checkpoint: Checkpoint, tmp_path: Path, target: str) -> None:
    file = convert(checkpoint, target, size=SIZE, out=tmp_path, dynamic=True)
    assert file.stem == "tiny_dynamic"
    with open_session(file) as candidate, PyTorchSession(checkpoint.network) as reference:
        difference = check.raw_difference(reference.run(images((96, 128))), candidate.run(images((96, 128)))).difference
    assert difference.box_px < 1e-3


def test_a_rectangle_is_height_by_width(checkpoint: Checkpoint, tmp_path: Path) -> None:
    file = convert(checkpoint, "torchscript", size=(32, 64), out=tmp_path)
    stamp = read_stamp(file)
    assert file.name == "tiny_32x64.torchscript"
    assert stamp is not None
    assert stamp.spec.preprocess.size == (32, 64)
    with open_session(file) as session:
        assert session.input_shape == (1, 3, 32, 64)


@pytest.mark.parametrize(("name", "target"), [("yolov10n", "onnx"), ("yolo26n", "onnx"), ("yolo26n", "torchscript")])
def test_an_end_to_end_head_is_exported_as_one(name: str, target: str, tmp_path: Path) -> None:
    path = tiny_detector.save(tiny_detector.build(f"{name}.yaml"), tmp_path / f"{name}.pt")
    file = convert(load_checkpoint(path, size=SIZE, end_to_end=True), target, size=SIZE, out=tmp_path)
    stamp = read_stamp(file)
    assert stamp is not None
    assert stamp.spec.head.layout is HeadLayout.END_TO_END
    with open_session(file) as session:
        assert session.run(images())[0].shape == (1, 84, 6)


def test_the_other_head_is_exported_where_the_checkpoint_predicts_with_it(tmp_path: Path) -> None:
    path = tiny_detector.save(tiny_detector.build("yolo26n.yaml"), tmp_path / "yolo26n.pt")
    file = convert(load_checkpoint(path, size=SIZE), "torchscript", size=SIZE, out=tmp_path)
    with open_session(file) as session:
        assert session.run(images())[0].shape == (1, 7, 84)


def test_converting_leaves_the_network_alone(checkpoint: Checkpoint, tmp_path: Path) -> None:
    before = PyTorchSession(checkpoint.network).run(images())[0]
    convert(checkpoint, "torchscript", size=SIZE, out=tmp_path)
    assert np.array_equal(PyTorchSession(checkpoint.network).run(images())[0], before)
    assert not checkpoint.network.model[-1].export  # type: ignore[index,union-attr]


def test_another_network_is_refused_and_removed(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SAME_NETWORK", check.Tolerance(0.05, 1e-3))
    monkeypatch.setattr(check, "open_session", lambda _: FakeSession(lambda _: (np.zeros((1, 7, 84), np.float32),)))
    with pytest.raises(ConversionError, match="not the same network"):
        convert(checkpoint, "torchscript", size=SIZE, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_is_a_conversion_error(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.convert.ultralytics_export.export", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no space left")))
    with pytest.raises(ConversionError, match="no space left") as failure:
        convert(checkpoint, "torchscript", size=SIZE, out=tmp_path)
    assert failure.value.exit_code == 15
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_target_lists_the_known(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="onnx, torchscript"):
        convert(checkpoint, "tflite", size=SIZE, out=tmp_path)


def test_a_size_that_the_stride_does_not_divide_is_a_usage_error(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        convert(checkpoint, "onnx", size=(65, 64), out=tmp_path)


def test_a_missing_package_says_how_to_install_it(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.convert.conversion.find_spec", lambda _: None)
    with pytest.raises(BackendUnavailable, match=r"pip install \"parity-gate\[ultralytics\]\""):
        convert(checkpoint, "onnx", size=SIZE, out=tmp_path)


def test_a_missing_openvino_says_how_to_install_it(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.convert.conversion.find_spec", lambda name: None if name == "openvino" else name)
    with pytest.raises(BackendUnavailable, match=r"openvino is not installed\n  next: pip install \"parity-gate\[openvino\]\"") as refusal:
        convert(checkpoint, "openvino", size=SIZE, out=tmp_path)
    assert refusal.value.exit_code == 15


@pytest.mark.parametrize("target", ["openvino", "onnx-fp16"])
def test_what_a_family_is_not_converted_to_is_said_with_the_reason(checkpoint: Checkpoint, tmp_path: Path, target: str) -> None:
    with pytest.raises(UsageError, match=f"no {target} of a torchvision model: .*expected onnx, torchscript"):
        convert(replace(checkpoint, family="torchvision"), target, size=SIZE, out=tmp_path)


def test_a_file_without_a_stamp_has_none(converted: Callable[[str], Path], tmp_path: Path) -> None:
    assert read_stamp(restamped(converted("onnx"), tmp_path / "plain.onnx", text=None)) is None


def test_a_damaged_stamp_is_bad_input(converted: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="parity convert"):
        read_stamp(restamped(converted("onnx"), tmp_path / "damaged.onnx", text='{"spec": 3}'))


def test_a_stamp_of_another_version_is_bad_input(converted: Callable[[str], Path], checkpoint: Checkpoint, tmp_path: Path) -> None:
    text = json.dumps(to_plain(replace(Stamp(checkpoint.spec, checkpoint.sha256), schema=2)))
    with pytest.raises(BadInput, match="another version"):
        read_stamp(restamped(converted("onnx"), tmp_path / "later.onnx", text=text))


def test_the_manifest_speaks_for_a_file_without_a_stamp(converted: Callable[[str], Path], checkpoint: Checkpoint, tmp_path: Path) -> None:
    file = restamped(converted("onnx"), tmp_path / "plain.onnx", text=None)
    manifest = json.loads(manifest_path(converted("onnx")).read_text())
    manifest["artefact_sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest_path(file).write_text(json.dumps(manifest))
    assert read_stamp(file) == Stamp(checkpoint.spec, checkpoint.sha256)


def test_the_manifest_of_another_file_is_refused(converted: Callable[[str], Path], tmp_path: Path) -> None:
    file = restamped(converted("onnx"), tmp_path / "plain.onnx", text=None)
    manifest_path(file).write_text(manifest_path(converted("onnx")).read_text())
    with pytest.raises(BadInput, match="not the file that its manifest describes"):
        read_stamp(file)


def restamped(source: Path, target: Path, *, text: str | None) -> Path:
    """A copy of an ONNX file with another stamp, or none."""
    model = onnx.load(source)
    kept = [(entry.key, entry.value) for entry in model.metadata_props if entry.key != "parity"]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(kept) | ({} if text is None else {"parity": text}))
    onnx.save(model, target)
    return target
