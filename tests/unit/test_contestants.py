"""What is timed is open at the setting, gets the input that it takes, and is refused where it answers for something else."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parity import contestants
from parity.backends.base import ANY_IMAGE
from parity.backends.fake import FakeSession
from parity.bench_inputs import Setting
from parity.contestants import Contestant, Entry, GivenFile, arranged
from parity.errors import BadInput

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


# A network in turn


def test_each_tensor_is_run_four_times_and_after_the_last_comes_the_first_again() -> None:
    session = FakeSession(lambda tensor: (tensor,))
    call = Contestant("a", session, 0).in_turn([TENSOR, TENSOR + 1])
    assert [len(call()) for _ in range(9)] == [1] * 9
    assert [tensor[0, 0, 0, 0] for tensor in session.inputs] == [0, 0, 0, 0, 1, 1, 1, 1, 0]


def test_a_file_with_channels_last_gets_its_input_so() -> None:
    session = FakeSession(lambda tensor: (tensor,), input_shape=(None, 4, 5, 3))
    Contestant("a", session, 0).in_turn([TENSOR])()
    assert np.array_equal(session.inputs[0], TENSOR.transpose(0, 2, 3, 1))
    assert arranged(TENSOR, ANY_IMAGE) is arranged(TENSOR, None) is TENSOR


def test_a_network_that_answers_for_one_image_of_two_is_refused() -> None:
    honest, other = (Contestant("a.onnx", FakeSession(lambda tensor, n=n: (tensor[:n],)), 0) for n in (2, 1))
    honest.warm([TENSOR])
    with pytest.raises(BadInput, match=r"a.onnx: answers for another number of images; found \[1\]; expected 2"):
        other.warm([TENSOR])


def test_outputs_of_one_image_may_have_no_batch_axis() -> None:
    contestant = Contestant("a", FakeSession(lambda _: (np.zeros((7, 4)), np.zeros(7))), 0)
    contestant.warm([TENSOR[:1]])


@pytest.mark.parametrize(
    ("shape", "exported", "told"),
    [
        ((1, 3, 64, 64), True, "static"),
        ((None, 3, 64, 64), True, "dynamic"),
        (ANY_IMAGE, True, "dynamic"),
        (None, True, "dynamic"),
        (ANY_IMAGE, False, None),
    ],
)
def test_a_file_is_static_where_it_fixes_every_side_and_pytorch_is_neither(
    shape: Shape | None, told: str | None, *, exported: bool
) -> None:
    assert Contestant("a", FakeSession([], input_shape=shape), 0, exported=exported).shape == told


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
    with ExitStack() as resources:
        found = contestants.contestant("a", tmp_path / "a.onnx", 1, resources)
        assert found.session.run(np.ones((1, 3, 64, 64), np.float32))[0].sum() == 3 * 64 * 64
    assert found.size_bytes == (tmp_path / "a.onnx").stat().st_size + 4 * 3 * 64 * 64


# All that takes part


def test_files_take_part_where_they_fit_with_the_threads_of_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int | None]] = []

    def open_session(path: Path, *, threads: int | None = None) -> FakeSession:
        opened.append((path.name, threads))
        return FakeSession([])

    paths = [identity(tmp_path / name, [1, 3, 4, 5]) for name in ("a.onnx", "b.onnx")]
    monkeypatch.setattr(contestants, "open_session", open_session)
    files = tuple(GivenFile(path, shape, None, None, "") for path, shape in zip(paths, ((1, 3, 4, 5), ANY_IMAGE), strict=True))
    entry = Entry(None, (), files, tmp_path)
    with ExitStack() as resources:
        entered = list(entry.open(Setting((4, 5), 2, 3), [TENSOR], resources))
    assert ([one.name for one in entered], opened) == (["b.onnx"], [("b.onnx", 3)])


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
