"""The command line: options to a request, a result to an exit code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from parity.display import display
from parity.environment import installed
from parity.errors import ParityError, UsageError
from parity.report.json_file import STDOUT, check_target, write_json
from parity.request import GateRequest, Size

INTERRUPTED, INTERNAL_ERROR = 2, 3
TYPER_INTERRUPTED = 130  # what typer makes of Ctrl-C
STRIDE = 32  # of every network that is read so far
ClickUsageError: Any = typer.BadParameter.__base__  # it moved from click into typer with 0.20
app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, epilog="--debug, anywhere, shows the traceback of an error."
)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 pass, 1 fail, 12 inconclusive, others as `parity.errors` has them."""
    given = sys.argv[1:] if argv is None else argv
    arguments = [argument for argument in given if argument != "--debug"]
    debug = len(arguments) < len(given)
    try:
        code = app(arguments, prog_name="parity", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort, SystemExit):  # the last: whoever read our output has gone
        return INTERRUPTED
    except Exception as failure:  # noqa: BLE001 - the last place where anything can be said about it
        if debug:
            traceback.print_exc()
        return explain(failure)
    return INTERRUPTED if code == TYPER_INTERRUPTED else int(code or 0)


def explain(failure: Exception) -> int:
    """Say on stderr what went wrong, and return the exit code for it."""
    if isinstance(failure, ParityError):
        sys.stderr.write(f"error: {failure}\n")
        return failure.exit_code
    if isinstance(failure, ClickUsageError):
        context = getattr(failure, "ctx", None)
        command = context.command_path if context else "parity"
        sys.stderr.write(f"error: {display(getattr(failure, 'message', '') and failure.format_message())}\n  next: {command} --help\n")  # type: ignore[attr-defined]
        return UsageError.exit_code
    sys.stderr.write(f"internal error: {type(failure).__name__}: {display(failure)}; please report it; --debug shows the traceback\n")
    return INTERNAL_ERROR


# Lists are comma-separated or repeated. ------------------------------------------------------------------------------------------


def split(values: list[str] | None) -> tuple[str, ...]:
    """The values of an option that is given as ``a,b`` or repeated, each once."""
    parts = [part.strip() for value in values or () for part in value.split(",")]
    if "" in parts:
        raise UsageError("an empty value in a list", found=",".join(values or ()), expected="values separated by single commas")
    return tuple(dict.fromkeys(parts))


def parse_sizes(values: list[str] | None) -> tuple[Size, ...]:
    """Network sizes (height, width) in pixels from ``640`` or ``480x640``."""
    return tuple(dict.fromkeys(parse_size(text) for text in split(values)))


def parse_size(text: str) -> Size:
    """One size; the network takes multiples of its stride only."""
    sides = text.lower().split("x")
    numbers = [int(side) for side in sides if side.isascii() and side.isdecimal() and len(side) < 6]  # noqa: PLR2004 - no image has 100 000 pixels
    if len(numbers) != len(sides) or len(sides) not in {1, 2} or any(side < 1 or side % STRIDE for side in numbers):
        raise UsageError("--imgsz", found=text, expected=f"multiples of {STRIDE} such as 640, or 480x640 for height x width")
    return numbers[0], numbers[-1]


def share(option: str, value: float | None) -> float | None:
    """A number from 0 to 1; NaN is none."""
    if value is not None and not 0 <= value <= 1:
        raise UsageError(option, found=value, expected="a number from 0 to 1")
    return value


def print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    """Print the version of this package and stop, if asked to."""
    if wanted:
        sys.stdout.write(f"parity-gate {installed('parity-gate') or 'from a source tree'}\n")
        raise typer.Exit


# Options that several commands share. --------------------------------------------------------------------------------------------

