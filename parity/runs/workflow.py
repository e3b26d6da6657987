"""The commands of run directories, from a person's options to what was made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from parity.convert.conversion import EXPORTERS, require_packages
from parity.datasets import open_dataset
from parity.datasets.jsonl import first_image
from parity.errors import UsageError
from parity.metrics import truths_of
from parity.models import Checkpoint
from parity.models.run_directory import RunDirectory, find_run
from parity.open_gate import Track, untracked
from parity.runs.comparison import RunComparison, compare_run, keeps_another, require_available, write_comparison
from parity.runs.conversion import Conversion, convert_run, readable_image
from parity.runs.evaluation import Kept, RunRequest, evaluate_side, identify, stored_evaluation
from parity.runs.options import RunOptions
from parity.runs.places import ONNX, ONNX_FOLDER, PYTORCH

DATASET_EXPECTED = "--dataset-dir DIR, which holds dataset.jsonl and data/"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a command made."""

    conversion: Conversion | None = None
    evaluations: tuple[Kept, ...] = ()
    comparison: RunComparison | None = None
    comparison_file: Path | None = None


def convert_and_compare(options: RunOptions, *, track: Track = untracked) -> RunOutcome:
    """Convert; and if asked evaluate the ONNX model, the PyTorch model where that has not been done, and compare them."""
    if options.evaluate and options.dataset_dir is None:
        raise UsageError("--evaluate-converted-model requires --dataset-dir", expected=DATASET_EXPECTED)
    if options.image is None and options.dataset_dir is None:
        raise UsageError("Either --image-input or --dataset-dir must be provided", expected=f"--image-input IMAGE, or {DATASET_EXPECTED}")
    with said_as_usage(options.path):
        run = find_run(options.path, options.checkpoint)
        image = readable_image(options.image) if options.image else first_image(options.dataset_dir or Path())
        request = open_run(options, run, track=track) if options.evaluate else None
        checkpoint = request.checkpoint if request else load(run)
        made = RunOutcome(conversion=convert_run(run, checkpoint, image, device=options.device))
        if request is None:
            return made
        before = stored_evaluation(request, PYTORCH)
        kept = (before or evaluate_side(request, PYTORCH), evaluate_side(request, ONNX))
        return replace(compared(request), conversion=made.conversion, evaluations=kept)


def evaluate_or_compare(options: RunOptions, *, track: Track = untracked) -> RunOutcome:
    """Evaluate one model of the run, and compare where the other has been evaluated; with ``compare``, only that."""
    with said_as_usage(options.path):
        request = open_run(options, find_run(options.path, options.checkpoint), track=track)
        if options.compare:
            outcome = compared(request, asked=True)
            if outcome.comparison is not None:
                require_available(outcome.comparison, request)
            return outcome
        kept = evaluate_side(request, ONNX if options.onnx else PYTORCH)
        return replace(compared(request), evaluations=(kept,))


@contextmanager
def said_as_usage(path: Path) -> Iterator[None]:
    """A folder or disk that does not take what is written is the caller's to change; a reader of the output that left is not."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as failure:
        step = "make the run directory writable, or move away what is in the way"
        raise UsageError("cannot be written", file=failure.filename or path, found=failure.strerror or failure, next_step=step) from None


def open_run(options: RunOptions, run: RunDirectory, *, track: Track) -> RunRequest:
    """The run and its labelled data, loaded and opened."""
    if options.dataset_dir is None:
        raise UsageError("no data to evaluate on", expected=DATASET_EXPECTED)
    dataset = open_dataset(options.dataset_dir)
    if dataset.kind != "jsonl":
        raise UsageError("is another kind of data set", file=options.dataset_dir, found=dataset.kind, expected=DATASET_EXPECTED)
    truths_of(dataset)
    return RunRequest(
        run,
        load(run),
        dataset,
        options.dataset_dir,
        identify(dataset),
        device=options.device,
        pictures=options.pictures,
        track=track,
    )


def load(run: RunDirectory) -> Checkpoint:
    """The checkpoint of a run."""
    require_packages(EXPORTERS["torchvision"])
    from parity.models.torchvision import load as load_run  # noqa: PLC0415 - the base installation has no torch

    return load_run(run.path, checkpoint=run.checkpoint)


def compared(request: RunRequest, *, asked: bool = False) -> RunOutcome:
    """The comparison of what has been evaluated, written beside the converted models where there are any."""
    found = compare_run(request)
    converted = (request.run.path / ONNX_FOLDER).is_dir()
    write = converted and (asked or not keeps_another(request, found))
    return RunOutcome(comparison=found, comparison_file=write_comparison(request.run, found) if write else None)
