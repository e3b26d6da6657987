"""May these models be released? One test a question, for every checkpoint, backend and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.baselines import write_baseline
from parity.candidates import ModelDetector
from parity.holding import baseline_check
from parity.images import read_image
from parity.judging import STATISTICAL, Outcome
from parity.open_gate import reference_detector, session_of
from parity.preprocess import preprocess
from parity.report.properties import properties
from parity.request import size_label
from parity.revisions import in_words, revision
from parity.suite.records import ACCURACY, BASELINE, DETECTIONS
from parity.suite.running import Config, Gates
from parity.verdict import Check, Status

pytestmark = pytest.mark.parity
WARM_UP, ROUNDS = 3, 10
Properties = list[tuple[str, object]]


def test_candidate_detects_what_the_reference_detects(parity_config: Config, parity_gates: Gates, parity_properties: Properties) -> None:
    """All detections matched within the limits, no ghosts, all images evaluated, nothing NaN."""
    checks = recorded(parity_gates, parity_config, parity_properties).checks
    parity_gates.answer(DETECTIONS, parity_config, (check for check in checks if check.name not in STATISTICAL))


def recorded(gates: Gates, config: Config, written: Properties) -> Outcome:
    """The judged configuration, with its numbers in the JUnit file."""
    outcome = gates.outcome(config)
    written.extend(properties(outcome.result, outcome.checks, outcome.causes))
    return outcome


def is_asked(check: Check) -> bool:
    """Whether accuracy rests on a check: classes that have too few objects each are judged together."""
    return check.name in STATISTICAL and not (check.name == "ap_classes" and check.status is Status.NOT_CHECKED)


def test_ap_holds_against_the_reference(parity_config: Config, parity_gates: Gates, parity_properties: Properties) -> None:
    """AP of the candidate differs from the reference's by no more than the limit, or is proven to keep its margin."""
    checks = recorded(parity_gates, parity_config, parity_properties).checks
    parity_gates.answer(ACCURACY, parity_config, filter(is_asked, checks))


def test_ap_holds_against_the_baseline(parity_config: Config, parity_gates: Gates, parity_properties: Properties) -> None:
    """AP differs from the stored, reviewed result by no more than the limit; a baseline never blesses itself."""
    gate, outcome = parity_gates.gate(parity_config.checkpoint), recorded(parity_gates, parity_config, parity_properties)
    if outcome.baseline_file is None or outcome.baseline is None:
        pytest.fail("nothing to hold against a stored result: AP needs labelled data", pytrace=False)
    if parity_gates.settings.update:
        update = revision(outcome.baseline_file, outcome.baseline)
        write_baseline(outcome.baseline_file, outcome.baseline)
        pytest.fail(f"wrote {update.file}: {in_words(update)}; review it and run again", pytrace=False)
    check = baseline_check(gate, outcome)
    parity_gates.records["baselines"][parity_config.id] = outcome.baseline_file.name
    if check.status is Status.NOT_CHECKED:  # INT8 on another processor
        pytest.skip(check.detail)
    parity_gates.answer(BASELINE, parity_config, [check])


def test_latency_is_recorded(parity_runtime: Config, parity_gates: Gates, benchmark: Any, parity_properties: Properties) -> None:
    """The network alone on one image, every runtime of a model and size in one group; measured nothing, it is no pass."""
    if not benchmark.enabled:
        pytest.skip("measured nothing: pytest-benchmark is switched off, as it is in the processes of pytest-xdist (-n)")
    gate = parity_gates.gate(parity_runtime.checkpoint)
    native = parity_runtime.backend == "pytorch"
    detector = reference_detector(gate, parity_runtime.size) if native else parity_gates.contest(parity_runtime).candidate
    assert isinstance(detector, ModelDetector)
    image = read_image(gate.dataset.images[0].path)
    tensor = preprocess(image, detector.pipeline.spec.preprocess).tensor
    benchmark.group = f"{parity_runtime.name} {size_label(parity_runtime.size)}"
    session = detector.timed or session_of(gate, Path(detector.identity.path), threads=gate.request.threads)
    outputs = benchmark.pedantic(session.run, args=(tensor,), rounds=ROUNDS, warmup_rounds=WARM_UP)
    parity_properties += [("configuration", parity_runtime.id), ("latency_ms", f"{1000 * benchmark.stats.stats.median:.6g}")]
    assert np.isfinite(outputs[0]).all()
