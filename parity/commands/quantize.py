"""``parity quantize``: an INT8 file whose drop of AP is proven to be within a budget."""

from __future__ import annotations

from pathlib import Path

from parity import arguments
from parity.commands.running import show
from parity.errors import UsageError
from parity.options import parse_sizes, share
from parity.report.output import check_target, make_folder
from parity.request import DEFAULT_SIZE

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


def quantize(
    checkpoint: arguments.Checkpoint,
    *,
    data: arguments.Data,
    calibration: arguments.CalibrationData = None,
    calibration_images: arguments.CalibrationImages = 128,
    budget: arguments.Budget = 0.005,
    to: arguments.QuantizedTo = "onnx",
    images: arguments.ImageRoot = None,
    imgsz: arguments.Sizes = None,
    limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    out: arguments.Out = Path(),
    json: arguments.Json = None,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
) -> int:
    """Export in INT8 with as few layers in float as keep AP within the budget, judged on images that did not calibrate.

    Exit code 0: the file is written. 12: these images cannot tell, and it lies in OUT/unreleased. 1: nothing is written.
    """
    sizes = parse_sizes(imgsz) or (DEFAULT_SIZE,)
    if len(sizes) > 1:
        raise UsageError("a file is quantized for one size", found=f"{len(sizes)} sizes", expected="one --imgsz")
    allowed = share("--budget", budget)
    check_target(json, inputs=(checkpoint, data, images, calibration))
    folder = make_folder(out)
    from parity.report.terminal import progress

    with progress() as follow:
        from parity.quantize import QuantizeRequest
        from parity.quantize import quantize as search

        request = QuantizeRequest(
            checkpoint,
            data,
            folder,
            allowed or 0.0,
            target=to,
            images=images,
            calibration=calibration,
            most_calibration=calibration_images,
            size=sizes[0],
            limit=limit,
            seed=seed,
            trusted=frozenset(trust_checkpoint or ()),
            threads=threads,
        )
        found = search(request, track=follow)
    from parity.report.quantization import print_quantization

    show(found, json, print_quantization)
    return found.verdict.exit_code
