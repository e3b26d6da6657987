"""The bench times everyone in turn, and what it says of time follows from pairs of runs; here of networks whose times are made up."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from parity import bench, latency
from parity.backends.base import ANY_IMAGE
from parity.backends.fake import FakeSession
from parity.bench import (
    BENCH_SCHEMA,
    MOST_RUNS,
    BenchRequest,
    bench_row,
    check_files,
    enter,
    notes_on,
    reference_of,
    rounds_for,
    run_bench,
    settings_of,
    time_setting,
    torch_held_at,
    usual_targets,
)
from parity.bench_inputs import Inputs, Setting
from parity.contestants import CHANNELS_LAST, STOCK, Contestant, Entry, GivenFile
from parity.environment import processors
from parity.errors import UsageError
from parity.latency import FOR_P99, PAIRS, WARM_UP
from parity.limits import LATENCY_FLOOR
from parity.open_gate import untracked
from parity.spec import Fit, Preprocess
from parity.timing import XDIST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parity.backends.base import Shape

STATIC: Shape = (1, 3, 64, 64)
ONE = Setting((64, 64), 1, 1)
NOISE = np.zeros((48, 64, 3), np.uint8)


class Clock:
    """A clock that moves only when a network runs."""

    def __init__(self) -> None:
        self.now = 0.0

    def contestant(self, name: str, milliseconds: float, *, size_bytes: int = 6_000_000, exported: bool = True) -> Contestant:
        """A network that takes so long for each image."""

        def run(tensor: np.ndarray) -> tuple[np.ndarray, ...]:
            self.now += milliseconds * len(tensor) / 1e3
            return (np.zeros((len(tensor), 5, 84), np.float32),)

        return Contestant(name, FakeSession(run, input_shape=ANY_IMAGE), size_bytes, exported=exported)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that all timing reads."""
    made = Clock()
    monkeypatch.setattr(latency, "perf_counter", lambda: made.now)
    monkeypatch.setattr(latency, "waited", lambda: 0.0)
    monkeypatch.setattr(bench, "perf_counter", lambda: made.now)
    return made


def file(path: str = "a.onnx", shape: Shape | None = STATIC, preprocess: Preprocess | None = None) -> GivenFile:
    """A file that was given."""
    size = (64, 64) if shape == STATIC else None
    return GivenFile(Path(path), shape, size, preprocess, "0" * 64)


def entry(*files: GivenFile) -> Entry:
    """Files without a checkpoint."""
    return Entry(None, (), files, Path())


def timed(
    monkeypatch: pytest.MonkeyPatch, entered: Sequence[Contestant], *, batch: int = 1, runs: int | None = None
) -> bench.BenchSetting | None:
    """What is found of these at one setting."""
    monkeypatch.setattr(Entry, "open", lambda *_: iter(entered))
    tensors = Inputs((NOISE,), Preprocess()).tensors(Setting((64, 64), batch, 1))
    return time_setting(entry(), Setting((64, 64), batch, 1), tensors, runs=runs, track=untracked)


# What is found


