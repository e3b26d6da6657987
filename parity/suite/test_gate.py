"""May these models be released? One test a question, for every checkpoint, backend and size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.baselines import changes, load_baseline, write_baseline
from parity.candidates import ModelDetector
from parity.contests import reference_detector
from parity.errors import BaselineError
from parity.images import read_image
from parity.judging import baseline_check
from parity.preprocess import preprocess
from parity.request import size_label
from parity.suite.running import Config, Gates, require

pytestmark = pytest.mark.parity
ACCURACY = "ap_reference"
WARM_UP, ROUNDS = 3, 10


def test_candidate_detects_what_the_reference_detects(parity_config: Config, parity_gates: Gates) -> None:
    """All detections matched within the limits, no ghosts, all images evaluated, nothing NaN."""
    outcome = parity_gates.outcome(parity_config)
    require((check for check in outcome.checks if check.name != ACCURACY), outcome.causes)


def test_ap_holds_against_the_reference(parity_config: Config, parity_gates: Gates) -> None:
    """AP of the candidate differs from the reference's by no more than the limit, either way."""
    outcome = parity_gates.outcome(parity_config)
    require((check for check in outcome.checks if check.name == ACCURACY), outcome.causes)


def test_ap_holds_against_the_baseline(parity_config: Config, parity_gates: Gates) -> None:
    """AP differs from the stored, reviewed result by no more than the limit; a baseline never blesses itself."""
    gate, outcome = parity_gates.gate(parity_config.checkpoint), parity_gates.outcome(parity_config)
    if outcome.baseline_file is None or outcome.baseline is None:
        pytest.fail("nothing to hold against a stored result: AP needs labelled data", pytrace=False)
    if parity_gates.settings.update:
        try:
            old = load_baseline(outcome.baseline_file)
        except BaselineError:
            old = None
        write_baseline(outcome.baseline_file, outcome.baseline)
        pytest.fail(f"wrote {outcome.baseline_file}: {changes(old, outcome.baseline)}; review it and run again", pytrace=False)
    require([baseline_check(gate, outcome)], outcome.causes)


def test_latency_is_recorded(parity_runtime: Config, parity_gates: Gates, benchmark: Any) -> None:
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
    outputs = benchmark.pedantic(detector.pipeline.session.run, args=(tensor,), rounds=ROUNDS, warmup_rounds=WARM_UP)
    assert np.isfinite(outputs[0]).all()
