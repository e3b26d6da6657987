"""Open gates for the suite's tests: one for each checkpoint, kept open as long as pytest runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from parity.baselines import slug
from parity.contests import Contest, converted_contest
from parity.errors import UsageError
from parity.gate import run_gate
from parity.judging import Outcome, judge_contest
from parity.limits import Profile
from parity.models import is_run, model_name
from parity.open_gate import Gate, open_gate
from parity.pytest_plugin import ParitySettings
from parity.report.output import check_page
from parity.request import GateRequest, Size, size_label
from parity.suite.history import judged_row
from parity.suite.int8 import BY_BACKEND, quantized_contest
from parity.suite.records import Records
from parity.suite.telling import Told, as_text
from parity.verdict import Check, Diagnosis, Result, Status, failure_text
from parity.waiver_files import read_waivers
from parity.waivers import waive


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration of the suite; ``name`` is the checkpoint's slug, made unique; ``size`` is ``None`` for a network without one."""

    name: str
    checkpoint: Path
    backend: str
    size: Size | None

    @property
    def id(self) -> str:
        """The test id, such as ``yolov8n-onnx-640`` or ``yolov8n-onnx-fp16-640``: safe in every report."""
        return "-".join([self.name, *map(slug, self.backend.split("-")), size_label(self.size)])


@dataclass(slots=True, eq=False)
class Gates:
    """The open gates and what has been judged, by checkpoint and configuration."""

    settings: ParitySettings
    resources: ExitStack
    records: Records
    opened: dict[Path, Gate] = field(default_factory=dict)
    met: dict[Config, Contest] = field(default_factory=dict)
    judged: dict[Config, Outcome] = field(default_factory=dict)

    def gate(self, checkpoint: Path) -> Gate:
        """The gate of a checkpoint, opened at its first use."""
        if checkpoint not in self.opened:
            self.opened[checkpoint] = open_gate(request(self.settings, checkpoint), self.resources)
        return self.opened[checkpoint]

    def contest(self, config: Config) -> Contest:
        """The converted candidate of a configuration against its reference."""
        if config not in self.met:
            gate, backend = self.gate(config.checkpoint), config.backend
            quantized = partial(quantized_contest, calibration=self.settings.calibration)
            made = (quantized if backend in BY_BACKEND else converted_contest)(gate, backend, config.size)
            self.met[config] = replace(made, id=config.id)  # which tells two checkpoints of one name apart
        return self.met[config]

    def outcome(self, config: Config) -> Outcome:
        """The judged configuration."""
        if config not in self.judged:
            gate = self.gate(config.checkpoint)
            self.judged[config] = judge_contest(gate, self.contest(config))
            if self.settings.history is not None:
                self.records["history"].append(judged_row(gate, self.judged[config]))
        return self.judged[config]

    def answer(self, question: str, config: Config, checks: Iterable[Check]) -> None:
        """Record the checks that answer a question, and hold the test to them as far as they are not waived."""
        made = list(checks)
        self.records["answered"].append((question, config.id))
        self.records["checks"] += [(check.name, check.config, str(check.status)) for check in made]
        today = datetime.now(UTC).date()
        waivers = read_waivers(self.settings.waivers, today=today) if self.settings.waivers else ()
        outcome, held = self.outcome(config), waive(made, waivers, today=today)
        self.records["told"].append(as_text(Told(outcome.result, held, outcome.causes)))
        require(held, outcome.causes)


def request(settings: ParitySettings, checkpoint: Path) -> GateRequest:
    """What the options ask for one checkpoint; latency has a test of its own."""
    return GateRequest(
        checkpoint,
        backends=settings.backends,
        data=settings.data_of(checkpoint),
        sizes=settings.sizes,
        baselines=settings.baselines,
        waivers=settings.waivers,
        trusted=settings.trusted,
        latency=False,
    )


def configs(settings: ParitySettings, *, backends: Sequence[str]) -> list[Config]:
    """Every checkpoint on every backend at every size; equal stems are told apart by a number."""
    names = [slug(model_name(checkpoint)) for checkpoint in settings.checkpoints]
    unique = [name if names.count(name) == 1 else f"{name}_{place}" for place, name in enumerate(names, 1)]
    return [
        Config(name, checkpoint, backend, size)
        for name, checkpoint in zip(unique, settings.checkpoints, strict=True)
        for size in ((None,) if is_run(checkpoint) else settings.sizes)
        for backend in backends
    ]


def require(checks: Iterable[Check], causes: Iterable[Diagnosis] = ()) -> None:
    """Fail the test unless every check passed, and say the named causes; an inconclusive or unchecked one is said to be that.

    A test that only lacks waived checks is an expected failure with the reason, never a pass.
    """
    lacking = [check for check in checks if check.status is not Status.PASS]
    failing = [check for check in lacking if check.status is not Status.WAIVED]
    if failing:
        pytest.fail(failure_text(failing, causes), pytrace=False)
    if lacking:
        pytest.xfail("; ".join(f"{check.name} {check.detail}" for check in lacking))


def as_profile(name: str) -> Profile:
    """A profile by its name."""
    if name not in set(Profile):
        raise UsageError("no such profile", found=name, expected=", ".join(Profile))
    return Profile(name)


# the fields of a request that a test may give as text
PATHS = ("data", "images", "candidate_spec", "baselines", "waivers", "evidence", "terms", "limits_file", "history", "report", "plots")
TEXTS: Mapping[str, Callable[[str], object]] = {**dict.fromkeys(PATHS, Path), "profile": as_profile}


def gate_from_options(settings: ParitySettings) -> Callable[..., Result]:
    """The function behind the ``parity_gate`` fixture."""

    def gate(reference: str | Path | None = None, **options: Any) -> Result:
        if reference is None and len(settings.checkpoints) != 1:
            raise UsageError("which reference?", expected="parity_gate(reference) or one --parity-checkpoint")
        chosen = Path(reference) if reference is not None else settings.checkpoints[0]
        defaults = replace(request(settings, chosen), latency=True, baselines=None, history=settings.history)
        if options.get("candidates"):  # they bring what the defaults would have made
            options = {"backends": (), "sizes": (), **options}
        if isinstance(options.get("candidates"), str):
            options["candidates"] = [options["candidates"]]
        for name, kind in TEXTS.items():
            if isinstance(options.get(name), str):
                options[name] = kind(options[name])
        listed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
        asked = replace(defaults, **listed)
        if asked.photos is not None:
            raise UsageError("photos are drawn by `parity compare`", found=str(asked.photos), expected="report or plots")
        check_page(asked.report, inputs=asked.inputs)
        return run_gate(asked)

    return gate
