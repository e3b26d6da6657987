"""A result is held against the stored one where the two compare, and where they do not that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from oracles.results import config
from oracles.samples import metrics, some_environment

from parity.baselines import Baseline, Identity, write_baseline
from parity.errors import BaselineError
from parity.holding import baseline_check, baseline_file
from parity.judging import Outcome
from parity.limits import FLOAT32
from parity.verdict import Check, Status

FRESH = Baseline(Identity("a" * 64, "b" * 64, "c" * 64, "onnx", (640, 640)), metrics(0.5), 12, some_environment())
ELSEWHERE = replace(some_environment(), instruction_sets=("avx2", "avx512_vnni"), packages={"numpy": "3.0.0", "torch": None})


def gate_of(folder: Path | None, reference: str = "weights/m.pt") -> Any:
    """As much of an open gate as is asked for."""
    request = SimpleNamespace(baselines=folder, reference=Path(reference))
    return SimpleNamespace(limits=FLOAT32, request=request, checkpoint=True, dataset=SimpleNamespace(name="d"))


def held(folder: Path, stored: Baseline | None, fresh: Baseline = FRESH) -> Check:
    """A fresh result against a stored one."""
    file = folder / "a.json"
    if stored is not None:
        write_baseline(file, stored)
    return baseline_check(gate_of(folder), Outcome(config(), (), fresh, file, ()))


def with_ap(value: float | None, **others: Any) -> Baseline:
    """A baseline of this AP."""
    return replace(FRESH, metrics=metrics(0.5, AP=value), **others)


@pytest.mark.parametrize(
    ("stored", "status"),
    [
        (FRESH, Status.PASS),
        (with_ap(0.5015), Status.PASS),
        (with_ap(0.4985), Status.PASS),
        (with_ap(0.5025), Status.FAIL),
        (with_ap(0.4975), Status.FAIL),
        (with_ap(None), Status.INCONCLUSIVE),
        (None, Status.FAIL),
        (replace(FRESH, environment=ELSEWHERE), Status.PASS),
        (replace(FRESH, latency_ms=1e6), Status.PASS),
    ],
)
def test_ap_may_move_by_the_limit_either_way_wherever_it_was_stored(stored: Baseline | None, status: Status, tmp_path: Path) -> None:
    assert held(tmp_path, stored).status is status


def test_a_missing_baseline_names_both_commands_that_make_one(tmp_path: Path) -> None:
    detail = held(tmp_path, None).detail
    assert "`parity baseline update`" in detail
    assert "--parity-update-baselines" in detail


def test_a_missing_baseline_is_named_without_its_folder_and_in_printable_characters(tmp_path: Path) -> None:
    outcome = Outcome(config(), (), FRESH, tmp_path / "a\x1b.json", ())
    detail = baseline_check(gate_of(tmp_path), outcome).detail
    assert detail.startswith(r"no baseline a\x1b.json: make one with ")
    assert str(tmp_path) not in detail


def test_a_failure_names_what_changed_around_it(tmp_path: Path) -> None:
    detail = held(tmp_path, with_ap(0.25, environment=ELSEWHERE)).detail
    changed = "the environment changed: instruction_sets avx2 avx512_vnni → avx2, numpy 3.0.0 → 2.0.0"
    assert detail == f"baseline 0.2500, now 0.5000; {changed}"


@pytest.mark.parametrize(("environment", "status"), [(ELSEWHERE, Status.NOT_CHECKED), (some_environment(), Status.FAIL)])
def test_int8_is_held_on_the_same_instruction_sets_alone(environment: Any, status: Status, tmp_path: Path) -> None:
    check = held(tmp_path, with_ap(0.25, precision="int8", environment=environment), replace(FRESH, precision="int8"))
    assert check.status is status
    assert check.detail.startswith("INT8 results do not compare across instruction sets") == (status is Status.NOT_CHECKED)
    assert "baseline 0.2500, now 0.5000" in check.detail


@pytest.mark.parametrize("other", [{"precision": "int8"}, {"identity": replace(FRESH.identity, checkpoint_sha256="d" * 64)}])
def test_a_baseline_of_something_else_is_neither_pass_nor_fail(other: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"a\.json: the baseline is of something else"):
        held(tmp_path, replace(FRESH, **other))


def test_nothing_is_held_where_nothing_is_stored() -> None:
    outcome = Outcome(config(), (), None, None, ())
    assert baseline_check(gate_of(None), outcome).detail == "no --baselines were given"
    assert baseline_check(gate_of(Path("b")), outcome).detail == "there is no baseline for this kind of candidate"


def test_the_file_is_named_by_model_data_backend_precision_and_size() -> None:
    assert baseline_file(gate_of(Path("b")), FRESH) == Path("b/m-d-onnx-640.json")
    assert baseline_file(gate_of(Path("b")), replace(FRESH, precision="int8")) == Path("b/m-d-onnx-int8-640.json")
    assert baseline_file(gate_of(None), FRESH) is None
