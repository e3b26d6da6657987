"""The bench times everyone in turn, and what it says of time follows from pairs of turns; here of networks whose times are made up."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pytest

from parity import bench
from parity.backends.base import ANY_IMAGE
from parity.bench import (
    BENCH_SCHEMA,
    BenchRequest,
    bench_row,
    check_files,
    enter,
    notes_on,
    reference_of,
    run_bench,
    settings_of,
    time_setting,
    timed,
    usual_targets,
)
from parity.bench_inputs import Inputs, Setting
from parity.bench_worker import Opened
from parity.contestants import CHANNELS_LAST, STOCK, Contestant, Entry, GivenFile
from parity.environment import processors
from parity.errors import UsageError
from parity.latency import FOR_P99, PAIRS
from parity.limits import LATENCY_FLOOR
from parity.open_gate import untracked
from parity.spec import Fit, Preprocess
from parity.timing import XDIST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parity.backends.base import Shape
    from parity.bench_process import Room

STATIC: Shape = (1, 3, 64, 64)
ONE = Setting((64, 64), 1, 1)
NOISE = np.zeros((48, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Fake:
    """A contestant that says when it would have answered, in milliseconds that are drawn."""

    contestant: Contestant
    draw: Callable[[], float]
    opened: Opened

    def turn(self, _tensor: int, runs: int) -> Sequence[float]:
        """So many of them."""
        return [self.draw() for _ in range(runs)]


def fake(name: str, milliseconds: float, *, size_bytes: int = 6_000_000, exported: bool = True) -> Fake:
    """A contestant that always takes as long."""
    return Fake(Contestant(name, Path(name), size_bytes, exported=exported), lambda: milliseconds, Opened("fake", "fp32", ANY_IMAGE))


def file(path: str = "a.onnx", shape: Shape | None = STATIC, preprocess: Preprocess | None = None) -> GivenFile:
    """A file that was given."""
    size = (64, 64) if shape == STATIC else None
    return GivenFile(Path(path), shape, size, preprocess, "0" * 64)


def entry(*files: GivenFile) -> Entry:
    """Files without a checkpoint."""
    return Entry(None, (), files, Path())


def found_of(*runners: Fake, batch: int = 1) -> bench.BenchSetting:
    """What is found of these at one setting."""
    return timed(runners, Setting((64, 64), batch, 1), 1, runs=PAIRS, track=untracked)


@pytest.fixture
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts is a failure."""
    monkeypatch.setattr(bench, "Process", lambda *_: pytest.fail("a process was started"))


# What is found


def test_rows_hold_everyone_against_the_first_and_against_channels_last() -> None:
    found = found_of(fake(STOCK, 80, exported=False), fake(CHANNELS_LAST, 40, exported=False), fake("onnx", 20, size_bytes=12_000_000))
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


def test_without_pytorch_the_first_file_is_the_measure_and_nothing_is_held_against_channels_last() -> None:
    found = found_of(*(fake(name, 10) for name in "abc"))
    assert [row.channels_last_speedup for row in found.rows] == [None] * 3
    assert [row.speedup is None for row in found.rows] == [True, False, False]


def test_images_a_second_count_every_image_of_a_batch_and_milliseconds_the_whole() -> None:
    row = found_of(fake("a", 40), batch=4).rows[0]
    assert (row.median_ms, row.fps) == pytest.approx((40, 100))


def test_what_the_machine_makes_of_one_network_and_itself_is_told() -> None:
    noise = np.random.default_rng(0)
    shaky = replace(fake("a", 0), draw=lambda: float(noise.uniform(5, 15)))
    steady, shaken = found_of(fake("a", 10), fake("b", 30)), found_of(shaky)
    assert (steady.feigned, shaken.feigned > 0.1) == (LATENCY_FLOOR, True)


@pytest.mark.usefixtures("_nothing_starts")
def test_where_no_file_takes_part_nothing_is_timed() -> None:
    tensors = Inputs((NOISE,), Preprocess()).tensors(Setting((96, 96), 1, 1))
    assert time_setting(entry(file()), Setting((96, 96), 1, 1), tensors, runs=None, track=untracked) is None


def test_everyone_is_open_before_anyone_has_a_turn_and_turns_go_through_all_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[str] = []

    @dataclass
    class Started:
        contestant: Contestant
        room: Room
        opened: Opened = field(default_factory=lambda: Opened("fake", "fp32", STATIC))

        def __enter__(self) -> Self:
            seen.append(f"start {self.contestant.name} with {self.room.threads}")
            return self

        def __exit__(self, *_: object) -> None:
            seen.append("end")

        def ready(self) -> Self:
            seen.append("ready")
            return self

        def turn(self, tensor: int, runs: int) -> Sequence[float]:
            seen.append(f"{self.contestant.name} on {tensor}")
            return [1.0] * runs

    monkeypatch.setattr(bench, "Process", Started)
    monkeypatch.setattr("parity.contestants.size_in_bytes", lambda _: 1)
    setting, tensors = Setting((64, 64), 1, 3), [np.zeros(STATIC, np.float32)] * 2
    assert time_setting(replace(entry(file("a"), file("b")), folder=tmp_path), setting, tensors, runs=PAIRS, track=untracked) is not None
    rounds = [f"{name} on {tensor}" for tensor in (0, 1) for name in "abaaba"]
    assert seen == ["start a with 3", "start b with 3", "ready", "ready", *rounds[:3], *rounds * (PAIRS // 4), "end", "end"]


def test_a_row_of_few_runs_has_no_p99_and_one_of_many_has() -> None:
    one = fake("a", 1)
    few = bench_row(0, [one], np.arange(2.0 * PAIRS).reshape(-1, 2, 1), batch=1)
    times = np.stack([np.arange(FOR_P99), np.zeros(FOR_P99)], axis=1).reshape(PAIRS, 5, 2).transpose(0, 2, 1)
    many = bench_row(0, [one], times, batch=1)
    assert (few.p95_ms is None, few.p99_ms) == (False, None)
    assert many.p99_ms == pytest.approx(0.99 * (FOR_P99 - 1))


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
    one = replace(fake("a", 1, exported=exported), opened=Opened("fake", "fp16", shape))
    row = found_of(one).rows[0]
    assert (row.shape, row.backend, row.precision) == (told, "fake", "fp16")


def test_progress_follows_every_round_of_every_setting() -> None:
    seen: list[tuple[str, int, int]] = []

    def track(items: Sequence[int], label: str, total: int) -> Iterator[int]:
        for number, item in enumerate(items):
            seen.append((label, number, total))
            yield item

    timed([fake("a", 1)], ONE, 1, runs=40, track=track)
    assert seen == [("64, batch 1, 1 thread", number, 20) for number in range(20)]


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


@pytest.mark.usefixtures("_nothing_starts")
def test_nothing_is_timed_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(XDIST, "gw0")
    with pytest.raises(
        UsageError, match="shares this machine among its processes, so no latency can be told; found PYTEST_XDIST_WORKER=gw0"
    ):
        run_bench(BenchRequest((Path("a.onnx"),)))
    assert XDIST in os.environ


def test_the_json_has_had_two_shapes() -> None:
    assert BENCH_SCHEMA == 2
