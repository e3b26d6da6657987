"""``parity doctor``: is this machine ready."""

from __future__ import annotations

from parity import arguments
from parity.commands.running import show
from parity.report.output import check_target

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them


def doctor(*, json: arguments.Json = None) -> int:
    """Is this machine ready: versions, instruction sets, threads, and what is missing."""
    check_target(json, inputs=())
    from parity.doctor import examine
    from parity.report.measurements import print_checkup

    found = examine()
    show(found, json, print_checkup)
    return found.exit_code
