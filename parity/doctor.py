"""Is this machine ready? What is installed, what is missing, and what that means."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from types import ModuleType

from parity.environment import Environment, environment, installed
from parity.errors import BackendUnavailable
from parity.spec import STRICT

DOCTOR_SCHEMA = 1
READY, NOT_READY = 0, 15  # the second as for a backend that is not available


class State(StrEnum):
    """What was found of a package."""

    OK = "ok"
    TOO_OLD = "too_old"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Package:
    """A package, the module that proves it works, the least version, and what does not work without it."""

    name: str
    module: str
    least: str
    without: str
    required: bool = True
    extra: str = "ultralytics"  # which brings one that is not required


CHECKPOINTS = "checkpoints cannot be loaded or converted; ONNX and predictions files can be gated"
PACKAGES = (
    Package("numpy", "numpy", "2", "nothing works"),
    Package("opencv-python", "cv2", "4.11", "images cannot be read"),
    Package("onnx", "onnx", "1.21", "ONNX files cannot be inspected"),
    Package("onnxruntime", "onnxruntime", "1.20", "ONNX files cannot be run"),
    Package("scipy", "scipy.optimize", "1.11", "detections cannot be matched"),
    Package("pillow", "PIL", "11", "image headers cannot be read"),
    Package("pydantic", "pydantic", "2.9", "no JSON can be read or written"),
    Package("pyyaml", "yaml", "6", "data.yaml cannot be read"),
    Package("rich", "rich", "13", "no tables"),
    Package("typer", "typer", "0.12", "no command line"),
    Package("jinja2", "jinja2", "3.1", "no HTML report"),
    Package("matplotlib", "matplotlib", "3.9", "no charts"),
    Package("pytest", "pytest", "8", "no pytest plugin"),
    Package("pytest-benchmark", "pytest_benchmark", "5", "no timing in pytest"),
    Package("torch", "torch", "2.10", CHECKPOINTS, required=False),
    Package("torchvision", "torchvision", "", CHECKPOINTS, required=False),
    Package("ultralytics", "ultralytics", "8.4", CHECKPOINTS, required=False),
    Package("onnxslim", "onnxslim", "0.1.82", "checkpoints cannot be converted to ONNX", required=False),
    Package("openvino", "openvino", "2026.0", "OpenVINO files cannot be made or run", required=False, extra="openvino"),
    Package("nncf", "nncf", "3.0", "nothing can be quantized for OpenVINO", required=False, extra="quantize"),
)

DOORS = {
    "ultralytics": ("parity.models.ultralytics", "require_ultralytics"),
    "openvino": ("parity.backends.openvino_import", "require_openvino"),
    "nncf": ("parity.convert.openvino_int8", "require_nncf"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One package on this machine; ``meaning`` says what does not work and what to do, and is empty where all is well."""

    name: str
    state: State
    required: bool
    version: str | None
    least: str
    meaning: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Checkup:
    """All that `parity doctor` found out; the shape of its JSON."""

    ready: bool
    findings: tuple[Finding, ...]
    threads: dict[str, str]
    environment: Environment
    schema: int = DOCTOR_SCHEMA
    __pydantic_config__ = STRICT

    @property
    def exit_code(self) -> int:
        """0 unless something required is missing, broken or too old."""
        return READY if self.ready else NOT_READY


def examine(packages: Sequence[Package] = PACKAGES) -> Checkup:
    """Import everything and look at its version."""
    findings = tuple(find(package) for package in packages)
    ready = all(finding.state is State.OK for finding in findings if finding.required)
    return Checkup(ready, findings, threads(), environment())


def find(package: Package) -> Finding:
    """One package: is it there, new enough, and does it import? A module may come from another distribution (opencv-python-headless)."""
    version, problem = installed(package.name), ""
    try:
        module = import_package(package)
        version = version or getattr(module, "__version__", None)
        state = State.OK if at_least(version, package.least) else State.TOO_OLD
    except Exception as failure:  # noqa: BLE001 - a broken native library raises whatever it likes
        absent = version is None and isinstance(failure, ImportError | BackendUnavailable)
        state = State.MISSING if absent else State.BROKEN
        problem = "" if absent else f"{type(failure).__name__}: {str(failure).partition(chr(10))[0]}; "
    meaning = "" if state is State.OK else f"{problem}{package.without}: {remedy(package)}"
    return Finding(package.name, state, package.required, version, package.least, meaning)


def import_package(package: Package) -> ModuleType:
    """The package's module, by the door that keeps it from the network where it has one."""
    if package.module in DOORS:
        module, door = DOORS[package.module]
        getattr(import_module(module), door)()
    return import_module(package.module)


def remedy(package: Package) -> str:
    """The command that repairs it."""
    if not package.required:
        return f"pip install 'parity-gate[{package.extra}]'"
    return f"pip install '{package.name}>={package.least}'"


def at_least(version: str | None, least: str) -> bool:
    """Whether a version is the least one or newer; an unknown one is not."""
    return not least or (version is not None and release(version) >= release(least))


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version such as ``2.10.0+cpu``."""
    return tuple(int(part) for part in re.match(r"[\d.]*", version).group().strip(".").split(".") if part)  # type: ignore[union-attr]


def threads() -> dict[str, str]:
    """How many threads each runtime that was imported takes by itself."""
    found = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set")}
    found |= {"onnxruntime": "one for each physical core"}
    for name, module, call in (("opencv", "cv2", "getNumThreads"), ("pytorch", "torch", "get_num_threads")):
        if module in sys.modules:
            found[name] = str(getattr(sys.modules[module], call)())
    return found
