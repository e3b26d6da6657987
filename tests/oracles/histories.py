"""Histories made by hand: runs of checkpoints that differ by chance, and by as much as is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
from oracles.results import check, config, result

from parity.history import Entry, entries_of
from parity.request import GateRequest
from parity.verdict import CandidateId, DatasetId, ReferenceId

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
REQUEST = GateRequest(Path("runs/m.pt"))
NOISE_AP, NOISE_MS = 0.002, 0.01  # standard deviations: AP of checkpoints that are trained alike; a share of a latency


def digest(text: str) -> str:
    """A SHA-256 of something."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def plain(name: str) -> Entry:
    """A row of a configuration that passes."""
    (found,) = entries_of(REQUEST, result(configs=(config(id=name),), checks=(check(config=name),)), time="")
    return found


def run(number: int, *, ap: float = 0.5, agreeing: int = 128, ms: float = 20.0, ids: Sequence[str] = ("m-onnx-640",)) -> tuple[Entry, ...]:
    """One run of a checkpoint of its own, ``number`` weeks after the first."""
    return tuple(measured(plain(name), number, ap=ap, agreeing=agreeing, ms=ms) for name in ids)


def measured(entry: Entry, number: int, *, ap: float, agreeing: int, ms: float) -> Entry:
    """A row with these numbers; the reference is half a thousandth of AP better."""
    assert entry.reference_metrics is not None
    assert entry.ap_change is not None
    assert entry.latency is not None
    return replace(
        entry,
        run=f"{number:032x}",
        time=(START + timedelta(weeks=number)).isoformat(),
        reference=ReferenceId("runs/m.pt", digest(f"reference {number}"), "ultralytics"),
        candidate=CandidateId("model", "m.onnx", digest(f"candidate {number}")),
        dataset=DatasetId("coco128", 128, "2" * 64),
        parity=replace(entry.parity, images=128, images_agreeing=agreeing),
        reference_metrics=replace(entry.reference_metrics, AP=ap + 0.0005),
        candidate_metrics=replace(entry.reference_metrics, AP=ap),
        ap_change=replace(entry.ap_change, value=-0.0005, low=-0.001, high=0.0),
        latency=replace(entry.latency, candidate_ms=ms),
    )


def runs(count: int, *, seed: int = 0, loss: float = 0.0, slower: float = 0.0, ids: Sequence[str] = ("m-onnx-640",)) -> tuple[Entry, ...]:
    """Checkpoints whose AP falls by ``loss`` and whose latency rises by the share ``slower`` over all of them, with noise."""
    chance = np.random.default_rng(seed)
    share = np.arange(count) / max(count - 1, 1)
    ap = (0.5 - loss * share + NOISE_AP * chance.standard_normal(count)).tolist()
    ms = (20 * (1 + slower * share) * (1 + NOISE_MS * chance.standard_normal(count))).tolist()
    agreeing = (128 - chance.poisson(1, count)).tolist()
    numbers = zip(range(count), ap, agreeing, ms, strict=True)
    return tuple(entry for place, *values in numbers for entry in run(place, ap=values[0], agreeing=values[1], ms=values[2], ids=ids))


def on(entries: Sequence[Entry], *, data: str | None = None, processor: str | None = None) -> tuple[Entry, ...]:
    """The same runs on other data, or on another machine."""
    moved = [replace(entry, dataset=DatasetId(data, 128, digest(data))) if data else entry for entry in entries]
    return tuple(replace(entry, machine=digest(processor)[:16]) if processor else entry for entry in moved)
