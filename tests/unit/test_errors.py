"""Every error has its exit code, and says what, where, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import errors
from parity.errors import (
    BackendUnavailable,
    BadInput,
    BaselineError,
    CertificateError,
    ConversionError,
    ParityError,
    ResourceLimit,
    UntrustedInput,
    UsageError,
)

CODES = {
    ParityError: 3,
    UsageError: 4,
    BadInput: 10,
    UntrustedInput: 11,
    ResourceLimit: 13,
    BaselineError: 14,
    CertificateError: 14,
    ConversionError: 15,
    BackendUnavailable: 15,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_each_error_has_the_documented_exit_code(kind: type[ParityError], code: int) -> None:
    assert kind("problem").exit_code == code
    assert issubclass(kind, ParityError)


@pytest.mark.parametrize("kind", CODES)
def test_the_docstring_draws_every_error(kind: type[ParityError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_no_error_is_left_out_of_the_table() -> None:
    assert {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)} == set(CODES)


def test_a_message_says_where_what_and_what_next() -> None:
    message = str(BadInput("is damaged", file=Path("a.onnx"), found=3, expected="4", next_step="export it again"))
    assert message == "a.onnx: is damaged; found 3; expected 4\n  next: export it again"


def test_parts_that_are_not_given_are_left_out() -> None:
    assert str(ParityError("is damaged")) == "is damaged"
    assert str(ParityError("is damaged", found=0)) == "is damaged; found 0"


def test_hostile_strings_are_escaped() -> None:
    message = str(BadInput("is damaged", file="\x1b[2J.onnx", found="\u202e\n"))
    assert message == r"\x1b[2J.onnx: is damaged; found \u202e\n"
