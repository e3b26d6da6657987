"""Quantize a checkpoint to INT8: with as few layers in float as keep AP within a budget, on images that did not calibrate."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from parity.backends.base import Session, open_session
from parity.backends.onnx_file import inspect_model
from parity.calibration_images import Images, divided_images
from parity.contests import model_contest
from parity.convert.conversion import check_place, file_stem, put_in_place
from parity.convert.int8_files import find_kind
from parity.convert.int8_making import Making, making, renamed
from parity.convert.quantisation import Quantisation, Step
from parity.datasets import open_dataset
from parity.environment import Environment, busy_note, environment, machine_load
from parity.errors import BadInput
from parity.judging import Outcome, judge_contest
from parity.latency import LatencyComparison, compare_latency
from parity.metrics import truths_of
from parity.models import Checkpoint, is_checkpoint
from parity.open_gate import Gate, Track, checkpoint_of, class_map, phase, session_of, untracked
from parity.request import DEFAULT_SIZE, GateRequest, Size
from parity.sensitivity import fewest, most_in_float, ranked
from parity.spec import STRICT
from parity.verdict import Check, DatasetId, ReferenceId, Verdict, conclude

if TYPE_CHECKING:
    from parity.convert.onnx_int8 import FloatGraph

QUANTIZATION_SCHEMA = 1
RANKED_BY = 4  # images: the order of the layers is that of 16 but for neighbours
UNRELEASED = "unreleased"  # the folder of what these images can neither pass nor fail


@dataclass(frozen=True, slots=True)
class QuantizeRequest:
    """What to quantize; ``calibration`` is a data set or folder, ``None`` takes the training split of ``data``."""

    checkpoint: Path
    data: Path
    out: Path
    budget: float
    target: str = "onnx"
    images: Path | None = None
    calibration: Path | None = None
    most_calibration: int = 128
    size: Size = DEFAULT_SIZE
    limit: int | None = None
    seed: int = 42
    trusted: frozenset[str] = frozenset()
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Quantization:
    """All that `parity quantize` found out; ``file`` is what was written, ``released`` whether it may ship. The shape of its JSON."""

    checkpoint: ReferenceId
    dataset: DatasetId
    imgsz: Size
    target: str
    file: str | None
    released: bool
    verdict: Verdict
    quantisation: Quantisation
    checks: tuple[Check, ...]
    environment: Environment
    notes: tuple[str, ...]
    schema: int = QUANTIZATION_SCHEMA
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One file of the search, judged and timed."""

    file: Path
    outcome: Outcome
    step: Step


@dataclass(frozen=True, slots=True, eq=False)
class Workbench:
    """What every try of a search needs; ``plain`` is the float32 file of the same runtime, open."""

    request: QuantizeRequest
    gate: Gate
    checkpoint: Checkpoint
    making: Making
    plain: Session

    @property
    def graph(self) -> FloatGraph:
        """The graph that is quantized."""
        return self.making.ingredients.graph


def quantize(request: QuantizeRequest, *, track: Track = untracked) -> Quantization:
    """Calibrate, search, judge, and write the file only where it passes, or apart where these images cannot tell; else nothing."""
    kind = find_kind(request.target)
    refuse_exported(request.checkpoint)
    with ExitStack() as resources:
        gate, checkpoint, images = open_sides(request, resources, track)
        name = f"{file_stem(checkpoint, request.size, dynamic=False)}{kind.target.suffix}"
        for folder in (request.out, request.out / UNRELEASED):
            check_place(folder / name, kind.target)
        request.out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".parity-quantize-", dir=request.out))
        resources.callback(shutil.rmtree, folder, ignore_errors=True)
        calibrated = partial(making, checkpoint, kind, images.calibration, size=request.size, folder=folder, threads=request.threads)
        made = phase(track, f"calibrate on {len(images.calibration)} images", calibrated)
        plain = resources.enter_context(open_session(made.maker.plain, threads=request.threads))
        bench = Workbench(request, gate, checkpoint, made, plain)
        order, tried, chosen = search(bench, track)
        return conclusion(bench, images, order, tried, chosen, name)


def refuse_exported(path: Path) -> None:
    """Raise ``BadInput`` for an exported file, above all one that is quantised already."""
    if is_checkpoint(path) or path.suffix.lower() != ".onnx" or not path.is_file():
        return
    quantised = inspect_model(path.read_bytes(), path).precision == "int8"
    problem = "is quantised already" if quantised else "is an exported file"
    raise BadInput(problem, file=path, expected="the checkpoint it was made from", next_step="parity quantize best.pt --data data.yaml")


def open_sides(request: QuantizeRequest, resources: ExitStack, track: Track) -> tuple[Gate, Checkpoint, Images]:
    """The gate on the images that judge, and the images that calibrate."""
    full = open_dataset(request.data, images=request.images)
    truths_of(full)
    images = divided_images(full, request.data, request.calibration, most=request.most_calibration, seed=request.seed)
    dataset = images.judged.subset(request.limit, request.seed) if request.limit else images.judged
    asked = GateRequest(
        request.checkpoint,
        data=request.data,
        sizes=(request.size,),
        limit=request.limit,
        seed=request.seed,
        trusted=request.trusted,
        threads=request.threads,
        latency=False,
        diagnose=False,
        margin=request.budget,
    )
    gate = Gate(asked, full, dataset, resources, track)
    checkpoint = gate.checkpoint = checkpoint_of(gate, request.checkpoint)
    class_map(gate)
    return gate, checkpoint, images


