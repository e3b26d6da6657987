"""A worker opens one network once, runs it when it is asked to, and answers with times or with what went wrong."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity import bench_worker
from parity.backends.base import ANY_IMAGE, Session
from parity.backends.fake import FakeSession, Outputs
from parity.backends.image_input import arranged
from parity.bench_worker import Answer, Failure, Opened, Task, Times, Turn, serve
from parity.wire import to_json

TENSOR = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.fixture
def tensors(tmp_path: Path) -> Path:
    """Two batches of two images."""
    np.savez(tmp_path / "tensors.npz", TENSOR, TENSOR + 1)
    return tmp_path / "tensors.npz"


def task(tensors: Path, model: str = "a.onnx", *, trusted: frozenset[str] = frozenset()) -> Task:
    """To open a model."""
    return Task("a", model, str(tensors), 1, channels_last=False, trusted=trusted)


def answers(*asked: Task | Turn) -> list[Answer]:
    """All that a worker answers."""
    return list(serve(to_json(each) for each in asked))


def opens(monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    """Every model is this one."""
    monkeypatch.setattr(bench_worker, "open_session", lambda *_, **__: session)


def test_every_tensor_is_run_once_when_it_opens_and_a_turn_settles_before_it_times(monkeypatch: pytest.MonkeyPatch, tensors: Path) -> None:
    session = FakeSession(lambda tensor: (tensor,), input_shape=ANY_IMAGE)
    opens(monkeypatch, session)
    opened, *times = answers(task(tensors), Turn(1, 3), Turn(0, 1))
    assert opened == Opened("fake", "fp32", ANY_IMAGE)
    assert [len(each.milliseconds) for each in times if isinstance(each, Times)] == [3, 1]
    assert [tensor[0, 0, 0, 0] for tensor in session.inputs] == [0, 1, *[1] * (1 + 3), *[0] * (1 + 1)]


def test_only_timed_runs_are_timed(monkeypatch: pytest.MonkeyPatch, tensors: Path) -> None:
    session = FakeSession(lambda tensor: (tensor,))
    opens(monkeypatch, session)
    monkeypatch.setattr(bench_worker, "milliseconds", lambda call: (call(), float(len(session.inputs)))[1])
    assert answers(task(tensors), Turn(0, 2))[1] == Times((4.0, 5.0))


def test_a_file_with_channels_last_gets_its_input_so(monkeypatch: pytest.MonkeyPatch, tensors: Path) -> None:
    session = FakeSession(lambda tensor: (tensor,), input_shape=(None, 4, 5, 3))
    opens(monkeypatch, session)
    answers(task(tensors), Turn(0, 1))
    assert np.array_equal(session.inputs[-1], TENSOR.transpose(0, 2, 3, 1))
    assert arranged(TENSOR, ANY_IMAGE) is arranged(TENSOR, None) is TENSOR


def test_pytorch_has_the_threads_of_the_task(monkeypatch: pytest.MonkeyPatch, tensors: Path) -> None:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads() + 1
    opens(monkeypatch, FakeSession(lambda tensor: (np.full((len(tensor), 1), torch.get_num_threads(), np.float32),)))
    seen: list[int] = []
    monkeypatch.setattr(bench_worker, "milliseconds", lambda call: seen.append(int(call()[0][0, 0])) or 1.0)
    answers(replace(task(tensors), threads=threads), Turn(0, 2))
    assert seen == [threads, threads]


def test_a_network_that_answers_for_one_image_of_two_is_refused(monkeypatch: pytest.MonkeyPatch, tensors: Path) -> None:
    opens(monkeypatch, FakeSession(lambda tensor: (tensor[:1],)))
    assert answers(task(tensors), Turn(0, 1)) == [
        Failure("BadInput", "a: answers for another number of images; found [1]; expected 2, as many as went in")
    ]


def test_outputs_of_one_image_may_have_no_batch_axis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", TENSOR[:1])
    opens(monkeypatch, FakeSession(lambda _: (np.zeros((7, 4), np.float32), np.zeros(7, np.float32))))
    assert [type(each) for each in answers(task(tmp_path / "one.npz"), Turn(0, 1))] == [Opened, Times]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MemoryError(), Failure("ResourceLimit", "a: there is not enough memory to run it")),
        (KeyError("x"), Failure("KeyError", "KeyError: 'x'")),
    ],
)
def test_what_goes_wrong_is_the_last_answer(monkeypatch: pytest.MonkeyPatch, tensors: Path, error: Exception, failure: Failure) -> None:
    opens(monkeypatch, session := FakeSession(lambda tensor: (tensor,)))

    def fail(tensor: np.ndarray) -> Outputs:
        raise error

    found = serve(to_json(each) for each in (task(tensors), Turn(0, 1), Turn(0, 1)))
    assert isinstance(next(found), Opened)
    monkeypatch.setattr(session, "_script", fail)
    assert list(found) == [failure]


def test_a_file_that_cannot_be_read_is_said_as_it_is_elsewhere(tensors: Path) -> None:
    (found,) = answers(task(tensors, "missing.onnx"))
    assert found == Failure("BadInput", found.message) if isinstance(found, Failure) else None
    assert "missing.onnx: cannot be read; found No such file or directory" in str(found)


class Prints:
    """What runs code when it is loaded."""

    def __reduce__(self) -> object:
        """Print."""
        return print, ("ran",)


def test_a_checkpoint_that_would_run_code_is_refused_here_too_unless_its_digest_is_trusted(tensors: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("ultralytics")
    model = tmp_path / "bad.pt"
    torch.save({"model": Prints()}, model)
    digest = f"sha256:{hashlib.sha256(model.read_bytes()).hexdigest()}"
    (refused,), (wrong,), (trusted,) = (
        answers(task(tensors, str(model), trusted=frozenset(named))) for named in ((), ("sha256:" + 64 * "0",), (digest,))
    )
    assert [each.kind for each in (refused, wrong, trusted) if isinstance(each, Failure)] == ["UntrustedInput"] * 2 + ["BadInput"]
    assert "holds no network" in str(trusted)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_checkpoint_is_opened_as_it_is_or_in_channels_last_memory(
    monkeypatch: pytest.MonkeyPatch, tensors: Path, *, channels_last: bool
) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Conv2d(3, 4, 1)
    monkeypatch.setattr(bench_worker, "load_checkpoint", lambda *_, **__: type("Loaded", (), {"network": network}))
    session = bench_worker.open_network(Task("a", "a.pt", str(tensors), 1, channels_last=channels_last, trusted=frozenset()))
    assert session.memory_format == ("channels_last" if channels_last else "contiguous_format")