Reference = Annotated[Path, typer.Option("--reference", help="The checkpoint that was trained, or a predictions file.", metavar="PATH")]
Candidates = Annotated[
    list[str] | None,
    typer.Option("--candidate", help="What would be shipped: model file, predictions .json or module:callable; repeatable.", metavar="WHAT"),
]
Backends = Annotated[
    list[str] | None, typer.Option("--backend", help="Convert the reference for these backends first: onnx,torchscript.", metavar="LIST")
]
Sizes = Annotated[
    list[str] | None, typer.Option("--imgsz", help="Network sizes: 640,320; 480x640 is height x width. [default: 640]", metavar="LIST")
]
Data = Annotated[Path, typer.Option("--data", help="data.yaml, a COCO instances.json, or a folder of images.", metavar="PATH")]
ImageRoot = Annotated[Path | None, typer.Option("--images", help="The image folder of a COCO file.", metavar="DIR")]
Conf = Annotated[float | None, typer.Option("--conf", help="Deployed confidence threshold. [default: the spec's, 0.25]", metavar="0..1")]
Iou = Annotated[float | None, typer.Option("--iou", help="Deployed NMS IoU threshold. [default: the spec's, 0.7]", metavar="0..1")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use this many images, drawn with --seed.", min=1, metavar="N")]
Seed = Annotated[int, typer.Option("--seed", help="For --limit.", min=0, show_default=True)]
CandidateSpec = Annotated[
    Path | None, typer.Option("--candidate-spec", help="The pipeline of a candidate that does not say it itself.", metavar="JSON")
]
CandidateConf = Annotated[
    float | None, typer.Option("--candidate-conf", help="The confidence that recorded detections were cut at.", metavar="0..1")
]
Baselines = Annotated[Path | None, typer.Option("--baselines", help="Hold AP against the stored results of this folder.", metavar="DIR")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result as JSON to this file; - is stdout.", metavar="PATH")]
Trust = Annotated[
    list[str] | None, typer.Option("--trust-checkpoint", help="Digest of a checkpoint that may run code; repeatable.", metavar="sha256:…")
]
Threads = Annotated[int | None, typer.Option("--threads", help="Threads of each runtime. [default: the runtime's]", min=1, metavar="N")]
NoLatency = Annotated[bool, typer.Option("--no-latency", help="Do not measure latency.")]


@app.callback()
def parity(
    *, version: Annotated[bool, typer.Option("--version", is_eager=True, callback=print_version, help="Show the version and exit.")] = False
) -> None:
    """The release gate for object detectors: does the model you ship detect what the model you trained detects?"""
    del version


@app.command()
def gate(
    *, reference: Reference, candidate: Candidates = None, backend: Backends = None, data: Data, images: ImageRoot = None, imgsz: Sizes = None,
    conf: Conf = None, iou: Iou = None, limit: Limit = None, seed: Seed = 42, candidate_spec: CandidateSpec = None,
    candidate_conf: CandidateConf = None, baselines: Baselines = None, json: Json = None, trust_checkpoint: Trust = None,
    threads: Threads = None, no_latency: NoLatency = False,
) -> int:
    """Does the candidate detect what the reference detects? Exits with 0 pass, 1 fail, 12 inconclusive."""
    request = GateRequest(
        reference,
        candidates=tuple(candidate or ()),
        backends=split(backend),
        data=data,
        images=images,
        sizes=parse_sizes(imgsz),
        confidence=share("--conf", conf),
        iou=share("--iou", iou),
        limit=limit,
        seed=seed,
        candidate_spec=candidate_spec,
        candidate_confidence=share("--candidate-conf", candidate_conf),
        baselines=baselines,
        trusted=frozenset(trust_checkpoint or ()),
        threads=threads,
        latency=not no_latency,
    )
    return run(request, json=json)


def run(request: GateRequest, *, json: Path | None) -> int:
    """Gate, print or write the result, and answer with its exit code."""
    check_target(json, inputs=(request.reference, *map(Path, request.candidates), request.data, request.images, request.candidate_spec))
    from parity.gate import run_gate  # noqa: PLC0415 - the runtimes load for seconds; --help must not wait for them
    from parity.report.terminal import progress, stdout_console  # noqa: PLC0415 - likewise
    from parity.report.text import print_result  # noqa: PLC0415 - likewise
    from parity.wire import to_json  # noqa: PLC0415 - likewise

    with progress() as track:
        result = run_gate(request, track=track)
    if json is not None:
        write_json(to_json(result, indent=2), json)
    if json != STDOUT:
        print_result(result, stdout_console())
    return result.verdict.exit_code


if __name__ == "__main__":
    sys.exit(main())
