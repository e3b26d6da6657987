"""The command line: options to a request, a result to an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from parity import arguments
from parity.display import display
from parity.errors import ParityError, UsageError
from parity.options import parse_sizes, share, split
from parity.report.output import STDOUT, check_target, make_folder, write_text
from parity.request import DEFAULT_SIZE, GateRequest, Size
from parity.runs.options import RunOptions

if TYPE_CHECKING:
    from rich.console import Console

    from parity.models import Checkpoint
    from parity.verdict import Result

# The commands import what they drive when they run: the runtimes load for seconds, and --help must not wait for them.
# ruff: noqa: PLC0415

T = TypeVar("T")
# what each way of a command reads; an option beyond it is refused, since it would be ignored
FILE_CONVERSION = frozenset({"checkpoint", "to", "imgsz", "dynamic", "out", "print_spec", "end_to_end", "trust_checkpoint"})
RUN_CONVERSION = frozenset({"checkpoint", "checkpoint_path", "image_input", "dataset_dir", "evaluate_converted_model"})
RUN_CONVERSION |= {"device", "visualizations"}
RUN_COMPARISON = frozenset({"model", "dataset_dir", "checkpoint_path", "compare"})
RUN_EVALUATION = RUN_COMPARISON | {"onnx", "device", "visualizations"}
INTERRUPTED, INTERNAL_ERROR = 2, 3
TYPER_INTERRUPTED = 130  # what typer makes of Ctrl-C
ClickUsageError: Any = typer.BadParameter.__base__  # its place depends on typer's version
app = typer.Typer(add_completion=False, rich_markup_mode=None, epilog="--debug, anywhere, shows the traceback of an error.")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 pass, 1 fail, 12 inconclusive, others as ``parity.errors`` has them."""
    given = sys.argv[1:] if argv is None else argv
    words = [word for word in given if word != "--debug"]
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name must not end a report on a terminal that is not UTF-8
    try:
        code = app(words, prog_name="parity", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort, SystemExit):  # the last: whoever read our output has gone
        code = TYPER_INTERRUPTED
    except Exception as failure:  # noqa: BLE001 - the last place where anything can be said about it
        if len(words) < len(given):
            traceback.print_exc()
        return explain(failure)
    if code == TYPER_INTERRUPTED:
        sys.stderr.write("interrupted: there is no verdict\n")
        return INTERRUPTED
    return int(code or 0)


def explain(failure: Exception) -> int:
    """Say on stderr what went wrong, and return the exit code for it."""
    if isinstance(failure, ParityError):
        sys.stderr.write(f"error: {failure}\n")
        return failure.exit_code
    if isinstance(failure, ClickUsageError):
        command = failure.ctx.command_path if failure.ctx else "parity"
        sys.stderr.write(f"error: {display(failure.format_message())}\n  next: {command} --help\n")
        return UsageError.exit_code
    problem = f"{type(failure).__name__}: {display(failure)}"
    sys.stderr.write(f"internal error: {problem}; please report it; --debug shows the traceback\n")
    return INTERNAL_ERROR


@app.callback()
def parity(*, version: arguments.Version = False) -> None:
    """The release gate for object detectors: does the model you ship detect what the model you trained detects?"""
    del version


# Commands. -----------------------------------------------------------------------------------------------------------------------


