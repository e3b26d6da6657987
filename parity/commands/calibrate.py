"""``parity calibrate``: how far a model is from itself, and limits from that."""

from __future__ import annotations

from dataclasses import replace

from parity import arguments
from parity.commands.running import basic_request, show
from parity.report.output import check_target

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


def calibrate(
    checkpoint: arguments.Checkpoint,
    *,
    data: arguments.Data,
    images: arguments.ImageRoot = None,
    imgsz: arguments.Sizes = None,
    conf: arguments.Conf = None,
    iou: arguments.Iou = None,
    limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    json: arguments.Json = None,
    out: arguments.LimitsOut = None,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
) -> int:
    """How far the model differs from itself for reasons that do not matter, and the limits that stand on that.

    Precision, threads, batch, memory format and the levels of ONNX Runtime's optimisation, at the raw head and at the detections.
    """
    basic = basic_request(
        checkpoint,
        imgsz=imgsz,
        conf=conf,
        iou=iou,
        limit=limit,
        seed=seed,
        trust=trust_checkpoint,
        threads=threads,
        end_to_end=end_to_end,
        spec=None,
    )
    request = replace(basic, data=data, images=images)
    check_target(json, inputs=request.inputs)
    check_target(out, inputs=request.inputs, option="--out")
    from parity.report.terminal import progress

    with progress() as follow:
        from parity.calibration import calibrate as measure

        found = measure(request, track=follow)
    from parity.calibrated import SEALED_AS
    from parity.report.calibration import print_calibration
    from parity.report.output import write_text
    from parity.sealed import sealed_text

    if out is not None:
        write_text(sealed_text(SEALED_AS, found), out)
    show(found, json, print_calibration)
    return 0
