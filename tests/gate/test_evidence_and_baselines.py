"""Without evidence the answer is neither pass nor fail; a baseline counts only where it is sound and of the same thing."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gate.running import SIDE, assert_fails, assert_passes, assert_refused, tree_digest, write_rows

from parity.baselines import Baseline, write_baseline
from parity.cli import main
from parity.contests import contests
from parity.judging import Outcome, judge_contest
from parity.open_gate import open_gate
from parity.request import GateRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.running import Run

SOON = str(datetime.now(UTC).date() + timedelta(days=30))

# A reference that cannot judge


@pytest.fixture
def noisy_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch move every box by some pixels, differently each time."""
    from parity.backends.pytorch import PyTorchSession  # noqa: PLC0415 - loads torch

    noise, run = np.random.default_rng(11), PyTorchSession._execute

    def execute(session: Any, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        output, *others = run(session, tensor)
        moved = output.copy()
        moved[:, :2] += noise.normal(0, 0.7, moved[:, :2].shape).astype(np.float32)
        return moved, *others

    monkeypatch.setattr(PyTorchSession, "_execute", execute)


def test_a_reference_that_disagrees_with_itself_judges_nothing(judge: Callable[..., Run], exported: Path, noisy_reference: None) -> None:
    run = judge(exported)
    assert run.exit_code == 12, run.statuses
    assert run.result["verdict"] == "inconclusive"
    assert run.statuses["repeatable"] == "inconclusive"
    assert "disagrees with itself on 2 of 2 images" in run.check("repeatable")["detail"]
    assert run.statuses["shifted"] == "inconclusive"
    assert run.statuses["names"] == "pass"


def test_what_does_not_hang_on_the_reference_fails_even_where_it_disagrees_with_itself(
    judge: Callable[..., Run], predict: Callable[..., list[dict[str, Any]]], tmp_path: Path, noisy_reference: None
) -> None:
    rows = [{**row, "score": float("nan")} for row in predict()]
    assert_fails(judge(write_rows(tmp_path / "predictions.json", rows)), failing={"finite"})


@pytest.mark.parametrize("labelled", ["data.yaml", "annotations/instances_val.json"])
def test_agreement_on_nothing_is_no_evidence(
    gate: Callable[..., Run], reference: Path, exported: Path, only_empty: Path, labelled: str, loaded_once: None
) -> None:
    run = gate("--reference", reference, "--candidate", exported, "--data", only_empty / labelled, "--no-latency")
    assert run.exit_code == 12, run.stderr
    assert run.statuses["evidence"] == "inconclusive"
    assert run.failed == set()


def test_a_threshold_that_nothing_reaches_is_no_evidence(judge: Callable[..., Run], exported: Path) -> None:
    run = judge(exported, "--conf", 0.9999)
    assert run.exit_code == 12
    assert run.statuses["evidence"] == "inconclusive"


# Stored results


@pytest.fixture(scope="session")
def healthy(reference: Path, exported: Path, instances: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the gate finds of the healthy export."""
    folder = tmp_path_factory.mktemp("baselines")
    request = GateRequest(reference, (str(exported),), data=instances, baselines=folder, latency=False, threads=1)
    with ExitStack() as resources:
        opened = open_gate(request, resources)
        (outcome,) = (judge_contest(opened, contest) for contest in contests(opened))
    return outcome


@pytest.fixture
def good(healthy: Outcome, tmp_path: Path) -> tuple[Path, Baseline]:
    """The baseline of the healthy export, not yet written, and its place in a folder of its own."""
    return tmp_path / "baselines" / healthy.baseline_file.name, healthy.baseline


def with_ap(baseline: Baseline, change: float) -> Baseline:
    """A baseline of another AP."""
    return replace(baseline, metrics=replace(baseline.metrics, AP=baseline.metrics.AP + change))


@pytest.mark.parametrize("change", [0.0, 0.0015, -0.0015])
def test_a_result_within_the_limit_of_its_baseline_passes(
    judge: Callable[..., Run], exported: Path, good: tuple[Path, Baseline], change: float
) -> None:
    write_baseline(good[0], with_ap(good[1], change))
    before = tree_digest(good[0].parent)
    run = judge(exported, "--baselines", good[0].parent)
    assert_passes(run)
    assert run.statuses["ap_baseline"] == "pass"
    assert tree_digest(good[0].parent) == before


@pytest.mark.parametrize("change", [0.0063, -0.0063])
def test_a_result_off_its_baseline_fails_either_way(
    judge: Callable[..., Run], exported: Path, good: tuple[Path, Baseline], change: float
) -> None:
    write_baseline(good[0], with_ap(good[1], change))
    run = judge(exported, "--baselines", good[0].parent)
    assert_fails(run, failing={"ap_baseline"}, passing={"ap_reference", "shifted", "rescored"})
    assert run.check("ap_baseline")["measured"] == pytest.approx(0.0063)


def test_a_missing_baseline_fails_and_is_not_written(judge: Callable[..., Run], exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    folder.mkdir()
    run = judge(exported, "--baselines", folder)
    assert_fails(run, failing={"ap_baseline"}, passing={"ap_reference"})
    assert run.failed == {"ap_baseline"}
    assert "yolov8n_shapes" in run.check("ap_baseline")["detail"]
    assert tree_digest(folder) == {}


def test_without_baselines_the_gate_says_that_it_did_not_check(judge: Callable[..., Run], exported: Path) -> None:
    run = judge(exported)
    assert run.statuses["ap_baseline"] == "not_checked"
    assert "--baselines" in run.check("ap_baseline")["detail"]


def test_an_edited_number_is_found(judge: Callable[..., Run], exported: Path, good: tuple[Path, Baseline]) -> None:
    file, baseline = good
    write_baseline(file, baseline)
    sealed = json.loads(file.read_bytes())
    sealed["baseline"]["metrics"]["AP"] += 0.0005
    file.write_text(json.dumps(sealed))
    assert_refused(judge(exported, "--baselines", file.parent), exit_code=14, names=file.name, says="edited or damaged")


@pytest.mark.parametrize(
    "damage",
    [lambda _: "", lambda text: text[: len(text) // 2], lambda _: "[]", lambda text: text.replace('"AP":', '"ap":')],
    ids=["empty", "truncated", "not an object", "unknown field"],
)
def test_a_damaged_baseline_is_refused(
    judge: Callable[..., Run], exported: Path, good: tuple[Path, Baseline], damage: Callable[[str], str]
) -> None:
    file, baseline = good
    write_baseline(file, baseline)
    file.write_text(damage(file.read_text()))
    before = tree_digest(file.parent)
    run = judge(exported, "--baselines", file.parent)
    assert_refused(run, exit_code=14, names=file.name, says="next:")
    assert tree_digest(file.parent) == before


@pytest.mark.parametrize(
    "other", [{"checkpoint_sha256": "0" * 64}, {"dataset_sha256": "0" * 64}, {"spec_sha256": "0" * 64}, {"imgsz": (SIDE, 640)}]
)
def test_a_baseline_of_something_else_is_refused(
    judge: Callable[..., Run], exported: Path, good: tuple[Path, Baseline], other: dict[str, Any]
) -> None:
    file, baseline = good
    write_baseline(file, replace(baseline, identity=replace(baseline.identity, **other)))
    run = judge(exported, "--baselines", file.parent)
    assert_refused(run, exit_code=14, names=file.name, says=next(iter(other)))


def test_an_update_stores_what_the_gate_is_then_held_against(
    judge: Callable[..., Run], reference: Path, exported: Path, instances: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    sides = ("--reference", reference, "--candidate", exported, "--data", instances, "--imgsz", SIDE, "--threads", 1, "--no-latency")
    folder = tmp_path / "baselines"

    codes = [main(["baseline", command, *map(str, sides), "--baselines", str(folder)]) for command in ("diff", "update", "diff")]

    assert codes == [1, 0, 0]
    assert judge(exported, "--baselines", folder).statuses["ap_baseline"] == "pass"


@pytest.mark.parametrize(("expires", "exit_code", "status"), [(SOON, 0, "waived"), ("2020-01-31", 1, "fail")], ids=["holds", "expired"])
def test_a_failed_check_is_waived_until_its_waiver_expires(
    judge: Callable[..., Run], exported: Path, tmp_path: Path, expires: str, exit_code: int, status: str
) -> None:
    waivers, folder = tmp_path / "waivers.toml", tmp_path / "baselines"
    waivers.write_text(
        "[[tool.parity.waivers]]\ncheck = 'ap_baseline'\nconfig = 'yolov8n_shapes-*'\nreason = 'not stored yet'\nowner = 'Ada'\n"
        f"expires = {expires}\n"
    )
    run = judge(exported, "--baselines", folder, "--waivers", waivers)
    check = run.check("ap_baseline")
    assert (run.exit_code, check["status"], check["limit"]) == (exit_code, status, 0.002)
    assert f"waived by Ada until {expires}: not stored yet" in check["detail"] or f"expired on {expires}" in check["detail"]
    assert f"waivers: 1 in {waivers}" in run.result["notes"]
