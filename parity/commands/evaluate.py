"""``parity eval``: how good one model is on labelled data."""

from __future__ import annotations

from dataclasses import replace

import typer

from parity import arguments
from parity.commands.running import basic_request, refuse_others, run_directory, show
from parity.errors import UsageError
from parity.report.output import check_target
from parity.runs.options import RunOptions

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them

# what each way of the command reads; an option beyond it is refused, since it would be ignored
RUN_COMPARISON = frozenset({"model", "dataset_dir", "checkpoint_path", "compare"})
RUN_EVALUATION = RUN_COMPARISON | {"onnx", "device", "visualizations"}


def evaluate(
    ctx: typer.Context,
    model: arguments.Model,
    *,
    data: arguments.LabelledData = None,
    images: arguments.ImageRoot = None,
    imgsz: arguments.Sizes = None,
    conf: arguments.Conf = None,
    iou: arguments.Iou = None,
    limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    candidate_spec: arguments.Spec = None,
    json: arguments.Json = None,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
    dataset_dir: arguments.DatasetDir = None,
    checkpoint_path: arguments.CheckpointPath = None,
    onnx: arguments.Onnx = False,
    compare: arguments.CompareStored = False,
    device: arguments.Device = "cpu",
    visualizations: arguments.Pictures = 16,
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
        model,
        imgsz=imgsz,
        conf=conf,
        iou=iou,
        limit=limit,
        seed=seed,
        trust=trust_checkpoint,
        threads=threads,
        end_to_end=end_to_end,
        spec=candidate_spec,
    )
    request = replace(basic, data=data, images=images)
    check_target(json, inputs=request.inputs)
    from parity.report.terminal import progress

    with progress() as follow:
        from parity.evaluation import evaluate_model

        found = evaluate_model(request, track=follow)
    from parity.report.measurements import print_evaluation

    show(found, json, print_evaluation)
    return 0
