"""Everything Parity raises on purpose.

ParityError                 the base: one message, one exit code
├── UsageError              4   options that do not fit together
├── BadInput                10  a file that is damaged, or is not what it should be
├── UntrustedInput          11  a file that would run code, or reaches outside its folder
├── ResourceLimit           13  an input too large to take on
├── BaselineError           14  a baseline that is damaged or not comparable
├── CertificateError        14  a certificate that is damaged or edited
└── ConversionError         15  the export failed
    └── BackendUnavailable  15  the runtime is not installed or cannot run this file

A message says which file, what was found, what was expected, and the next command or step.
"""

from __future__ import annotations

from pathlib import Path

from parity.display import display


class ParityError(Exception):
    """The base of all errors of this package; ``exit_code`` is what the command line returns."""

    exit_code = 3

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        found: object = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        """Compose the message; ``file`` and ``found`` may be hostile strings and are escaped."""
        parts = [problem if file is None else f"{display(file)}: {problem}"]
        parts += [f"found {display(found)}"] if found is not None else []
        parts += [f"expected {expected}"] if expected is not None else []
        message = "; ".join(parts)
        super().__init__(message if next_step is None else f"{message}\n  next: {next_step}")


class UsageError(ParityError):
    """Options that are missing, unknown or do not fit together."""

    exit_code = 4


class BadInput(ParityError):
    """A file that is damaged, incomplete, or not what it was given as."""

    exit_code = 10


class UntrustedInput(ParityError):
    """A file that would run code when loaded, or names places outside its folder."""

    exit_code = 11


class ResourceLimit(ParityError):
    """An input that would take more memory or time than an honest one needs."""

    exit_code = 13


class BaselineError(ParityError):
    """A stored baseline that is damaged, or belongs to something else."""

    exit_code = 14


class CertificateError(ParityError):
    """A certificate that is damaged, or was edited."""

    exit_code = 14


class ConversionError(ParityError):
    """An export that failed, or whose result differs from its checkpoint."""

    exit_code = 15


class BackendUnavailable(ConversionError):
    """A runtime that is not installed, or that cannot open this file."""
