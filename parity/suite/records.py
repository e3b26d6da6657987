"""What the suite's tests have judged, from all processes of a run, and what is left to say when all of them are through.

Importing it loads neither NumPy nor torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from parity.display import display
from parity.report.ci import in_ci

if TYPE_CHECKING:
    from parity.verdict import Check

QUESTIONS = DETECTIONS, ACCURACY, BASELINE = ("detections", "accuracy", "baseline")
OUTPUT = "parity_records"
LISTS = ("answered", "checks", "history", "told", "gated")
# plain lists and dicts, since they travel between processes: which question was answered of which configuration; the name of its
# baseline by configuration; name, configuration and status of every check; the rows of a history; what the CI is told of every answer
# and of every gate of a test of somebody's own, as JSON
Records = dict[str, Any]
RECORDS: pytest.StashKey[Records] = pytest.StashKey()


def records(config: pytest.Config) -> Records:
    """The records of this process, and in the one that reports those of its workers as well."""
    return config.stash.setdefault(RECORDS, {"baselines": {}, **{name: [] for name in LISTS}})


def take_in(config: pytest.Config, theirs: Records) -> None:
    """Add the records of a worker."""
    own = records(config)
    for name in LISTS:
        own[name] += theirs.get(name, [])
    own["baselines"].update(theirs.get("baselines", {}))


def closing_lines(config: pytest.Config) -> Iterator[str]:
    """Stored results that nothing reads, and waivers that do nothing; nothing where only a part of the suite ran."""
    own = records(config)
    if own["history"]:
        yield from history_lines(config, own)
    if not own["answered"]:
        return
    whole = is_whole(config, own)
    if whole:
        yield from unused_lines(config, own["baselines"])
    yield from waiver_lines(config, own["checks"], whole=whole)


def ci_lines(config: pytest.Config, environ: Mapping[str, str], *, exit_status: int) -> Iterator[str]:
    """Tell the CI that runs this what was judged: its summary is appended to, and what its log should show is returned."""
    own = records(config)
    if not in_ci(environ) or not (own["told"] or own["gated"]):
        return
    from parity.pytest_plugin import settings  # noqa: PLC0415
    from parity.suite.telling import tell_all  # noqa: PLC0415 - loads NumPy

    names = [path.name for path in settings(config).checkpoints]
    yield from tell_all(own, names, environ, exit_status=exit_status)


def is_whole(config: pytest.Config, own: Records) -> bool:
    """Whether every question was answered of every configuration that the ini file asks for."""
    from parity.pytest_plugin import narrowed, settings  # noqa: PLC0415 - the plugin imports this module
    from parity.suite.running import configs  # noqa: PLC0415 - loads NumPy and the runtimes

    asked = settings(config)
    ids = [each.id for each in configs(asked, backends=asked.backends)]
    return not narrowed(config) and set(map(tuple, own["answered"])) == set(product(QUESTIONS, ids))


def unused_lines(config: pytest.Config, read: Mapping[str, str]) -> Iterator[str]:
    """Stored results that no configuration is held against."""
    from parity.pytest_plugin import settings  # noqa: PLC0415

    folder = settings(config).baselines
    unused = sorted({path.name for path in folder.glob("*.json")} - set(read.values())) if folder else []
    if unused:
        yield f"stored results that no configuration reads, in {display(folder)}: {', '.join(map(display, unused))}"


def waiver_lines(config: pytest.Config, checks: list[tuple[str, str, str]], *, whole: bool) -> Iterator[str]:
    """Where the waivers are, and which of them do nothing."""
    from parity.pytest_plugin import settings  # noqa: PLC0415
    from parity.waiver_files import read_waivers  # noqa: PLC0415
    from parity.waivers import waiver_notes  # noqa: PLC0415

    source = settings(config).waivers
    if source is None:
        return
    today = datetime.now(UTC).date()
    waivers = read_waivers(source, today=today)
    made = checks_made(checks)
    yield f"waivers: {len(waivers)} in {source}"
    yield from waiver_notes(made, waivers, today=today, whole=whole)


def checks_made(checks: list[tuple[str, str, str]]) -> list[Check]:
    """The checks of the records, without what they measured."""
    from parity.verdict import Check, Status  # noqa: PLC0415

    return [Check(name, place, Status(status), None, None, "", "") for name, place, status in checks]


def history_lines(config: pytest.Config, own: Records) -> Iterator[str]:
    """Add the run to the history, and say so."""
    from parity.pytest_plugin import settings  # noqa: PLC0415
    from parity.suite.history import add_run  # noqa: PLC0415
    from parity.waiver_files import read_waivers  # noqa: PLC0415
    from parity.waivers import waive  # noqa: PLC0415

    asked, today = settings(config), datetime.now(UTC).date()
    waivers = read_waivers(asked.waivers, today=today) if asked.waivers else ()
    if asked.history is not None:
        yield from add_run(asked.history, own["history"], waive(checks_made(own["checks"]), waivers, today=today))
