"""What takes part at a setting: PyTorch twice, what is exported for it, and the files that take its input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parity import contestants
from parity.backends.base import ANY_IMAGE
from parity.bench_inputs import Setting
from parity.contestants import CHANNELS_LAST, STOCK, Entry, GivenFile
from parity.errors import BadInput
from parity.models import Checkpoint
from parity.spec import PipelineSpec

if TYPE_CHECKING:
    from parity.backends.base import Shape
    from parity.request import Size

TENSOR = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


def identity(path: Path, shape: list[int | str]) -> Path:
    """An ONNX file that gives back its input."""
    value = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["out"])], "g", [value], [helper.make_empty_tensor_value_info("out")]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def given(path: str, shape: Shape | None) -> GivenFile:
    """A file that was read."""
    return GivenFile(Path(path), shape, None, None, "0" * 64)


# Files


@pytest.mark.parametrize(
    ("shape", "takes"),
    [(None, True), (ANY_IMAGE, True), ((2, 3, 4, 5), True), ((2, 4, 5, 3), True), ((1, 3, 4, 5), False), ((None, 3, 4, 4), False)],
)
def test_a_file_takes_inputs_that_fit_its_fixed_sides_in_either_layout(shape: Shape | None, *, takes: bool) -> None:
    assert given("a.onnx", shape).takes([TENSOR.shape]) is takes
    assert given("a.onnx", shape).takes([TENSOR.shape, (9, 3, 1, 1)]) is (shape in {None, ANY_IMAGE})


def test_a_file_is_asked_once_for_its_input(tmp_path: Path) -> None:
    static = GivenFile.read(identity(tmp_path / "a.onnx", [1, 3, 64, 96]))
    assert (static.input_shape, static.size, static.takes_only, static.preprocess) == ((1, 3, 64, 96), (64, 96), "1x3x64x96", None)
    dynamic = GivenFile.read(identity(tmp_path / "b.onnx", ["n", 3, "h", "w"]))
    assert (dynamic.size, dynamic.takes_only) == (None, "anyx3xanyxany")
    with pytest.raises(BadInput, match="cannot be read"):
        GivenFile.read(tmp_path / "missing.onnx")


def test_the_size_of_a_file_counts_the_weights_beside_it(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.zeros((1, 3, 64, 64), np.float32), "w")
    value, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in ("images", "out"))
    graph = helper.make_graph([helper.make_node("Add", ["images", "w"], ["out"])], "g", [value], [result], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    found = contestants.exported("a", tmp_path / "a.onnx")
    assert found.size_bytes == (tmp_path / "a.onnx").stat().st_size + 4 * 3 * 64 * 64


# All that takes part


def test_files_take_part_where_they_fit(tmp_path: Path) -> None:
    paths = [identity(tmp_path / name, [1, 3, 4, 5]) for name in ("a.onnx", "b.onnx")]
    files = tuple(GivenFile(path, shape, None, None, "") for path, shape in zip(paths, ((1, 3, 4, 5), ANY_IMAGE), strict=True))
    entered = list(Entry(None, (), files, tmp_path).contestants(Setting((4, 5), 2, 3), [TENSOR.shape]))
    assert [(one.name, one.model, one.exported) for one in entered] == [("b.onnx", paths[1], True)]


def test_a_checkpoint_takes_part_twice_and_each_time_only_as_far_as_it_is_trusted(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "a.pt", "0" * 64, "ultralytics", PipelineSpec(("a",)), None, 7)
    entry = Entry(checkpoint, (), (), tmp_path, frozenset({"sha256:1"}))
    entered = list(entry.contestants(Setting((4, 5), 1, 1), [TENSOR.shape]))
    assert [(one.name, one.channels_last) for one in entered] == [(STOCK, False), (CHANNELS_LAST, True)]
    assert {(one.model, one.size_bytes, one.exported, one.trusted) for one in entered} == {(checkpoint.path, 7, False, entry.trusted)}


def test_one_image_is_timed_with_a_static_export_and_more_with_a_dynamic_one_each_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Size, bool]] = []

    def convert(checkpoint: object, target: str, *, size: Size, dynamic: bool, out: Path) -> Path:
        made.append((size, dynamic))
        return out / target

    monkeypatch.setattr(contestants, "convert", convert)
    entry = Entry(None, ("onnx",), (), tmp_path)
    settings = [Setting(size, batch, threads) for size in ((64, 64), (96, 96)) for batch in (1, 2, 4) for threads in (1, 2)]
    files = [entry.export(None, "onnx", setting) for setting in settings]
    assert made == [((64, 64), False), ((64, 64), True), ((96, 96), False)]
    assert len(set(files)) == 3


def test_files_of_one_name_are_called_by_their_paths() -> None:
    files = (given("x/a.onnx", None), given("y/a.onnx", None), given("y/b.onnx", None))
    entry = Entry(None, (), files, Path())
    assert [entry.name_of(file) for file in files] == ["x/a.onnx", "y/a.onnx", "b.onnx"]
