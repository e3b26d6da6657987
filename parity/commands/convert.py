"""``parity convert``: export a checkpoint or a run directory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from parity import arguments
from parity.commands.running import refuse_others, run_directory, show
from parity.errors import UsageError
from parity.options import parse_sizes, split
from parity.report.output import make_folder
from parity.request import DEFAULT_SIZE, Size
from parity.runs.options import RunOptions

if TYPE_CHECKING:
    from parity.convert.conversion import Converted
    from parity.models import Checkpoint

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them

# what each way of the command reads; an option beyond it is refused, since it would be ignored
FILE_CONVERSION = frozenset({"checkpoint", "to", "imgsz", "dynamic", "out", "print_spec", "end_to_end", "trust_checkpoint"})
RUN_CONVERSION = frozenset({"checkpoint", "checkpoint_path", "image_input", "dataset_dir", "evaluate_converted_model"})
RUN_CONVERSION |= {"device", "visualizations"}


def convert(
    ctx: typer.Context,
    checkpoint: arguments.Checkpoint,
    *,
    to: arguments.Targets = None,
    imgsz: arguments.Sizes = None,
    dynamic: arguments.Dynamic = False,
    out: arguments.Out = Path(),
    print_spec: arguments.PrintSpec = False,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None,
    device: arguments.Device = "cpu",
    checkpoint_path: arguments.CheckpointPath = None,
    image_input: arguments.ImageInput = None,
    dataset_dir: arguments.DatasetDir = None,
    evaluate_converted_model: arguments.EvaluateConverted = False,
    visualizations: arguments.Pictures = 16,
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
        raise UsageError("nothing to do", expected="--to onnx,torchscript,openvino,onnx-fp16 or --print-spec")
    if len(sizes) > 1 and (print_spec or dynamic):
        option = "--print-spec" if print_spec else "--dynamic"
        raise UsageError(f"{option} goes with one size", found=f"{len(sizes)} sizes", expected="one --imgsz")

    def load() -> Checkpoint:
        from parity.models import load_checkpoint

        return load_checkpoint(checkpoint, trusted=trusted, end_to_end=end_to_end or None)

    if print_spec:
        return show_spec(load, sizes[0])
    made = converted(load, [(target, size) for size in sizes for target in targets], out=out, dynamic=dynamic)
    from parity.report.measurements import print_files

    show(made, None, print_files)
    return 0


def show_spec(load: Callable[[], Checkpoint], size: Size) -> int:
    """Print the pipeline spec of a checkpoint as JSON."""
    from parity.wire import to_json

    spec = load().spec
    sys.stdout.write(to_json(replace(spec, preprocess=replace(spec.preprocess, size=size)), indent=2) + "\n")
    return 0


def converted(load: Callable[[], Checkpoint], jobs: list[tuple[str, Size]], *, out: Path, dynamic: bool) -> list[Converted]:
    """Export a checkpoint for every target and size; an unknown target stops before the first."""
    from parity.report.terminal import progress

    with progress() as follow:
        from parity.convert.conversion import Converted, find_target, require_support
        from parity.convert.conversion import convert as export

        targets = [find_target(target) for target, _ in jobs]
        loaded = load()
        for target in targets:
            require_support(loaded.family, target)
        folder = make_folder(out)
        if loaded.spec.preprocess.target_size is None:  # then all sizes make one file
            jobs = list({target: (target, size) for target, size in jobs}.values())
        return [
            Converted(export(loaded, target, size=size, out=folder, dynamic=dynamic), find_target(target).tolerance)
            for target, size in follow(jobs, "convert", len(jobs))
        ]