@app.command()
def convert(
    ctx: typer.Context, checkpoint: arguments.Checkpoint, *, to: arguments.Targets = None, imgsz: arguments.Sizes = None,
    dynamic: arguments.Dynamic = False, out: arguments.Out = Path(), print_spec: arguments.PrintSpec = False,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None, device: arguments.Device = "cpu", checkpoint_path: arguments.CheckpointPath = None,
    image_input: arguments.ImageInput = None, dataset_dir: arguments.DatasetDir = None,
    evaluate_converted_model: arguments.EvaluateConverted = False, visualizations: arguments.Pictures = 16,
) -> int:
    """Export a checkpoint; every file is checked against it and says which pipeline it needs.

    Of a run directory without --to: RUN_DIR/onnx_model/model.onnx, and with --evaluate-converted-model its evaluation.
    """
    run_options = (checkpoint_path, image_input, dataset_dir, evaluate_converted_model or None)
    if not to and not print_spec and (checkpoint.suffix.lower() != ".pt" or any(run_options)):
        options = RunOptions(
            checkpoint, checkpoint_path, image_input, dataset_dir, evaluate=evaluate_converted_model, device=device, pictures=visualizations
        )
        refuse_others(ctx, RUN_CONVERSION)
        return run_directory("convert", options)
    refuse_others(ctx, FILE_CONVERSION)
    targets, sizes, trusted = split(to), parse_sizes(imgsz) or (DEFAULT_SIZE,), frozenset(trust_checkpoint or ())
    if not targets and not print_spec:
        raise UsageError("nothing to do", expected="--to onnx,torchscript or --print-spec")
    if len(sizes) > 1 and (print_spec or dynamic):
        option = "--print-spec" if print_spec else "--dynamic"
        raise UsageError(f"{option} goes with one size", found=f"{len(sizes)} sizes", expected="one --imgsz")
    from parity.models import load_checkpoint

    load = partial(load_checkpoint, checkpoint, trusted=trusted, end_to_end=end_to_end or None)
    if print_spec:
        return show_spec(load, sizes[0])
    from parity.report.measurements import print_files

    files = converted(load, [(target, size) for size in sizes for target in targets], out=out, dynamic=dynamic)
    show(files, None, print_files)
    return 0


@app.command("diagnose", help="Why does the candidate differ? As gate, with the causes first; exit code 0 nothing differs, 1 it does.")
@app.command()
def gate(
    ctx: typer.Context, *, reference: arguments.Reference, candidate: arguments.SomeCandidates = None, backend: arguments.Backends = None,
    data: arguments.Data, images: arguments.ImageRoot = None, imgsz: arguments.Sizes = None, conf: arguments.Conf = None,
    iou: arguments.Iou = None, limit: arguments.Limit = None, seed: arguments.Seed = 42, candidate_spec: arguments.Spec = None,
    candidate_conf: arguments.Cut = None, baselines: arguments.Baselines = None, json: arguments.Json = None,
    evidence: arguments.Evidence = None, end_to_end: arguments.EndToEnd = False, trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None, no_latency: arguments.NoLatency = False, no_diagnosis: arguments.NoDiagnosis = False,
) -> int:
    """Does the candidate detect what the reference detects? Exit code 0 pass, 1 fail, 12 inconclusive."""
    explains = ctx.info_name == "diagnose"
    if explains and no_diagnosis:
        raise UsageError("--no-diagnosis leaves nothing of diagnose", expected="diagnose without it, or gate")
    basic = basic_request(
        reference, imgsz=imgsz, conf=conf, iou=iou, limit=limit, seed=seed, trust=trust_checkpoint, threads=threads,
        end_to_end=end_to_end, spec=candidate_spec, cut=candidate_conf, evidence=evidence,
    )
    request = replace(
        basic,
        candidates=tuple(candidate or ()),
        backends=split(backend),
        data=data,
        images=images,
        baselines=baselines,
        latency=not (no_latency or explains),  # how fast it is explains nothing
        diagnose=not no_diagnosis,
    )
    check_target(json, inputs=request.inputs)
    from parity.report.causes import print_diagnosis
    from parity.report.text import print_result

    result = judged(request)
    show(result, json, print_diagnosis if explains else print_result)
    return result.verdict.exit_code


