"""The command line: every command in one list, and an exit code for whatever happens."""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from io import TextIOWrapper
from typing import Any, NoReturn

import typer

from parity import arguments
from parity.commands.baseline import baseline
from parity.commands.bench import bench
from parity.commands.cache import cache
from parity.commands.calibrate import calibrate
from parity.commands.compare import compare
from parity.commands.convert import convert
from parity.commands.doctor import doctor
from parity.commands.evaluate import evaluate
from parity.commands.gate import DIAGNOSE, gate
from parity.commands.history import history
from parity.commands.quantize import quantize
from parity.commands.verify import verify
from parity.display import display
from parity.errors import ParityError, UsageError

INTERRUPTED, INTERNAL_ERROR = 2, 3
TYPER_INTERRUPTED = 130  # what typer makes of Ctrl-C
ClickUsageError: Any = typer.BadParameter.__base__  # its place depends on typer's version
app = typer.Typer(add_completion=False, rich_markup_mode=None, epilog="--debug, anywhere, shows the traceback of an error.")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 pass, 1 fail, 12 inconclusive, others as ``parity.errors`` has them."""
    given = sys.argv[1:] if argv is None else argv
    words = [word for word in given if word != "--debug"]
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name must not end a report on a terminal that is not UTF-8
    try:
        code = app(words, prog_name="parity", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort, SystemExit):  # the last: whoever read our output has gone
        code = TYPER_INTERRUPTED
    except Exception as failure:  # noqa: BLE001 - the last place where anything can be said about it
        if len(words) < len(given):
            traceback.print_exc()
        return explain(failure)
    if code == TYPER_INTERRUPTED:
        sys.stderr.write("interrupted: there is no verdict\n")
        return INTERRUPTED
    return int(code or 0)


def run() -> NoReturn:
    """Run one command, as the installed program does, and end the process with its exit code."""
    end(main())


def end(code: int) -> NoReturn:
    """End the process once what is to be done at exit is done.

    Python would first take PyTorch and its libraries apart, which takes more than a second and 100 MB of memory, and frees nothing that
    the system does not free itself.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - as multiprocessing ends its processes
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # whoever read our output has gone, which Python has its own way to say
    os._exit(code)


def explain(failure: Exception) -> int:
    """Say on stderr what went wrong, and return the exit code for it."""
    if isinstance(failure, ParityError):
        sys.stderr.write(f"error: {failure}\n")
        return failure.exit_code
    if isinstance(failure, ClickUsageError):
        command = failure.ctx.command_path if failure.ctx else "parity"
        sys.stderr.write(f"error: {display(failure.format_message())}\n  next: {command} --help\n")
        return UsageError.exit_code
    problem = f"{type(failure).__name__}: {display(failure)}"
    sys.stderr.write(f"internal error: {problem}; please report it; --debug shows the traceback\n")
    return INTERNAL_ERROR


@app.callback()
def parity(*, version: arguments.Version = False) -> None:
    """The release gate for object detectors: does the model you ship detect what the model you trained detects?"""
    del version


app.command()(convert)
app.command()(gate)
app.command("diagnose", help=DIAGNOSE)(gate)
app.command()(compare)
app.command("eval")(evaluate)
app.command()(bench)
app.command()(calibrate)
app.command()(quantize)
app.command()(verify)
app.command()(history)
app.command()(doctor)
app.add_typer(baseline)
app.add_typer(cache)


if __name__ == "__main__":
    run()
