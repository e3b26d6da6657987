"""``parity gate`` and ``parity diagnose``: judge candidates, and say why they differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from parity import arguments
from parity.cache_folder import cache_folder
from parity.commands.running import basic_request, judged, show, tell_ci
from parity.errors import UsageError
from parity.limits import Profile
from parity.options import least_speedup, share, split
from parity.project_file import find_waivers
from parity.report.output import check_page, check_target

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them
DIAGNOSE = "Why does the candidate differ? As gate, with the causes first; exit code 0 nothing differs, 1 it does."


def gate(
    ctx: typer.Context,
    *,
    reference: arguments.Reference,
    candidate: arguments.SomeCandidates = None,
    backend: arguments.Backends = None,
    data: arguments.Data,
    images: arguments.ImageRoot = None,
    imgsz: arguments.Sizes = None,
    conf: arguments.Conf = None,
    iou: arguments.Iou = None,
    limit: arguments.Limit = None,
    seed: arguments.Seed = 42,
    candidate_spec: arguments.Spec = None,
    candidate_conf: arguments.Cut = None,
    baselines: arguments.Baselines = None,
    waivers: arguments.Waivers = None,
    limits: arguments.LimitsFile = None,
    profile: arguments.ProfileName = None,
    margin: arguments.Margin = None,
    json: arguments.Json = None,
    evidence: arguments.Evidence = None,
    report: arguments.Report = None,
    plots: arguments.Plots = None,
    history: arguments.History = None,
    end_to_end: arguments.EndToEnd = False,
    trust_checkpoint: arguments.Trust = None,
    threads: arguments.Threads = None,
    no_latency: arguments.NoLatency = False,
    latency_fail: arguments.LatencyFail = None,
    certify: arguments.Certify = False,
    no_diagnosis: arguments.NoDiagnosis = False,
    no_cache: arguments.NoCache = False,
    workers: arguments.Workers = 1,
    verbose: arguments.Verbose = False,
) -> int:
    """Does the candidate detect what the reference detects? Exit code 0 pass, 1 fail, 12 inconclusive."""
    explains = ctx.info_name == "diagnose"
    if explains and no_diagnosis:
        raise UsageError("--no-diagnosis leaves nothing of diagnose", expected="diagnose without it, or gate")
    if explains and waivers is not None:
        raise UsageError("--waivers does not apply to diagnose", expected="gate, since a waiver explains nothing")
    if explains and certify:
        raise UsageError("--certify is for what passes", expected="gate --certify")
    if explains and history is not None:
        raise UsageError("--history is for a verdict", expected="gate --history")
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
        candidates=tuple(candidate or ()),
        backends=split(backend),
        data=data,
        images=images,
        baselines=baselines,
        waivers=None if explains else waivers or find_waivers(Path.cwd()),
        latency=not (no_latency or explains),  # how fast it is explains nothing
        least_speedup=least_speedup(latency_fail),
        certify=certify,
        diagnose=not no_diagnosis,
        limits_file=limits,
        profile=profile or (Profile.FP32 if explains else None),  # rounding explains a difference too
        margin=share("--margin", margin),
        cache=None if no_cache or certify else cache_folder(),  # a certificate says what was run
        workers=workers,
        report=report,
        plots=plots,
        history=history,
    )
    check_target(json, inputs=request.inputs)
    check_page(report, inputs=request.inputs)
    result = judged(request)
    from parity.report.brief import print_brief
    from parity.report.causes import print_diagnosis
    from parity.report.text import print_result

    show(result, json, print_result if verbose else print_diagnosis if explains else print_brief)
    tell_ci(result)
    return result.verdict.exit_code