@app.command()
def compare(
    *, reference: arguments.Reference, candidate: arguments.Candidates, images: arguments.ImageFolder, out: arguments.OutFolder,
    imgsz: arguments.Sizes = None, conf: arguments.Conf = None, iou: arguments.Iou = None, limit: arguments.Limit = None,
    seed: arguments.Seed = 42, candidate_spec: arguments.Spec = None, candidate_conf: arguments.Cut = None,
    evidence: arguments.Evidence = None, terms: arguments.Terms = None,
    end_to_end: arguments.EndToEnd = False, trust_checkpoint: arguments.Trust = None, threads: arguments.Threads = None,
    no_latency: arguments.NoLatency = False, no_diagnosis: arguments.NoDiagnosis = False,
) -> int:
    """The gate without labels: AP is not checked. Writes result.json and report.txt; exit codes as of gate."""
    basic = basic_request(
        reference, imgsz=imgsz, conf=conf, iou=iou, limit=limit, seed=seed, trust=trust_checkpoint, threads=threads,
        end_to_end=end_to_end, spec=candidate_spec, cut=candidate_conf, evidence=evidence,
    )
    request = replace(
        basic,
        candidates=tuple(candidate),
        data=images,
        labelled=False,
        terms=terms,
        latency=not no_latency,
        diagnose=not no_diagnosis,
    )
    check_target(make_folder(out) / "result.json", inputs=request.inputs, option="--out")
    from parity.report.text import print_result, report_text

    result = judged(request)
    show(result, out / "result.json", print_result)
    write_text(report_text(result), out / "report.txt")
    return result.verdict.exit_code


@app.command("eval")
def evaluate(
    ctx: typer.Context, model: arguments.Model, *, data: arguments.LabelledData = None, images: arguments.ImageRoot = None,
    imgsz: arguments.Sizes = None, conf: arguments.Conf = None, iou: arguments.Iou = None, limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    candidate_spec: arguments.Spec = None, json: arguments.Json = None, end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None, threads: arguments.Threads = None, dataset_dir: arguments.DatasetDir = None,
    checkpoint_path: arguments.CheckpointPath = None, onnx: arguments.Onnx = False, compare: arguments.CompareStored = False,
    device: arguments.Device = "cpu", visualizations: arguments.Pictures = 16,
) -> int:
    """COCO's twelve numbers of one model; precision, recall, AP50 and AP of every class.

    With --dataset-dir, of a run directory: metrics, predictions, ground truth and pictures go into the run directory.
    """
    if dataset_dir is not None or onnx or compare or checkpoint_path is not None:
        if data is not None or dataset_dir is None:
            raise UsageError("a run directory is evaluated on --dataset-dir, and other models on --data", expected="one of them")
        options = RunOptions(
            model, checkpoint_path, dataset_dir=dataset_dir, onnx=onnx, compare=compare, device=device, pictures=visualizations
        )
        refuse_others(ctx, RUN_COMPARISON if compare else RUN_EVALUATION)
        return run_directory("evaluate", options)
    if data is None:
        raise UsageError("no images", expected="--data data.yaml or instances.json, or --dataset-dir for a run directory")
    basic = basic_request(
        model, imgsz=imgsz, conf=conf, iou=iou, limit=limit, seed=seed, trust=trust_checkpoint, threads=threads,
        end_to_end=end_to_end, spec=candidate_spec,
    )
    request = replace(basic, data=data, images=images)
    check_target(json, inputs=request.inputs)
    from parity.evaluation import evaluate_model
    from parity.report.measurements import print_evaluation
    from parity.report.terminal import progress

    with progress() as follow:
        found = evaluate_model(request, track=follow)
    show(found, json, print_evaluation)
    return 0


@app.command()
def bench(
    checkpoint: arguments.Checkpoint, *, to: arguments.BenchTargets = None, imgsz: arguments.Sizes = None, data: arguments.SomeData = None,
    json: arguments.Json = None, trust_checkpoint: arguments.Trust = None, threads: arguments.Threads = None,
) -> int:
    """How long the network takes in every backend, measured in turn, and how large the files are."""
    check_target(json, inputs=(checkpoint, data))
    from parity.bench import DEFAULT_TARGETS, BenchRequest, run_bench
    from parity.report.measurements import print_bench
    from parity.report.terminal import progress

    request = BenchRequest(
        checkpoint,
        targets=split(to) or DEFAULT_TARGETS,
        sizes=parse_sizes(imgsz) or (DEFAULT_SIZE,),
        data=data,
        trusted=frozenset(trust_checkpoint or ()),
        threads=threads,
    )
    with progress() as follow:
        found = run_bench(request, track=follow)
    show(found, json, print_bench)
    return 0


