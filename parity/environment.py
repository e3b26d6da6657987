"""What a result was made with: versions, processor, threads. Provenance, never identity."""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from parity.spec import STRICT

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = (
    *("parity-gate", "numpy", "opencv-python", "onnx", "onnxruntime"),
    *("torch", "torchvision", "ultralytics", "openvino"),
)
IDLE_LOAD = 0.5  # processes
MOST_LANES = 8  # each holds the activations of one image
INSTRUCTION_SETS = ("sse4_2", "avx", "avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")


@dataclass(frozen=True, slots=True)
class Environment:
    """Python, packages (``None`` = not installed), processor and its instruction sets, and the number of processors used."""

    python: str
    platform: str
    processor: str
    instruction_sets: tuple[str, ...]
    processors: int
    packages: dict[str, str | None]
    __pydantic_config__ = STRICT


def environment() -> Environment:
    """This process's environment; holds no variable, path or host name."""
    model, flags = processor()
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=model,
        instruction_sets=tuple(name for name in INSTRUCTION_SETS if name in flags),
        processors=processors(),
        packages={name: installed(name) for name in PACKAGES},
    )


def machine_load() -> float | None:
    """How many processes ran or waited, on average over the last minute; ``None`` where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy_note(load: float | None) -> str | None:
    """A warning for whoever reads a latency that was taken under this load, ``None`` where there is nothing to warn of."""
    if load is None or load <= IDLE_LOAD:
        return None
    return f"load {load:.1f} before the start: the machine was not idle, so repeat latencies on one that is"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lanes(threads: int | None = None) -> int:
    """How many images are worked on at once with so many threads in all (``None``: a thread for every processor)."""
    return min(threads or processors(), MOST_LANES)


def give_memory_back() -> None:
    """Return to the system what was freed: glibc keeps the activations of a network that has run, beside those of the next."""
    trim = memory_trimmer()
    if trim is not None:
        trim(0)


@cache
def memory_trimmer() -> Callable[[int], int] | None:
    """The C library's ``malloc_trim``; ``None`` where it has none, as everywhere but with glibc."""
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # Windows knows no library without a name
        return None


def installed(package: str) -> str | None:
    """A distribution's version, ``None`` if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> tuple[str, frozenset[str]]:
    """The processor's name and flags as Linux tells them; elsewhere the name alone."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor(), frozenset()
    entries = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    values = {key.strip(): value.strip() for key, value in entries.items()}
    return values.get("model name", platform.machine()), frozenset(values.get("flags", values.get("Features", "")).split())
