"""``parity cache``: what is kept of references between runs."""

from __future__ import annotations

import typer

from parity import arguments
from parity.cache_folder import cache_folder
from parity.commands.running import show
from parity.report.output import check_target

# ruff: noqa: PLC0415 - the runtimes load for seconds, and --help must not wait for them
GROUP = "What references said, kept between runs by content: PARITY_CACHE_DIR, or parity in the user's cache folder."
cache = typer.Typer(name="cache", help=GROUP, no_args_is_help=False)


@cache.command("info")
def info(*, json: arguments.Json = None) -> int:
    """How many images are kept of each checkpoint, and how large the file is."""
    from parity.reference_cache import FILE, contents
    from parity.report.cache import print_contents

    check_target(json, inputs=(cache_folder() / FILE,))
    show(contents(cache_folder()), json, print_contents)
    return 0


@cache.command("clear")
def clear() -> int:
    """Remove what is kept; the next run of a checkpoint makes it again."""
    from parity.reference_cache import clear as remove
    from parity.report.cache import print_cleared
    from parity.report.terminal import stdout_console

    print_cleared(remove(cache_folder()), stdout_console())
    return 0