@app.command()
def doctor(*, json: arguments.Json = None) -> int:
    """Is this machine ready: versions, instruction sets, threads, and what is missing."""
    check_target(json, inputs=())
    from parity.doctor import examine
    from parity.report.measurements import print_checkup

    found = examine()
    show(found, json, print_checkup)
    return found.exit_code


# What several commands do. -------------------------------------------------------------------------------------------------------


def basic_request(
    model: Path, *, imgsz: list[str] | None, conf: float | None, iou: float | None, limit: int | None, seed: int, trust: list[str] | None,
    threads: int | None, end_to_end: bool, spec: Path | None, cut: float | None = None, evidence: Path | None = None,
) -> GateRequest:
    """A request with the options that several judging commands have."""
    return GateRequest(
        model,
        sizes=parse_sizes(imgsz),
        confidence=share("--conf", conf),
        iou=share("--iou", iou),
        limit=limit,
        seed=seed,
        trusted=frozenset(trust or ()),
        threads=threads,
        end_to_end=end_to_end,
        candidate_spec=spec,
        candidate_confidence=share("--candidate-conf", cut),
        evidence=evidence,
    )


def show_spec(load: Callable[[], Checkpoint], size: Size) -> int:
    """Print the pipeline spec of a checkpoint as JSON."""
    from parity.wire import to_json

    spec = load().spec
    sys.stdout.write(to_json(replace(spec, preprocess=replace(spec.preprocess, size=size)), indent=2) + "\n")
    return 0


def converted(load: Callable[[], Checkpoint], jobs: list[tuple[str, Size]], *, out: Path, dynamic: bool) -> list[Path]:
    """Export a checkpoint for every target and size; an unknown target stops before the first."""
    from parity.convert.conversion import convert as export
    from parity.convert.conversion import find_target
    from parity.report.terminal import progress

    for target, _ in jobs:
        find_target(target)
    loaded, folder = load(), make_folder(out)
    if loaded.spec.preprocess.target_size is None:  # then all sizes make one file
        jobs = list({target: (target, size) for target, size in jobs}.values())
    with progress() as follow:
        return [export(loaded, target, size=size, out=folder, dynamic=dynamic) for target, size in follow(jobs, "convert", len(jobs))]


def run_directory(command: str, options: RunOptions) -> int:
    """Convert or evaluate a run, and print what was made."""
    from parity.report.runs import print_outcome
    from parity.report.terminal import progress
    from parity.runs import workflow

    work = {"convert": workflow.convert_and_compare, "evaluate": workflow.evaluate_or_compare}[command]
    with progress() as follow:
        outcome = work(options, track=follow)
    show(outcome, None, print_outcome)
    return 0


def refuse_others(ctx: typer.Context, known: frozenset[str]) -> None:
    """Raise ``UsageError`` for options that were given and would be ignored."""
    given = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    others = [f"--{name.replace('_', '-')}" for name in given if name not in known]
    if others:
        expected = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(known - {"checkpoint", "model"}))
        raise UsageError(f"{', '.join(others)} does not apply here", expected=expected)


def judged(request: GateRequest) -> Result:
    """Run the gate with progress."""
    from parity.gate import run_gate
    from parity.report.terminal import progress

    with progress() as follow:
        return run_gate(request, track=follow)


def show(found: T, json: Path | None, print_tables: Callable[[T, Console], None]) -> None:
    """Write JSON where it was asked for, and print tables unless stdout is taken."""
    from parity.report.terminal import stdout_console
    from parity.wire import to_json

    if json is not None:
        write_text(to_json(found, indent=2) + "\n", json)
    if json != STDOUT:
        print_tables(found, stdout_console())


if __name__ == "__main__":
    sys.exit(main())
