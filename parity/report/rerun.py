"""The command that repeats a request."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from parity.request import GateRequest, size_label


def command_of(request: GateRequest) -> str:
    """The gate, or the comparison without labels, as it can be typed again; what only wrote files is left out."""
    return shlex.join(["parity", *(gate_words(request) if request.labelled else compare_words(request)), *common_words(request)])


def gate_words(request: GateRequest) -> list[str]:
    """What only the gate takes."""
    options = {
        "--data": request.data,
        "--images": request.images,
        "--backend": ",".join(request.backends) or None,
        "--baselines": request.baselines,
        "--waivers": request.waivers,
        "--margin": request.margin,
    }
    return ["gate", *words(options)]


def compare_words(request: GateRequest) -> list[str]:
    """What only the comparison takes."""
    return ["compare", *words({"--images": request.data, "--terms": request.terms, "--out": "out"})]


def common_words(request: GateRequest) -> list[str]:
    """What both take."""
    options = {
        "--reference": request.reference,
        "--imgsz": ",".join(map(size_label, request.sizes)) or None,
        "--conf": request.confidence,
        "--iou": request.iou,
        "--limit": request.limit,
        "--seed": request.seed if request.limit else None,
        "--candidate-spec": request.candidate_spec,
        "--candidate-conf": request.candidate_confidence,
        "--limits": request.limits_file,
        "--profile": request.profile,
        "--threads": request.threads,
        "--latency-fail": None if request.least_speedup is None else f"speedup<{request.least_speedup:g}",
    }
    repeated = [("--candidate", name) for name in request.candidates]
    repeated += [("--trust-checkpoint", digest) for digest in sorted(request.trusted)]
    flags = {"--end-to-end": request.end_to_end, "--no-latency": not request.latency, "--no-diagnosis": not request.diagnose}
    return [*words(options), *(word for pair in repeated for word in pair), *(name for name, wanted in flags.items() if wanted)]


def words(options: Mapping[str, object | None]) -> list[str]:
    """The options that were given, each with its value."""
    return [word for name, value in options.items() if value is not None for word in (name, str(value))]
