"""``parity compare``: the gate without labels."""

from __future__ import annotations

from dataclasses import replace

from parity import arguments
from parity.cache_folder import cache_folder
from parity.commands.running import basic_request, judged, show
from parity.options import least_speedup
from parity.report.output import check_page, check_target, make_folder, write_text

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
) -> int:
    """The gate without labels: AP is not checked. Writes result.json and report.txt; exit codes as of gate."""
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
    )
    check_target(make_folder(out) / "result.json", inputs=request.inputs, option="--out")
    check_page(report, inputs=request.inputs)  # which may lie in that folder
    from parity.report.text import print_result, report_text

    result = judged(request)
    show(result, out / "result.json", print_result)
    write_text(report_text(result), out / "report.txt")
    return result.verdict.exit_code
