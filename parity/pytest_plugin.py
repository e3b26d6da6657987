"""The pytest plugin: options, the marker, and the fixture ``parity_gate``. Importing it loads neither NumPy nor torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parity.errors import ParityError
from parity.options import parse_sizes, split
from parity.project_file import find_waivers
from parity.request import Size
from parity.suite.records import OUTPUT, ci_lines, closing_lines, records, take_in

if TYPE_CHECKING:
    from parity.verdict import Result

DEFAULT_BACKENDS = "torchscript,onnx"
DEFAULT_SIZES = "320,640"
# option, its default for the ini file, help
LISTS = (
    ("checkpoint", None, "checkpoint to gate; repeatable, comma-separated, globs allowed"),
    ("backend", DEFAULT_BACKENDS, "backends to convert to and gate"),
    ("imgsz", DEFAULT_SIZES, "network sizes in pixels, a side or HEIGHTxWIDTH"),
    ("data", None, "data.yaml, COCO JSON or folder of images; NAME=PATH is for the checkpoint of that file name alone"),
)
HISTORY = "SQLite file that the run is added to; parity history FILE shows what changes over checkpoints"
BASELINES = "folder of stored results"
CALIBRATION = "images that INT8 ranges are taken from, a data.yaml (its train split) or a folder; by default the train split of the data"
GATED: pytest.StashKey[list[Result]] = pytest.StashKey()  # what the running test has gated


def pytest_addoption(parser: pytest.Parser) -> None:
    """Every option has an ini key of the same name with underscores."""
    group = parser.getgroup("parity", "the release gate for object detectors")
    for name, default, text in LISTS:
        group.addoption(f"--parity-{name}", action="append", metavar=name.upper(), help=text)
        parser.addini(f"parity_{name}", text, type="linelist", default=[default] if default else [])
    group.addoption("--parity-baselines", metavar="PATH", help=BASELINES)
    parser.addini("parity_baselines", BASELINES, default="baselines")
    group.addoption("--parity-history", metavar="PATH", help=HISTORY)
    parser.addini("parity_history", HISTORY, default="")
    group.addoption("--parity-calibration", metavar="PATH", help=CALIBRATION)
    parser.addini("parity_calibration", CALIBRATION, default="")
    group.addoption(
        "--parity-trust-checkpoint", action="append", default=[], metavar="sha256:DIGEST", help="load this file although it runs code"
    )
    group.addoption("--parity-update-baselines", action="store_true", help="write the baselines, show what changed, and fail")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and keep several processes from writing one baseline."""
    config.addinivalue_line("markers", "parity: gates a model; select with -m parity")
    refuse_wrong_history(config)
    parallel = hasattr(config, "workerinput") or getattr(config.option, "numprocesses", None)
    if not config.getoption("--parity-update-baselines"):
        return
    if parallel:
        raise pytest.UsageError("--parity-update-baselines writes files: run it in one process, without -n")
    from parity.baselines import require_reviewer  # noqa: PLC0415 - loads NumPy

    try:
        require_reviewer(os.environ)
    except ParityError as error:
        raise pytest.UsageError(f"--parity-update-baselines: {error}") from None


