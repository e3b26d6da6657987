"""PyTorch against ONNX by their stored evaluations: ``comparison.json``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

from parity.display import display
from parity.errors import BadInput
from parity.files import write_whole
from parity.limits import EXCELLENT, GOOD
from parity.models.run_directory import RunDirectory
from parity.runs.evaluation import DataId, Kept, RunRequest, evaluation_folder, is_current, read_evaluation, stored_evaluation
from parity.runs.places import COMPARISON, METRICS, ONNX, ONNX_FOLDER, PYTORCH, Side, evaluate_command, evaluation_path
from parity.spec import STRICT
from parity.wire import from_plain, read_json, to_json

COMPARISON_SCHEMA = 2
COMPARED = ("AP", "AP50", "AP75", "AR100")


@dataclass(frozen=True, slots=True)
class Numbers:
    """AP, AP50, AP75 and AR100, from 0 to 1; ``None`` where no object defines them."""

    AP: float | None
    AP50: float | None
    AP75: float | None
    AR100: float | None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Consistency:
    """Whether both were evaluated on the same images and the same ground truth, by hash."""

    same_images: bool
    same_ground_truth: bool
    pytorch: DataId
    onnx: DataId
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Missing:
    """An evaluation that is not there, where it would lie, and the command that makes it."""

    evaluation: str
    folder: str
    command: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class RunComparison:
    """The shape of ``comparison.json``; without both evaluations, or on different data, only what is in the way is said.

    ``difference`` is ONNX minus PyTorch; ``acceptability`` of the largest absolute one is excellent below 0.001, good below 0.01,
    otherwise warning, as where a side detects nothing.
    """

    available: bool
    dataset_name: str
    checkpoint: str
    checkpoint_sha256: str
    missing: tuple[Missing, ...] = ()
    dataset: Consistency | None = None
    pytorch: Numbers | None = None
    onnx: Numbers | None = None
    difference: Numbers | None = None
    largest_absolute_difference: float | None = None
    acceptability: str | None = None
    schema: int = COMPARISON_SCHEMA
    __pydantic_config__ = STRICT


def compare_run(request: RunRequest) -> RunComparison:
    """Compare the two stored evaluations of a run on a data set; no network is run."""
    kept = {side: stored_evaluation(request, side) for side in (PYTORCH, ONNX)}
    if any(kept.values()):  # one of older data is worth a word only beside one of these
        kept = {side: one or of_other_data(request, side) for side, one in kept.items()}
    pytorch, onnx = kept[PYTORCH], kept[ONNX]
    nothing = RunComparison(
        available=False,
        dataset_name=request.dataset.name,
        checkpoint=request.run.checkpoint.name,
        checkpoint_sha256=request.checkpoint.sha256,
    )
    if pytorch is None or onnx is None:
        return replace(nothing, missing=tuple(missing(request, side) for side, one in kept.items() if one is None))
    return compare(nothing, pytorch, onnx)


def of_other_data(request: RunRequest, side: Side) -> Kept | None:
    """An evaluation of this checkpoint in the same place whose data have changed since."""
    folder = evaluation_path(request.run, side, request.dataset.name, request.checkpoint.sha256)
    found = read_evaluation(folder, side)
    same = found is not None and found.checkpoint_sha256 == request.checkpoint.sha256 and is_current(found, request, side)
    return Kept(folder, found, before=True) if found is not None and same else None


def missing(request: RunRequest, side: Side) -> Missing:
    """What is to be said of an evaluation that is not there."""
    folder = evaluation_folder(request, side)
    return Missing(side.name, folder.name, evaluate_command(request.run, side, request.dataset_dir))


def compare(nothing: RunComparison, pytorch: Kept, onnx: Kept) -> RunComparison:
    """Both evaluations held against each other; ``nothing`` says of what they are."""
    data = pytorch.found.dataset, onnx.found.dataset
    same_images, same_truth = (len({getattr(one, name) for one in data}) == 1 for name in ("images_sha256", "ground_truth_sha256"))
    dataset = Consistency(same_images, same_truth, *data)
    if not (same_images and same_truth):
        return replace(nothing, dataset=dataset)
    sides = [Numbers(*(getattr(kept.found.metrics, name) for name in COMPARED)) for kept in (pytorch, onnx)]
    difference = Numbers(*differences(*sides))
    largest = largest_difference(*sides)
    evidence = pytorch.found.detections > 0 and onnx.found.detections > 0
    return replace(
        nothing,
        available=True,
        dataset=dataset,
        pytorch=sides[0],
        onnx=sides[1],
        difference=difference,
        largest_absolute_difference=largest,
        acceptability=acceptability(largest if evidence else None),
    )


def differences(pytorch: Numbers, onnx: Numbers) -> Iterator[float | None]:
    """ONNX minus PyTorch, number by number."""
    for field in fields(Numbers):
        before, after = getattr(pytorch, field.name), getattr(onnx, field.name)
        yield None if before is None or after is None else after - before


def largest_difference(pytorch: Numbers, onnx: Numbers) -> float | None:
    """The largest absolute difference; ``None`` where a number is undefined on a side, which is no evidence."""
    values = list(differences(pytorch, onnx))
    known = [abs(value) for value in values if value is not None]
    return max(known) if len(known) == len(values) else None


def acceptability(largest: float | None) -> str:
    """In a word; a difference that is unknown or NaN is a warning."""
    if largest is not None and largest < EXCELLENT:
        return "excellent"
    return "good" if largest is not None and largest < GOOD else "warning"


def write_comparison(run: RunDirectory, found: RunComparison) -> Path:
    """Write ``comparison.json`` beside the ONNX files."""
    folder = run.path / ONNX_FOLDER
    folder.mkdir(exist_ok=True)
    write_whole(to_json(found, indent=2) + "\n", folder / COMPARISON)
    return folder / COMPARISON


def keeps_another(request: RunRequest, found: RunComparison) -> bool:
    """Whether writing would replace a comparison of other data or another checkpoint by the word that there is none."""
    file = request.run.path / ONNX_FOLDER / COMPARISON
    if found.available or not file.is_file():
        return False
    try:
        before = from_plain(RunComparison, read_json(file), source=file)
    except BadInput:
        return False
    same = before.checkpoint == found.checkpoint and before.checkpoint_sha256 == found.checkpoint_sha256
    return before.available and not (same and before.dataset is not None and before.dataset.pytorch == request.data)


def require_available(found: RunComparison, request: RunRequest) -> None:
    """Raise ``BadInput`` where there is nothing to compare, with the command that mends it."""
    if found.available:
        return
    for absent in found.missing:
        if absent.evaluation == ONNX.name:
            file = request.run.path / absent.folder / f"{ONNX.name}_{METRICS}"
            step = f"{absent.command}\n  or convert with --evaluate-converted-model"
            state = "are damaged, or not of the ONNX file that is there" if file.exists() else "not found"
            raise BadInput(f"ONNX evaluation metrics {state}: {display(file)}", expected=f"the folder {absent.folder}", next_step=step)
    if found.missing:
        problem = "comparison not available: the PyTorch model has not been evaluated on these data"
        raise BadInput(problem, expected=f"the folder {found.missing[0].folder}", next_step=found.missing[0].command)
    again = " and ".join(evaluate_command(request.run, side, request.dataset_dir) for side in (PYTORCH, ONNX))
    raise BadInput("comparison not available: the data sets differ", expected="the same images and ground truth", next_step=again)