def search(bench: Workbench, track: Track) -> tuple[tuple[str, ...], dict[int, Tried], int | None]:
    """All that was tried by the number of layers in float, the order that they go back in, and the number that keeps the budget."""
    graph, order = bench.graph, list[str]()

    def tried(count: int) -> Tried:
        if count and not order:
            order.extend(sensitivity_order(bench, track))
        return try_with(bench, order[:count])

    most = most_in_float(len(graph.layers), len(graph.last))
    found, chosen = fewest(tried, partial(passes, bench.request.budget), most=most)
    unproven = [count for count in sorted(found) if acceptable(bench.request.budget, found[count])]
    return tuple(order), found, next(iter(unproven), None) if chosen is None else chosen


def sensitivity_order(bench: Workbench, track: Track) -> tuple[str, ...]:
    """The layers, the one that moves the head most in INT8 first."""
    from parity.layer_errors import layer_errors  # noqa: PLC0415 - loads the runtime

    ingredients, layers = bench.making.ingredients, bench.graph.layers
    followed = track(layers, "rank layers", len(layers))
    return ranked(layer_errors(ingredients, ingredients.images[:RANKED_BY], followed))


def passes(budget: float, tried: Tried) -> bool:
    """Whether AP keeps the budget, and the gate's statistics are sure of it."""
    return tried.step.drop <= budget and conclude(tried.outcome.checks) is Verdict.PASS


def acceptable(budget: float, tried: Tried) -> bool:
    """Whether AP keeps the budget as far as it was measured, and nothing else failed."""
    return tried.step.drop <= budget and conclude(tried.outcome.checks) is not Verdict.FAIL


def try_with(bench: Workbench, returned: Sequence[str]) -> Tried:
    """Write, judge and time the file with these layers in float."""
    file = phase(bench.gate.track, f"make INT8, layers in float: {len(returned)}", partial(bench.making.file, returned))
    outcome = judge_contest(bench.gate, model_contest(bench.gate, file, bench.request.size))
    latency = phase(bench.gate.track, f"time {outcome.result.id}", partial(time_against, bench, file))
    return Tried(file, outcome, step_of(outcome, latency, size_mb=bench.making.size_mb(file), returned=len(returned)))


def time_against(bench: Workbench, file: Path) -> LatencyComparison:
    """The float32 file and this one in turn, on one calibration image."""
    tensor = bench.making.ingredients.images[0]
    timed = session_of(bench.gate, file, threads=bench.gate.request.threads)
    return compare_latency(partial(bench.plain.run, tensor), partial(timed.run, tensor))


def step_of(outcome: Outcome, latency: LatencyComparison, *, size_mb: float, returned: int) -> Step:
    """A row of the table."""
    accuracy = outcome.result.accuracy
    ap = None if accuracy is None else accuracy.statistics.metrics["AP"]
    if ap is None or ap.delta is None:
        raise BadInput(
            "AP is undefined",
            found=outcome.result.id,
            expected="images with objects of the model's classes",
            next_step="give labelled images with --data",
        )
    drop_ci = None if ap.ci95 is None else (0.0 - ap.ci95[1], 0.0 - ap.ci95[0])
    speed = latency.speedup
    return Step(returned, ap.candidate, 0.0 - ap.delta, drop_ci, speed.value, speed.ci95, size_mb, conclude(outcome.checks))


def conclusion(
    bench: Workbench, images: Images, order: Sequence[str], tried: dict[int, Tried], chosen: int | None, name: str
) -> Quantization:
    """The verdict on the chosen file, and the file in its place where there is one for it."""
    best = tried[max(tried) if chosen is None else chosen]
    verdict = Verdict.FAIL if chosen is None else conclude(best.outcome.checks)
    gate, request = bench.gate, bench.request
    steps = tuple(tried[count].step for count in sorted(tried))
    made = described(bench, images, steps, returned=tuple(order[: best.step.returned]), verdict=verdict)
    identity = ReferenceId(str(request.checkpoint), bench.checkpoint.sha256, bench.checkpoint.family)
    dataset = DatasetId(gate.dataset.name, len(gate.dataset), gate.dataset.sha256)
    written = None if verdict is Verdict.FAIL else placed(bench, best.file, made, name)
    checks = tuple(replace(check, config=name) for check in best.outcome.checks)
    return Quantization(
        identity,
        dataset,
        request.size,
        request.target,
        None if written is None else str(written),
        verdict is Verdict.PASS,
        verdict,
        made,
        checks,
        environment(),
        tuple(notes(bench)),
    )


def described(bench: Workbench, images: Images, steps: tuple[Step, ...], *, returned: tuple[str, ...], verdict: Verdict) -> Quantisation:
    """How the file came to be, for its manifest."""
    graph, maker = bench.graph, bench.making.maker
    return Quantisation(
        images.described,
        maker.ranges,
        len(graph.layers) + len(graph.last),
        graph.last,
        returned,
        bench.request.budget,
        verdict,
        len(bench.gate.dataset),
        steps,
        maker.warnings,
    )


def placed(bench: Workbench, file: Path, made: Quantisation, name: str) -> Path:
    """Put the file where it belongs: apart, where these images cannot tell whether it may be released."""
    folder = bench.request.out if made.verdict == Verdict.PASS else bench.request.out / UNRELEASED
    folder.mkdir(exist_ok=True)
    kind, stamp = bench.making.kind, bench.making.stamp
    return put_in_place(renamed(file, name, kind), folder, stamp=stamp, target=kind.target, quantisation=made)


def notes(bench: Workbench) -> Iterator[str]:
    """What a reader should know."""
    yield from bench.gate.dataset.notes
    yield from bench.making.maker.warnings
    busy = busy_note(machine_load())
    if busy:
        yield busy
