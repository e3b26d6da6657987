"""How long networks take in every backend, and how large their files are, against PyTorch as it is and in channels-last memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parity.backends.base import Precision, Shape, model_file
from parity.bench_inputs import Inputs, Setting, Tensor, bench_images
from parity.bench_process import Process, Runner, furnished
from parity.contestants import Entry, GivenFile
from parity.convert.conversion import EXPORTERS, TARGETS, Target, find_target, require_support, spec_at
from parity.environment import Environment, environment, machine_load, processors
from parity.errors import UsageError
from parity.latency import Speedup, feigned_by, speedup, summary
from parity.limits import Profile
from parity.models import is_checkpoint, load_checkpoint
from parity.open_gate import Track, untracked
from parity.request import DEFAULT_SIZE, Size, size_label
from parity.spec import STRICT, Preprocess
from parity.timing import refuse_workers
from parity.turns import pairs, plan_rounds, take_turns
from parity.verdict import ReferenceId

BENCH_SCHEMA = 2
PYTORCH = "pytorch"  # as a target: it is timed anyway


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What to time.

    ``models`` are exported files, and one checkpoint or none. Without ``targets`` a checkpoint is exported to all that calculate in
    float32 and are installed, without ``sizes`` files decide, without ``threads`` every processor is used, without ``data`` one
    synthetic image, without ``runs`` as many at each setting as fit into two minutes.
    """

    models: tuple[Path, ...]
    targets: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()
    batches: tuple[int, ...] = (1,)
    threads: tuple[int, ...] = ()
    data: Path | None = None
    runs: int | None = None
    trusted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One network at one setting: milliseconds of a run on the whole batch, and images a second.

    ``p95_ms`` is ``None`` of fewer than 20 runs, ``p99_ms`` of fewer than 100. The speedups are of pairs of turns, against the first row
    and against channels-last PyTorch, ``None`` against itself; ``time_change_percent`` follows from the first of them.
    """

    name: str
    backend: str
    shape: Literal["static", "dynamic"] | None
    precision: Precision
    size_mb: float
    median_ms: float
    p95_ms: float | None
    p99_ms: float | None
    fps: float
    speedup: Speedup | None
    channels_last_speedup: Speedup | None
    size_change_percent: float
    time_change_percent: float
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class BenchSetting:
    """All rows at one setting; ``feigned`` is the largest difference, as a share, that the machine makes of the first row and itself."""

    imgsz: Size | None
    batch: int
    threads: int
    runs: int
    feigned: float
    rows: tuple[BenchRow, ...]
    __pydantic_config__ = STRICT

    @property
    def setting(self) -> Setting:
        """What was timed at."""
        return Setting(self.imgsz, self.batch, self.threads)


@dataclass(frozen=True, slots=True)
class Bench:
    """All that `parity bench` found out; ``load`` is that of the machine before the start. The shape of its JSON.

    Without a checkpoint, ``reference`` is the first file, of the family ``file``.
    """

    reference: ReferenceId
    settings: tuple[BenchSetting, ...]
    images: int
    load: float | None
    notes: tuple[str, ...]
    environment: Environment
    schema: int = BENCH_SCHEMA
    __pydantic_config__ = STRICT


def run_bench(request: BenchRequest, *, track: Track = untracked) -> Bench:
    """Convert, open and time everything that was asked for; what can be wrong with that is said before anything is timed."""
    refuse_workers("so no latency can be told")
    load = machine_load()
    with ExitStack() as resources:
        entry = enter(request, resources)
        inputs = Inputs(bench_images(request.data), base_preprocess(entry))
        settings = settings_of(request, entry)
        check_files(entry, settings, inputs)
        found = [
            time_setting(entry, setting, inputs.tensors(setting), runs=request.runs, track=track)
            for setting in track(settings, "bench", len(settings))
        ]
    notes = tuple(notes_on(request, entry, settings, inputs))
    return Bench(reference_of(entry), tuple(filter(None, found)), len(inputs.images), load, notes, environment())


def enter(request: BenchRequest, resources: ExitStack) -> Entry:
    """Who takes part; a second checkpoint and a target that cannot be made are refused."""
    models = [model_file(path) for path in request.models]
    checkpoints = [path for path in models if is_checkpoint(path)]
    targets = [find_target(target) for target in request.targets if target != PYTORCH]
    if len(checkpoints) > 1:
        found = ", ".join(map(str, checkpoints))
        raise UsageError("more than one checkpoint", found=found, expected="one, which all others are held against")
    if request.targets and not checkpoints:
        raise UsageError("--to exports a checkpoint", found=", ".join(map(str, request.models)), expected="a checkpoint among them")
    checkpoint = load_checkpoint(checkpoints[0], trusted=request.trusted) if checkpoints else None
    files = tuple(GivenFile.read(path) for path in models if path not in checkpoints)
    if checkpoint is not None:
        targets = targets if request.targets else list(usual_targets(checkpoint.family))
        for target in targets:
            require_support(checkpoint.family, target)
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="parity-bench-")))
    return Entry(checkpoint, tuple(target.name for target in targets), files, folder, request.trusted)


def usual_targets(family: str) -> Iterator[Target]:
    """All that are made of a family, calculate as the checkpoint does, and whose runtime is installed."""
    exact = (target for name, target in TARGETS.items() if name not in EXPORTERS[family].lacks and target.precision is Profile.FP32)
    yield from (target for target in exact if target.package is None or find_spec(target.package))


def base_preprocess(entry: Entry) -> Preprocess:
    """How images become network inputs: the checkpoint's way, else that of the first file that says it."""
    if entry.checkpoint is not None:
        return entry.checkpoint.spec.preprocess
    return next((file.preprocess for file in entry.files if file.preprocess), Preprocess())