def test_rows_hold_everyone_against_the_first_and_against_channels_last(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = [
        clock.contestant(STOCK, 80, exported=False),
        clock.contestant(CHANNELS_LAST, 40, exported=False),
        clock.contestant("onnx", 20, size_bytes=12_000_000),
    ]
    found = timed(monkeypatch, entered)
    assert found is not None
    stock, channels_last, onnx = found.rows
    assert (stock.speedup, stock.channels_last_speedup, channels_last.channels_last_speedup) == (None, None, None)
    assert (stock.time_change_percent, stock.size_change_percent) == (0, 0)
    assert channels_last.speedup is not None
    assert channels_last.speedup.value == pytest.approx(2)
    assert onnx.speedup is not None
    assert onnx.channels_last_speedup is not None
    assert (onnx.speedup.value, onnx.channels_last_speedup.value) == pytest.approx((4, 2))
    assert (onnx.time_change_percent, onnx.size_change_percent, onnx.size_mb) == pytest.approx((-75, 100, 12))
    assert [row.name for row in found.rows] == [STOCK, CHANNELS_LAST, "onnx"]


def test_without_pytorch_the_first_file_is_the_measure_and_nothing_is_held_against_channels_last(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = timed(monkeypatch, [clock.contestant(name, 10) for name in "abc"])
    assert found is not None
    assert [row.channels_last_speedup for row in found.rows] == [None] * 3
    assert [row.speedup is None for row in found.rows] == [True, False, False]


def test_images_a_second_count_every_image_of_a_batch_and_milliseconds_the_whole(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    found = timed(monkeypatch, [clock.contestant("a", 10)], batch=4)
    assert found is not None
    assert (found.rows[0].median_ms, found.rows[0].fps) == pytest.approx((40, 100))


def test_what_the_machine_makes_of_one_network_and_itself_is_told(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    noise, noisy = np.random.default_rng(0), clock.contestant("a", 10)

    def run(tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        clock.now += float(noise.uniform(0.005, 0.015))
        return (np.zeros((len(tensor), 5, 84), np.float32),)

    steady = timed(monkeypatch, [clock.contestant("a", 10), clock.contestant("b", 30)])
    monkeypatch.setattr(noisy.session, "_script", run)
    shaky = timed(monkeypatch, [noisy], runs=PAIRS)
    assert steady is not None
    assert shaky is not None
    assert (steady.feigned, shaky.feigned > 0.1) == (LATENCY_FLOOR, True)


def test_where_no_file_takes_part_nothing_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timed(monkeypatch, []) is None


def test_a_row_of_few_runs_has_no_p99_and_one_of_many_has(clock: Clock) -> None:
    one = clock.contestant("a", 1)
    few = bench_row(0, [one], np.arange(2.0 * PAIRS).reshape(-1, 2), batch=1)
    many = bench_row(0, [one], np.arange(2.0 * FOR_P99).reshape(-1, 2), batch=1)
    assert (few.p95_ms is None, few.p99_ms) == (False, None)
    assert many.p99_ms == pytest.approx(2 * 0.99 * (FOR_P99 - 1))


# How often


@pytest.mark.parametrize(
    ("milliseconds", "rounds"),
    [
        (1, MOST_RUNS),
        (100, 150),  # what is quick gets more than p99 takes
        (500, FOR_P99),
        (900, 66),
        (30_000, PAIRS),
    ],
)
def test_as_many_rounds_are_run_as_fit_into_the_time_and_no_fewer_than_an_interval_takes(
    clock: Clock, milliseconds: float, rounds: int
) -> None:
    tensor = np.zeros(STATIC, np.float32)
    assert rounds_for(None, [clock.contestant("a", milliseconds).in_turn([tensor])]) == rounds
    assert clock.now == pytest.approx(WARM_UP * milliseconds / 1e3)


def test_as_many_rounds_are_run_as_were_asked_for_but_whole_pairs(clock: Clock) -> None:
    calls = [clock.contestant("a", 1).in_turn([np.zeros(STATIC, np.float32)])]
    assert [rounds_for(asked, calls) for asked in (20, 21, 1000)] == [20, 22, 1000]


def test_progress_follows_every_round_of_every_setting(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []

    def track(items: Sequence[int], label: str, total: int) -> Iterator[int]:
        for number, item in enumerate(items):
            seen.append((label, number, total))
            yield item

    monkeypatch.setattr(Entry, "open", lambda *_: iter([clock.contestant("a", 1)]))
    time_setting(entry(), ONE, [np.zeros(STATIC, np.float32)], runs=20, track=track)
    assert seen == [("64, batch 1, 1 thread", number, 20) for number in range(20)]


def test_pytorch_has_the_threads_of_the_setting_while_it_is_timed_and_its_own_afterwards() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with torch_held_at(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


# What takes part, and at which settings


def test_settings_are_every_size_with_every_batch_and_number_of_threads() -> None:
    request = BenchRequest((), sizes=((64, 64), (64, 96)), batches=(1, 2), threads=(1, 2))
    found = settings_of(request, entry())
    assert len(found) == 8
    assert (found[0], found[-1]) == (Setting((64, 64), 1, 1), Setting((64, 96), 2, 2))


def test_without_sizes_files_bring_their_own_and_every_processor_is_used() -> None:
    assert settings_of(BenchRequest(()), entry(file())) == (Setting((64, 64), 1, processors()),)
    assert settings_of(BenchRequest(()), entry(file(shape=ANY_IMAGE)))[0].imgsz == (640, 640)


def test_a_file_that_takes_images_as_they_are_has_no_size() -> None:
    native = file(shape=ANY_IMAGE, preprocess=Preprocess(fit=Fit.NATIVE))
    request = BenchRequest((), sizes=((64, 64),))
    settings = settings_of(request, entry(native))
    assert [setting.imgsz for setting in settings] == [None]
    inputs = Inputs((NOISE,), Preprocess(fit=Fit.NATIVE))
    assert [tensor.shape for tensor in inputs.tensors(settings[0])] == inputs.shapes(settings[0]) == [(1, 3, 48, 64)]
    assert "the network resizes images itself, so --imgsz does not apply" in list(notes_on(request, entry(native), settings, inputs))


@pytest.mark.parametrize(("size", "batch"), [((64, 64), 4), ((96, 96), 1)])
def test_a_static_file_that_fits_nowhere_is_refused_before_anything_runs(size: tuple[int, int], batch: int) -> None:
    inputs = Inputs((NOISE,), Preprocess())
    with pytest.raises(UsageError, match=rf"a.onnx: takes no input .* found 1x3x64x64; expected size {size[0]} and batch {batch}\n"):
        check_files(entry(file()), [Setting(size, batch, 1)], inputs)


def test_a_static_file_that_fits_somewhere_is_left_out_elsewhere_and_that_is_said() -> None:
    inputs, settings = Inputs((NOISE,), Preprocess()), [ONE, Setting((64, 64), 4, 1)]
    check_files(entry(file()), settings, inputs)
    notes = list(notes_on(BenchRequest(()), entry(file()), settings, inputs))
    assert "a.onnx takes 1x3x64x64, and is left out where that was not asked for" in notes
    assert not [note for note in notes_on(BenchRequest(()), entry(file()), [ONE], inputs) if "left out" in note]


def test_more_threads_than_processors_are_allowed_and_said() -> None:
    inputs = Inputs((NOISE,), Preprocess())
    many, few = Setting((64, 64), 1, processors() + 1), Setting((64, 64), 1, processors())
    said = f"this process may use {processors()} processors: more threads than that wait for each other"
    assert said in list(notes_on(BenchRequest(()), entry(file()), [few, many], inputs))
    assert said not in list(notes_on(BenchRequest(()), entry(file()), [few], inputs))


def test_files_alone_are_held_against_the_first_and_that_is_said() -> None:
    first = entry(file("b.onnx"), file())
    notes = list(notes_on(BenchRequest(()), first, [ONE], Inputs((NOISE,), Preprocess())))
    assert notes[0] == "there is no checkpoint: changes are against the first file, not PyTorch"
    assert (reference_of(first).path, reference_of(first).family) == ("b.onnx", "file")


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (BenchRequest((Path("a.pt"), Path("b.pt"))), "more than one checkpoint; found a.pt, b.pt"),
        (BenchRequest((Path("a.onnx"),), targets=("onnx",)), "--to exports a checkpoint; found a.onnx"),
        (BenchRequest((Path("a.pt"),), targets=("nothing",)), "unknown conversion target; found nothing"),
    ],
)
def test_what_does_not_fit_together_is_refused(request_: BenchRequest, problem: str) -> None:
    with ExitStack() as resources, pytest.raises(UsageError, match=problem):
        enter(request_, resources)


def test_without_targets_all_in_float32_are_made_whose_runtime_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.bench.find_spec", lambda _: object())
    assert [target.name for target in usual_targets("ultralytics")] == ["onnx", "torchscript", "openvino"]
    assert [target.name for target in usual_targets("torchvision")] == ["onnx", "torchscript"]
    monkeypatch.setattr("parity.bench.find_spec", lambda _: None)
    assert [target.name for target in usual_targets("ultralytics")] == ["onnx", "torchscript"]


def test_nothing_is_timed_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(XDIST, "gw0")
    with pytest.raises(
        UsageError, match="shares this machine among its processes, so no latency can be told; found PYTEST_XDIST_WORKER=gw0"
    ):
        run_bench(BenchRequest((Path("a.onnx"),)))
    assert XDIST in os.environ


def test_the_json_has_had_two_shapes() -> None:
    assert BENCH_SCHEMA == 2
