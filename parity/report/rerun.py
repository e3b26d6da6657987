"""How to do it again: the command that repeats a request, the digests of what went in, and what it ran on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from parity.request import GateRequest, size_label
from parity.verdict import Result


@dataclass(frozen=True, slots=True)
class Entry:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What it takes to do it again."""

    command: str
    identities: tuple[Entry, ...]
    environment: tuple[Entry, ...]
    packages: tuple[Entry, ...]
    notes: tuple[str, ...]


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
        "--latency-fail": None if request.least_speedup is None else f"speedup<{request.least_speedup:.12g}",
    }
    repeated = [("--candidate", name) for name in request.candidates]
    repeated += [("--trust-checkpoint", digest) for digest in sorted(request.trusted)]
    flags = {"--end-to-end": request.end_to_end, "--no-latency": not request.latency, "--no-diagnosis": not request.diagnose}
    return [*words(options), *(word for pair in repeated for word in pair), *(name for name, wanted in flags.items() if wanted)]


def words(options: Mapping[str, object | None]) -> list[str]:
    """The options that were given, each with its value."""
    return [word for name, value in options.items() if value is not None for word in (name, str(value))]


def reproduction(request: GateRequest, result: Result) -> Reproduction:
    """The command, the digests of everything that went in, and what it ran on."""
    machine = result.environment
    identities = [
        Entry(f"reference {result.reference.path}", result.reference.sha256),
        Entry(f"data set {result.dataset.name}, {result.dataset.images} images", result.dataset.sha256),
    ]
    for path, digest in dict.fromkeys((config.candidate.path, config.candidate.sha256) for config in result.configs):
        identities.append(Entry(f"candidate {path}", digest or "code, which has no digest"))
    identities += [Entry(f"pipeline of {config.id}", config.spec_sha256) for config in result.configs if config.spec_sha256]
    environment = (
        Entry("Python", machine.python),
        Entry("platform", machine.platform),
        Entry("processor", f"{machine.processor}, {machine.processors} used"),
        Entry("instruction sets", ", ".join(machine.instruction_sets) or "unknown"),
    )
    packages = tuple(Entry(name, version or "not installed") for name, version in machine.packages.items())
    return Reproduction(command_of(request), tuple(identities), environment, packages, tuple(dict.fromkeys(result.notes)))
