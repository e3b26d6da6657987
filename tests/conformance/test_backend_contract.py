"""What every backend owes: the same answer twice, arrays of its own, float32, errors of ours, and an end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from kinds import RUNTIMES, WITHOUT_OPENVINO

from parity.backends.base import BACKENDS, Session, open_session
from parity.backends.fake import FakeSession
from parity.errors import BadInput, ParityError
from parity.limits import TYPICAL, Profile

if TYPE_CHECKING:
    from pathlib import Path

    from parity.models import Checkpoint

SIDE = 64
OUTPUT = (1, 7, 84)  # four for the box and three classes, at 8x8 + 4x4 + 2x2 anchors
FAKE = "fake"
Open = Callable[[], Session]


def image(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((1, 3, SIDE, SIDE), np.float32)


def scripted(tensor: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...]:
    return (np.full(OUTPUT, tensor.mean(), np.float32),)


@pytest.fixture(params=["pytorch", *RUNTIMES, FAKE])
def opener(request: pytest.FixtureRequest, exported: dict[str, Path]) -> Open:
    if request.param == FAKE:
        return lambda: FakeSession(scripted, input_shape=(1, 3, SIDE, SIDE))
    return lambda: open_session(exported[request.param], threads=1)


@pytest.fixture
def session(opener: Open) -> Session:
    return opener()


@WITHOUT_OPENVINO
def test_all_suffixes_are_under_contract(exported: dict[str, Path]) -> None:
    assert {path.suffix for path in exported.values()} == set(BACKENDS)


def test_the_same_tensor_gives_the_same_output(session: Session) -> None:
    first, second, third = (session.run(image())[0] for _ in range(3))
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def test_a_faster_session_gives_the_same_within_the_noise_of_float32(session: Session) -> None:
    (output,), (again,) = session.run(image()), session.faster().run(image())
    np.testing.assert_allclose(output, again, rtol=1e-4, atol=1e-4)


def test_threads_that_ask_at_once_get_what_one_alone_gets(session: Session) -> None:
    alone = [session.run(image(seed))[0] for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: session.run(image(seed))[0], range(12)))
    np.testing.assert_array_equal(together, alone)


def test_outputs_are_float32_of_the_shape_of_the_head(session: Session) -> None:
    (output,) = session.run(image())
    assert output.dtype == np.float32
    assert output.shape == OUTPUT


def test_another_tensor_gives_another_output(session: Session) -> None:
    assert not np.array_equal(session.run(image(0))[0], session.run(image(1))[0])


def test_a_later_run_leaves_an_earlier_output_alone(session: Session) -> None:
    (first,) = session.run(image(0))
    kept = first.copy()
    session.run(image(1))
    assert np.array_equal(first, kept)


def test_writing_into_an_output_does_not_change_the_next(session: Session) -> None:
    (first,) = session.run(image())
    kept = first.copy()
    first[...] = -1
    assert np.array_equal(session.run(image())[0], kept)


def test_the_input_is_left_alone(session: Session) -> None:
    tensor = image()
    session.run(tensor)
    assert np.array_equal(tensor, image())


@pytest.mark.parametrize("shape", [(3, SIDE, SIDE), (1, 1, SIDE, SIDE), (1, SIDE, SIDE, 3), (0, 3, SIDE, SIDE), (1, 3, SIDE + 1, SIDE)])
def test_a_tensor_of_the_wrong_shape_is_refused(session: Session, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="x" if len(shape) == 3 else str(shape[1])):
        session.run(np.zeros(shape, np.float32))


def test_a_tensor_of_the_wrong_type_is_refused(session: Session) -> None:
    with pytest.raises(BadInput, match="float64"):
        session.run(np.zeros((1, 3, SIDE, SIDE)))  # type: ignore[arg-type]


def test_a_session_is_a_context_and_refuses_to_run_after_it(opener: Open) -> None:
    with opener() as session:
        session.run(image())
    with pytest.raises(ParityError, match="closed"):
        session.run(image())


def test_closing_twice_is_allowed(opener: Open) -> None:
    with opener() as session, session:
        pass


def test_the_session_says_what_it_is(session: Session) -> None:
    assert session.backend in {"pytorch", "onnx", "torchscript", "openvino", FAKE}
    assert session.input_shape in {(1, 3, SIDE, SIDE), (None, 3, None, None)}
    assert session.precision == "fp32"


@pytest.mark.parametrize("backend", RUNTIMES)
def test_runtimes_agree_with_pytorch(backend: str, exported: dict[str, Path]) -> None:
    with open_session(exported["pytorch"]) as reference, open_session(exported[backend]) as candidate:
        expected, found = reference.run(image())[0], candidate.run(image())[0]
    assert np.abs(expected - found)[:, :4].max() < 1e-3
    assert np.abs(expected - found)[:, 4:].max() < 1e-5


@pytest.mark.parametrize("backend", RUNTIMES)
def test_runtimes_hand_out_the_metadata(backend: str, exported: dict[str, Path]) -> None:
    with open_session(exported[backend]) as session:
        assert any("checkpoint_sha256" in text for text in session.metadata.values())


def test_half_precision_is_named_and_is_near(exported: dict[str, Path]) -> None:
    with open_session(exported["onnx-fp16"]) as half, open_session(exported["onnx"]) as whole:
        apart = np.abs(half.run(image())[0] - whole.run(image())[0])
    assert half.precision == "fp16"
    assert 0 < np.median(apart[:, :4]) < TYPICAL[Profile.FP16].box.value
    assert apart[:, 4:].max() < TYPICAL[Profile.FP16].score.value


def test_channels_last_computes_the_same_and_leaves_the_network(checkpoint: Checkpoint) -> None:
    import torch  # noqa: PLC0415

    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415

    with PyTorchSession(checkpoint.network) as plain, PyTorchSession(checkpoint.network, channels_last=True) as channels_last:
        assert np.abs(plain.run(image())[0] - channels_last.run(image())[0]).max() < 1e-3
    assert all(weight.is_contiguous() for weight in checkpoint.network.parameters() if weight.dim() == 4 and weight.shape[1] > 1)
    assert isinstance(torch.get_num_threads(), int)


def test_the_number_of_torch_threads_is_put_back(exported: dict[str, Path]) -> None:
    import torch  # noqa: PLC0415

    before = torch.get_num_threads()
    with open_session(exported["pytorch"], threads=before + 1) as session:
        session.run(image())
    assert torch.get_num_threads() == before


def test_an_unknown_device_is_unavailable(exported: dict[str, Path]) -> None:
    with pytest.raises(ParityError, match="no such device") as refusal:
        open_session(exported["pytorch"], device="abacus")
    assert refusal.value.exit_code == 15


def test_an_unknown_suffix_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\.onnx"):
        open_session(tmp_path / "model.caffemodel")


def test_a_script_that_is_at_its_end_says_so() -> None:
    session = FakeSession([(np.zeros(OUTPUT, np.float32),)])
    session.run(image())
    with pytest.raises(ParityError, match="1 runs"):
        session.run(image())