def refuse_wrong_history(config: pytest.Config) -> None:
    """A history that cannot be added to is said before anything is run."""
    target = option_path(config, "history")
    if target is None:
        return
    from parity.history_file import check_history  # noqa: PLC0415 - loads NumPy

    try:
        check_history(target, inputs=())
    except ParityError as error:
        raise pytest.UsageError(f"--parity-history: {error}") from None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test answers for what an earlier one gated."""
    item.config.stash[GATED] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that has gated something has its numbers in the JUnit file, and shows what did not pass and why where it failed."""
    gated = item.config.stash.get(GATED, [])
    if call.when == "call" and gated:
        from parity.report.properties import result_properties  # noqa: PLC0415 - loads NumPy

        item.user_properties.extend(pair for result in gated for pair in result_properties(result))
    report = yield
    if report.failed:
        red = (result for result in gated if result.verdict != "pass")
        report.sections += [("parity gate", result.explain()) for result in red]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist returns what it has judged; it writes nothing itself."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[OUTPUT] = records(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take in what a worker returns; one that has crashed returns nothing, and then the suite is not whole."""
    del error
    take_in(node.config, getattr(node, "workeroutput", {}).get(OUTPUT, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Say what no test says: stored results that nothing reads, waivers that do nothing; add to the history, and tell the CI."""
    if hasattr(config, "workerinput"):  # pytest-xdist ends its workers like any run, and theirs is not the whole
        return
    for line in closing_lines(config):
        terminalreporter.write_line(f"parity: {line}", yellow=True)
    for line in ci_lines(config, os.environ, exit_status=exitstatus):
        terminalreporter.write_line(line)


@dataclass(frozen=True, slots=True)
class ParitySettings:
    """The options as they apply: command line first, then the ini file.

    ``data`` is by the file name of a checkpoint, "" for all others; it, ``baselines``, the images for ``calibration``, the ``history`` and
    the file with ``waivers`` may be absent.
    """

    checkpoints: tuple[Path, ...]
    backends: tuple[str, ...]
    sizes: tuple[Size, ...]
    data: Mapping[str, Path]
    baselines: Path | None
    waivers: Path | None
    trusted: frozenset[str]
    update: bool
    calibration: Path | None = None
    history: Path | None = None

    def data_of(self, checkpoint: Path) -> Path | None:
        """The data that a checkpoint is gated on."""
        return self.data.get(checkpoint.resolve().name, self.data.get(""))


def settings(config: pytest.Config) -> ParitySettings:
    """Read the options; paths on the command line are relative to where pytest was started, those in an ini file to that file."""
    try:
        backends, sizes, patterns = split(given(config, "backend")), parse_sizes(given(config, "imgsz")), split(given(config, "checkpoint"))
    except ParityError as error:
        raise pytest.UsageError(f"--parity-checkpoint, --parity-backend or --parity-imgsz: {error}") from None
    return ParitySettings(
        checkpoints=tuple(path for pattern in patterns for path in matching(config, pattern)),
        backends=backends,
        sizes=sizes,
        data=dict(data_path(config, value) for value in given(config, "data")),
        baselines=option_path(config, "baselines"),
        waivers=waivers_of(config),
        trusted=frozenset(config.getoption("--parity-trust-checkpoint")),
        update=bool(config.getoption("--parity-update-baselines")),
        calibration=option_path(config, "calibration"),
        history=option_path(config, "history"),
    )


def narrowed(config: pytest.Config) -> bool:
    """Whether the command line leaves out something that the ini file asks for."""
    return any(
        config.getoption(f"--parity-{name}") and not parts(config.getini(f"parity_{name}")) <= parts(given(config, name))
        for name, *_ in LISTS
    )


def parts(values: list[str]) -> set[str]:
    """The values of a list option."""
    return {part.strip() for value in values for part in value.split(",")}


def waivers_of(config: pytest.Config) -> Path | None:
    """The pyproject.toml whose waivers apply: that beside the ini file, or above it in the same repository."""
    try:
        return find_waivers(config.inipath.parent if config.inipath else config.rootpath)
    except ParityError as error:
        raise pytest.UsageError(str(error)) from None


def given(config: pytest.Config, name: str) -> list[str]:
    """A list option as it was written, on the command line or else in the ini file."""
    values: list[str] = config.getoption(f"--parity-{name}") or config.getini(f"parity_{name}")
    return values


def base(config: pytest.Config, name: str) -> Path:
    """The folder that a relative path of this option starts from."""
    if config.getoption(f"--parity-{name}"):
        return config.invocation_params.dir
    return config.inipath.parent if config.inipath else config.rootpath


def data_path(config: pytest.Config, value: str) -> tuple[str, Path]:
    """The checkpoint that data are for, "" for all, and their path, of ``PATH`` or ``NAME=PATH``."""
    name, equals, path = value.partition("=")
    folder = base(config, "data")
    if not equals or "/" in name or (folder / value).exists():  # a path may hold an equals sign
        return "", folder / value
    return name, folder / path


def option_path(config: pytest.Config, name: str) -> Path | None:
    """A path option, ``None`` where it was not given."""
    value = config.getoption(f"--parity-{name}") or config.getini(f"parity_{name}")
    return base(config, name) / value if value else None


def matching(config: pytest.Config, pattern: str) -> list[Path]:
    """The checkpoints of a path or glob, in order; none is an error, since nothing would be gated."""
    literal = base(config, "checkpoint") / pattern
    if literal.exists():  # a file or a run directory
        return [literal]
    found = sorted(Path(path) for path in glob(str(literal), recursive=True))  # noqa: PTH207 - absolute patterns
    if not found:
        raise pytest.UsageError(f"--parity-checkpoint {pattern}: no such file")
    return found


@pytest.fixture(scope="session")
def parity_gate(pytestconfig: pytest.Config) -> Callable[..., Result]:
    """Gate a reference from a test of your own: ``parity_gate("best.pt", candidates=["best.onnx"], data="data.yaml").verdict``.

    Keywords are the fields of ``parity.request.GateRequest``; what is left out comes from the ``--parity-*`` options, but stored
    results are held against only where ``baselines`` is given. A test that fails shows what did not pass and the named causes;
    ``result.explain()`` is the same as text.
    """
    from parity.suite.running import gate_from_options  # noqa: PLC0415 - loads NumPy and the runtimes
    from parity.suite.telling import as_text  # noqa: PLC0415

    gate = gate_from_options(settings(pytestconfig))

    def remembered(reference: str | Path | None = None, **options: Any) -> Result:
        result = gate(reference, **options)
        pytestconfig.stash.setdefault(GATED, []).append(result)
        records(pytestconfig)["gated"].append(as_text(result))
        return result

    return remembered