def settings_of(request: BenchRequest, entry: Entry) -> tuple[Setting, ...]:
    """Every size with every batch and number of threads; raises ``UsageError`` for a size that the checkpoint does not take."""
    spec, fixed = base_preprocess(entry), tuple(dict.fromkeys(file.size for file in entry.files if file.size))
    sizes: tuple[Size | None, ...] = (None,) if spec.target_size is None else request.sizes or fixed or (DEFAULT_SIZE,)
    for size in sizes:
        if entry.checkpoint is not None and size is not None:
            spec_at(entry.checkpoint.spec, size)
    return tuple(Setting(*each) for each in product(sizes, request.batches, request.threads or (processors(),)))


def check_files(entry: Entry, settings: Sequence[Setting], inputs: Inputs) -> None:
    """Raise ``UsageError`` for a file that takes part at no setting."""
    for file in entry.files:
        if not any(file.takes(inputs.shapes(setting)) for setting in settings):
            asked = ", ".join(dict.fromkeys(f"size {size_label(each.imgsz)} and batch {each.batch}" for each in settings))
            step = "give its own size and batch, or a file from `parity convert --dynamic`"
            raise UsageError("takes no input that was asked for", file=file.path, found=file.takes_only, expected=asked, next_step=step)


def time_setting(entry: Entry, setting: Setting, tensors: Sequence[Tensor], *, runs: int | None, track: Track) -> BenchSetting | None:
    """Time everyone in turn, and the first one a second time (A/A); ``None`` where no file takes the tensors."""
    entered = tuple(entry.contestants(setting, [tensor.shape for tensor in tensors]))
    if not entered:
        return None
    with ExitStack() as resources:
        room = resources.enter_context(furnished(entry.folder, tensors, threads=setting.threads))
        runners = [one.ready() for one in [resources.enter_context(Process(one, room)) for one in entered]]
        return timed(runners, setting, len(tensors), runs=runs, track=track)


def timed(runners: Sequence[Runner], setting: Setting, tensors: int, *, runs: int | None, track: Track) -> BenchSetting:
    """What turns of everyone on so many tensors say."""
    turns = [one.turn for one in (*runners, runners[0])]
    planned = plan_rounds(runs, turns)
    times = take_turns(turns, planned, tensors=tensors, follow=lambda numbers: track(numbers, str(setting), planned.rounds))
    feigned = feigned_by(speedup(pairs(times, 0, -1)))
    rows = tuple(bench_row(place, runners, times, batch=setting.batch) for place in range(len(runners)))
    return BenchSetting(setting.imgsz, setting.batch, setting.threads, planned.runs, feigned, rows)


def bench_row(place: int, runners: Sequence[Runner], times: NDArray[np.float64], *, batch: int) -> BenchRow:
    """The numbers of the contestant at a place, from the times (rounds, contestants and once more the first, runs) of everyone."""
    one, first, opened = runners[place].contestant, runners[0].contestant, runners[place].opened
    taken = summary(times[:, place].ravel(), batch=batch)
    against = speedup(pairs(times, 0, place)) if place else None
    channels_last = not first.exported and place > 1
    return BenchRow(
        name=one.name,
        backend=opened.backend,
        shape=shape_of(opened.input_shape) if one.exported else None,
        precision=opened.precision,
        size_mb=one.size_bytes / 1e6,
        median_ms=taken.median,
        p95_ms=taken.p95,
        p99_ms=taken.p99,
        fps=taken.fps,
        speedup=against,
        channels_last_speedup=speedup(pairs(times, 1, place)) if channels_last else None,
        size_change_percent=100 * (one.size_bytes / first.size_bytes - 1),
        time_change_percent=against.time_change_percent if against else 0.0,
    )


def shape_of(expected: Shape | None) -> Literal["static", "dynamic"]:
    """Whether a file fixes the shape of its input."""
    return "dynamic" if None in (expected or (None,)) else "static"


def reference_of(entry: Entry) -> ReferenceId:
    """What all are held against: the checkpoint, else the first file."""
    if entry.checkpoint is not None:
        return ReferenceId(str(entry.checkpoint.path), entry.checkpoint.sha256, entry.checkpoint.family)
    return ReferenceId(str(entry.files[0].path), entry.files[0].sha256, "file")


def notes_on(request: BenchRequest, entry: Entry, settings: Sequence[Setting], inputs: Inputs) -> Iterator[str]:
    """What a reader of the numbers should know."""
    if entry.checkpoint is None:
        yield "there is no checkpoint: changes are against the first file, not PyTorch"
    else:
        yield "PyTorch is timed as it is (stock) and in channels_last memory: only what is gained over the second is gained by exporting"
    for file in entry.files:
        if not all(file.takes(inputs.shapes(setting)) for setting in settings):
            yield f"{entry.name_of(file)} takes {file.takes_only}, and is left out where that was not asked for"
    if settings[0].imgsz is None and request.sizes:
        yield "the network resizes images itself, so --imgsz does not apply"
    if max(setting.threads for setting in settings) > processors():
        yield f"this process may use {processors()} processors: more threads than that wait for each other"
