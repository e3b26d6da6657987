"""The one table of limits: what a measurement may be, in which unit, and where the number comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parity.spec import STRICT


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest value of a measurement that passes, its unit and its origin.

    ``floor`` is the measured noise that it stands on, the largest difference that does not matter; ``None`` for what is counted.
    """

    value: float
    unit: str
    origin: str
    floor: float | None = None
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of one precision. Box limits are in network pixels, since that is where the noise arises."""

    box: Limit
    score: Limit
    logit: Limit  # of a score at a threshold: within it, noise decides
    edge_rate: Limit  # detections that noise alone adds or removes, for one of the reference's
    ap_reference: Limit
    ap_baseline: Limit
    none: Limit
    __pydantic_config__ = STRICT


FLOAT32 = Limits(
    box=Limit(0.01, "network px", "2 x the largest difference of a float32 raw head from float64 (YOLOv8n at 640: 4.8e-3 px)", 4.8e-3),
    score=Limit(1e-4, "score", "10 x the largest difference of a float32 raw head from float64 (YOLOv8n at 320: 9.8e-6)", 9.8e-6),
    logit=Limit(5e-4, "logit", "10 x the largest difference of logits, of raw heads where the score is above 0.25 (placeholder)", 5e-5),
    edge_rate=Limit(1.5e-4, "edges of a detection", "none of 20,556 detections appeared or disappeared between runtimes: rule of three"),
    ap_reference=Limit(1e-3, "AP", "a tenth of a point, either way: a bug can raise AP (a second sigmoid: +9 points)"),
    ap_baseline=Limit(0.002, "AP", "float32 AP on other processors and library versions"),
    none=Limit(0, "count", "every one is a difference between what was trained and what would be shipped"),
)

EXCELLENT, GOOD = 0.001, 0.01  # AP of a converted model against its own: a tenth of a point, and one point

# a family whose networks round otherwise; every other is held to FLOAT32
BY_FAMILY = {
    "torchvision": replace(
        FLOAT32,
        box=Limit(
            0.05, "image px", "3 x float32 against float64 (seeded fasterrcnn_mobilenet_v3_large_320_fpn: 0.015 px at 9 of 10 sizes)", 0.015
        ),
    )
}

NOISE_FLOORS = 10  # that a calibrated limit is: other images and other kernels give a few times the largest that some images gave
SAME_BOX_IOU = 0.95  # rounding moves a box by far less; below it, suppression kept another box
EDGE_CONFIDENCE = 0.95  # that the true rate of edges is no larger than what is taken for it
EDGE_QUANTILE = 0.999  # of the number of edges at that rate: more fail, so one healthy run in a thousand at worst
MATCH_IOU = 0.5  # the least overlap of two detections that are taken for the same object
MAX_ROUNDING_PX = 0.1  # a coarser grid of a predictions file is not formatting but a fault, and is not excused
MAX_ROUNDING_SCORE = 0.001
EVALUATION_CONFIDENCE = 0.001  # AP is taken down to this score, as `yolo val` does


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest differences of two raw outputs, in network pixels and score."""

    box_px: float
    score: float


# ten times what float32 rounding was measured to do to a raw head (YOLOv8n at 640 against float64: 4.8e-3 px, 5.7e-6), and more for
# scores; a wrong weight, a lost layer or a swapped head is off by whole pixels and tenths
SAME_NETWORK = Tolerance(box_px=0.05, score=1e-3)
