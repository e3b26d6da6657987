"""An image tells two causes apart only where they detect something else on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from parity.backends.fake import FakeSession
from parity.comparison import Rounding
from parity.datasets import open_dataset
from parity.detections import Detections
from parity.diagnose.alternatives import separating_image
from parity.diagnose.evidence import Evidence
from parity.diagnose.suspects import Hypothesis, pad_value
from parity.limits import FLOAT32
from parity.spec import PipelineSpec, Preprocess

SHAPES = Path(__file__).parents[3] / "fixtures/shapes/data.yaml"
WIDE, SQUARE = "landscape odd pad.jpg", "square.jpg"
HEALTHY = Hypothesis(PipelineSpec(("thing",), Preprocess(size=(64, 64))))


def evidence_of(threshold: float, *names: str) -> Evidence:
    """Images of these names and a network that sees one thing where the corner of its input is brighter than a threshold."""

    def network(tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        score = 0.9 if tensor[0, 0, 0, 0] > threshold else 0.0
        return (np.array([[[32], [32], [20], [20], [score]]], np.float32),)

    found = {Path(image.file_name).name: image for image in open_dataset(SHAPES).images}
    images = [found[name] for name in names]
    return Evidence(FakeSession(network), images, [Detections.none()] * len(images), Rounding(), FLOAT32, chosen=[0])


def test_an_image_of_another_network_input_separates_only_by_its_detections() -> None:
    gray, white = pad_value(100).applied(HEALTHY), pad_value(255).applied(HEALTHY)
    assert separating_image(evidence_of(0.5, SQUARE, WIDE), gray, white) == 1
    assert separating_image(evidence_of(2.0, SQUARE, WIDE), gray, white) is None
    assert separating_image(evidence_of(0.5, WIDE, SQUARE), gray, white) is None


def test_no_other_image_separates_nothing() -> None:
    assert separating_image(evidence_of(0.5, WIDE), HEALTHY, pad_value(255).applied(HEALTHY)) is None
