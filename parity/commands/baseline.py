"""``parity baseline``: show stored results, compare them, and replace them with fresh ones."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from parity import arguments
from parity.commands.running import basic_request, show
from parity.errors import UsageError
from parity.options import split
from parity.project_file import find_waivers
from parity.report.output import check_target, said_as_usage

if TYPE_CHECKING:
    from parity.request import GateRequest
    from parity.revisions import Revisions

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them
DEFAULT_FOLDER = Path("baselines")
GROUP = "Stored results: show them, compare them with others or with a fresh run, and replace them."
UPDATE = "Run the gate, print old → new for every metric, and store the new. Refused in CI. Exit code: what the other checks say."
DIFF = "Two stored results or folders, or what is stored against a fresh run. Exit code 0 they say the same, 1 they do not."
baseline = typer.Typer(name="baseline", help=GROUP, no_args_is_help=False)


@baseline.command("show")
def show_stored(path: arguments.Stored = DEFAULT_FOLDER, *, json: arguments.Json = None) -> int:
    """Print stored results; exit code 14 where one is damaged."""
    from parity.baselines import baseline_files, read_baseline
    from parity.report.baselines import print_stored

    if not path.exists():
        raise UsageError("no such baseline", file=path, expected="a file or folder of stored results")
    check_target(json, inputs=baseline_files(path))
    show({str(file): read_baseline(file) for file in baseline_files(path)}, json, print_stored)
    return 0


@baseline.command("update", help=UPDATE)
@baseline.command("diff", help=DIFF)
def revise(
    ctx: typer.Context,
    both: arguments.Both = None,
    *,
    reference: arguments.SomeReference = None,
    candidate: arguments.SomeCandidates = None,
    backend: arguments.Backends = None,
    data: arguments.LabelledData = None,
    images: arguments.ImageRoot = None,
    imgsz: arguments.Sizes = None,
    conf: arguments.Conf = None,
    iou: arguments.Iou = None,
    limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    candidate_spec: arguments.Spec = None,
    baselines: arguments.StoredIn = DEFAULT_FOLDER,
    waivers: arguments.Waivers = None,
    limits: arguments.LimitsFile = None,
    profile: arguments.ProfileName = None,
    json: arguments.Json = None,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
    no_latency: arguments.NoLatency = False,
) -> int:
    """Lay results beside stored ones, and store them where that was asked for."""
    updates = ctx.info_name == "update"
    if updates:
        require_permission(both)
    if both:
        check_target(json, inputs=stored_files(both))
        found = stored_twice(ctx, both)
    else:
        if reference is None or data is None:
            raise UsageError("nothing to run", expected="--reference and --data" + ("" if updates else ", or OLD and NEW"))
        basic = basic_request(
            reference,
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
        request = replace(
            basic,
            candidates=tuple(candidate or ()),
            backends=split(backend),
            data=data,
            images=images,
            baselines=baselines,
            waivers=waivers or find_waivers(Path.cwd()),
            limits_file=limits,
            profile=profile,
            latency=not no_latency,
            diagnose=False,
        )
        check_target(json, inputs=(*request.inputs, *stored_files([baselines])))
        found = fresh(request)
    from parity.report.baselines import print_revisions

    show(found, json, print_revisions)
    return store(found) if updates else int(found.differ)


def require_permission(both: list[Path] | None) -> None:
    """Raise ``UsageError`` where nothing may be stored, before anything is run."""
    from parity.baselines import require_reviewer

    require_reviewer(os.environ)
    if both:
        raise UsageError(
            "update stores what it has run itself", found=" ".join(map(str, both)), expected="--reference, --data, --candidate"
        )


def stored_files(paths: list[Path]) -> list[Path]:
    """The stored results at these places, which no output may replace."""
    from parity.baselines import baseline_files

    return [file for path in paths for file in baseline_files(path)]


def stored_twice(ctx: typer.Context, both: list[Path]) -> Revisions:
    """Two stored results; options of a run would be ignored, so they are refused."""
    from parity.commands.running import refuse_others
    from parity.revisions import compare_stored

    refuse_others(ctx, frozenset({"both", "json"}))
    if len(both) != 2:  # noqa: PLR2004 - old and new
        raise UsageError("two are compared", found=f"{len(both)} paths", expected="OLD NEW")
    return compare_stored(*both)


def fresh(request: GateRequest) -> Revisions:
    """Run the gate with progress."""
    from parity.gate import fresh_results
    from parity.report.terminal import progress

    with progress() as follow:
        return fresh_results(request, track=follow)


def store(found: Revisions) -> int:
    """Write what changed; the exit code is what the checks say of what is now stored."""
    from parity.baselines import write_baseline

    for each in found.revisions:
        if each.new is not None and each.worth_storing:
            with said_as_usage(Path(each.file)):
                write_baseline(Path(each.file), each.new)
    return found.verdict.exit_code if found.verdict else 0
