"""What all judging commands do before the runtimes are loaded."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

import parity.gate
from parity.commands import running
from parity.request import GateRequest


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not loaded PyTorch, with a gate that judges nothing."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(running, "sys", SimpleNamespace(modules={}))
    monkeypatch.setattr(parity.gate, "run_gate", lambda request, *, track: (request, track))


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize(("latency", "policy"), [(False, "PASSIVE"), (True, None)])
def test_threads_wait_asleep_only_where_nothing_is_timed(monkeypatch: pytest.MonkeyPatch, policy: str | None, *, latency: bool) -> None:
    monkeypatch.setattr(running.os, "environ", {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"})
    running.judged(GateRequest(Path("best.pt"), latency=latency))
    assert running.os.environ.get("OMP_WAIT_POLICY") == policy


def test_a_policy_that_was_chosen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setattr(running, "sys", SimpleNamespace(modules={}))
    running.wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
