"""How long a checkpoint's network takes in every backend, and how large the files are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import Session, open_session
from parity.contests import untracked
from parity.convert import convert
from parity.datasets import open_dataset
from parity.environment import Environment, environment, machine_load
from parity.images import Image, read_image
from parity.latency import Call, summary, time_in_turn, warm_up
from parity.models import Checkpoint, load_checkpoint
from parity.preprocess import preprocess
from parity.request import DEFAULT_SIZE, Size
from parity.spec import STRICT
from parity.verdict import ReferenceId

Track = Callable[[Iterable[Size], str, int], Iterable[Size]]
BENCH_SCHEMA = 1
STOCK, CHANNELS_LAST = "pytorch", "pytorch channels_last"
DEFAULT_TARGETS = (STOCK, "torchscript", "onnx")
RUNS = 10  # of each contestant on each image
MOST_IMAGES = 4
SYNTHETIC_SHAPE = (480, 640, 3)
SEED = 0


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What to time; without ``data``, one synthetic image."""

    checkpoint: Path
    targets: tuple[str, ...] = DEFAULT_TARGETS
    sizes: tuple[Size, ...] = (DEFAULT_SIZE,)
    data: Path | None = None
    trusted: frozenset[str] = frozenset()
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One backend at one size: milliseconds of the network for one image, and changes against stock PyTorch in per cent."""

    name: str
    imgsz: Size | None
    size_mb: float
    mean_ms: float
    median_ms: float
    p95_ms: float
    fps: float
    size_change_percent: float
    time_change_percent: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Bench:
    """All that `parity bench` found out; ``load`` is that of the machine before the start. The shape of its JSON."""

    checkpoint: ReferenceId
    rows: tuple[BenchRow, ...]
    images: int
    runs: int
    threads: int | None
    load: float | None
    environment: Environment
    schema: int = BENCH_SCHEMA
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """An open network and the size of its file in bytes."""

    name: str
    session: Session
    size_bytes: int

    def run_each(self, tensors: Sequence[NDArray[np.float32]]) -> Call:
        """A call that runs the network on the next tensor, and after the last on the first again."""
        turns = cycle(tensors)
        return lambda: self.session.run(next(turns))


def run_bench(request: BenchRequest, *, track: Track = untracked) -> Bench:
    """Convert, open and time everything that was asked for."""
    load = machine_load()
    images = bench_images(request.data)
    checkpoint = load_checkpoint(request.checkpoint, trusted=request.trusted)
    sizes = request.sizes if checkpoint.spec.preprocess.target_size else request.sizes[:1]
    rows = tuple(row for size in track(sizes, "bench", len(sizes)) for row in bench_size(checkpoint, request, size, images))
    identity = ReferenceId(str(request.checkpoint), checkpoint.sha256, checkpoint.family)
    return Bench(identity, rows, len(images), RUNS, request.threads, load, environment())


def bench_images(data: Path | None) -> tuple[Image, ...]:
    """The first few images of a data set, or one of noise that is always the same."""
    if data is None:
        return (np.random.default_rng(SEED).integers(0, 256, SYNTHETIC_SHAPE, dtype=np.uint8),)
    chosen = open_dataset(data, allow_missing_labels=True).images[:MOST_IMAGES]
    return tuple(read_image(image.path) for image in chosen)


def bench_size(checkpoint: Checkpoint, request: BenchRequest, size: Size, images: Sequence[Image]) -> Iterator[BenchRow]:
    """Time all contestants at one size."""
    spec = replace(checkpoint.spec.preprocess, size=size)
    tensors = [preprocess(image, spec).tensor for image in images]
    with ExitStack() as resources:
        entered = list(contestants(checkpoint, request, size, resources))
        runs = [one.run_each(tensors) for one in entered]
        warm_up(runs)
        times = time_in_turn(runs, RUNS * len(tensors))
    for place, one in enumerate(entered):
        yield bench_row(one, spec.target_size, times[:, place], stock=entered[0], stock_mean_ms=float(times[:, 0].mean()))


def contestants(checkpoint: Checkpoint, request: BenchRequest, size: Size, resources: ExitStack) -> Iterator[Contestant]:
    """Everything to time at one size; stock PyTorch first, since all others are held against it."""
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - the base installation has no torch

    stock = PyTorchSession(checkpoint.network, threads=request.threads)
    yield Contestant(STOCK, resources.enter_context(stock), checkpoint.size_bytes)
    if STOCK in request.targets:
        faster = PyTorchSession(checkpoint.network, threads=request.threads, channels_last=True)
        yield Contestant(CHANNELS_LAST, resources.enter_context(faster), checkpoint.size_bytes)
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-bench-")))
    for target in (target for target in request.targets if target != STOCK):
        file = convert(checkpoint, target, size=size, out=folder)
        session = resources.enter_context(open_session(file, threads=request.threads))
        yield Contestant(target, session, file.stat().st_size)


def bench_row(one: Contestant, size: Size | None, times: NDArray[np.float64], *, stock: Contestant, stock_mean_ms: float) -> BenchRow:
    """The numbers of one contestant."""
    mean, quantiles = float(times.mean()), summary(times)
    return BenchRow(
        name=one.name,
        imgsz=size,
        size_mb=one.size_bytes / 1e6,
        mean_ms=mean,
        median_ms=quantiles.median,
        p95_ms=quantiles.p95,
        fps=quantiles.fps,
        size_change_percent=100 * (one.size_bytes / stock.size_bytes - 1),
        time_change_percent=100 * (mean / stock_mean_ms - 1),
    )
