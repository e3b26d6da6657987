"""``parity compare``: the gate without labels."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from parity import arguments
from parity.cache_folder import cache_folder
from parity.commands.running import basic_request, shown, tell_ci
from parity.options import least_speedup
from parity.report.output import check_outside, check_page, check_target, make_folder, write_text

if TYPE_CHECKING:
    from parity.gate import Shown

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


def compare(
    *,
    reference: arguments.Reference,
    candidate: arguments.Candidates,
    images: arguments.ImageFolder,
    out: arguments.OutFolder,
    imgsz: arguments.Sizes = None,
    conf: arguments.Conf = None,
    iou: arguments.Iou = None,
    limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    candidate_spec: arguments.Spec = None,
    candidate_conf: arguments.Cut = None,
    limits: arguments.LimitsFile = None,
    profile: arguments.ProfileName = None,
    evidence: arguments.Evidence = None,
    report: arguments.Report = None,
    plots: arguments.Plots = None,
    terms: arguments.Terms = None,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
    no_latency: arguments.NoLatency = False,
    latency_fail: arguments.LatencyFail = None,
    no_diagnosis: arguments.NoDiagnosis = False,
    no_cache: arguments.NoCache = False,
    verbose: arguments.Verbose = False,
) -> int:
    """The gate without labels: AP is not checked. Writes what both sides find on every image, drawn and as JSON; exit codes as of gate."""
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
        cut=candidate_conf,
        evidence=evidence,
    )
    request = replace(
        basic,
        candidates=tuple(candidate),
        data=images,
        labelled=False,
        terms=terms,
        latency=not no_latency,
        least_speedup=least_speedup(latency_fail),
        diagnose=not no_diagnosis,
        limits_file=limits,
        profile=profile,
        cache=None if no_cache else cache_folder(),
        report=report,
        plots=plots,
        photos=out,
    )
    check_outside(out, images)
    check_target(make_folder(out) / "result.json", inputs=request.inputs, option="--out")
    check_page(report, inputs=request.inputs)  # which may lie in that folder
    found = shown(request)
    write_and_print(out, found, verbose=verbose)
    tell_ci(found.result)
    return found.result.verdict.exit_code


def write_and_print(out: Path, found: Shown, *, verbose: bool) -> None:
    """Write the result, then what it shows of every photo; print both, the verdict last."""
    from parity.report.brief import print_brief
    from parity.report.ci import no_commands
    from parity.report.photo_table import photos_text, print_photos
    from parity.report.photos import write_photos
    from parity.report.terminal import progress, safe, stdout_console
    from parity.report.text import print_result, report_text
    from parity.wire import to_json

    write_text(to_json(found.result, indent=2) + "\n", out / "result.json")
    with progress() as follow:
        photos = write_photos(out, found.result, found.exhibits, track=follow)
    write_text(report_text(found.result) + photos_text(photos), out / "report.txt")
    with no_commands(os.environ):
        console = stdout_console()
        print_photos(photos, console)
        console.print(safe(f"pictures, detections and charts: {out}"), "", sep="\n")
        (print_result if verbose else print_brief)(found.result, console)
