"""The one table of limits: what a measurement may be, in which unit, and where the number comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from parity.spec import STRICT


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest value of a measurement that passes, its unit and its origin."""

    value: float
    unit: str
    origin: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of one precision. Box limits are in network pixels, since that is where the noise arises."""

    box: Limit
    score: Limit
    overlap: Limit
    ap_reference: Limit
    ap_baseline: Limit
    none: Limit
    __pydantic_config__ = STRICT


FLOAT32 = Limits(
    box=Limit(0.01, "network px", "2 x the largest difference of a float32 raw head from float64 (YOLOv8n at 640: 4.8e-3 px)"),
    score=Limit(1e-4, "score", "10 x the largest difference of a float32 raw head from float64 (YOLOv8n at 320: 9.8e-6)"),
    overlap=Limit(1e-3, "IoU", "what a box difference of 0.01 px does to the overlap of boxes of 20 px"),
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
            0.05, "image px", "3 x float32 against float64 (seeded fasterrcnn_mobilenet_v3_large_320_fpn: 0.015 px at 9 of 10 sizes)"
        ),
        overlap=Limit(5e-3, "IoU", "what a box difference of 0.05 px does to the overlap of boxes of 20 px"),
    )
}

MATCH_IOU = 0.5  # the least overlap of two detections that are taken for the same object
MAX_ROUNDING_PX = 0.1  # a coarser grid of a predictions file is not formatting but a fault, and is not excused
MAX_ROUNDING_SCORE = 0.001
LATENCY_FLOOR = 0.03  # never enforced below: sessions of one file are apart by how they lie in memory (YOLOv8n, 2 % at 96, 3 % at 64)
EVALUATION_CONFIDENCE = 0.001  # AP is taken down to this score, as `yolo val` does


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest differences of two raw outputs, in network pixels and score."""

    box_px: float
    score: float


# ten times what float32 rounding was measured to do to a raw head (YOLOv8n at 640 against float64: 4.8e-3 px, 5.7e-6), and more for
# scores; a wrong weight, a lost layer or a swapped head is off by whole pixels and tenths
SAME_NETWORK = Tolerance(box_px=0.05, score=1e-3)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How differences on labelled data are resampled, and how few images or objects say nothing."""

    resamples: int
    seed: int
    min_images: int
    min_objects: int
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Margins:
    """How much AP may drop: over all classes, and in any one class or class and size; and F1 at the deployed threshold."""

    ap: Limit
    per_class: Limit
    f1: Limit


BOOTSTRAP = Bootstrap(
    resamples=2_000,  # the ends of a 95 % interval then move by 3 % of its half width from seed to seed
    seed=20_240_229,  # any fixed number: the same detections must give the same interval
    min_images=20,  # the interval of AP covers as it should from 64 images on; below 20 each image moves its ends
    min_objects=10,  # one object more or less of ten moves AP by 0.1, twice the margin of a class
)
CONFIDENCE = 0.95  # of an interval; and the power with which the smallest detectable drop is found
FAMILY_ERROR = 0.01  # how often equal models may fail for one of their classes: one gate in a hundred
MOST_IMAGES = 200_000  # no larger validation set is in use (Objects365 has 80,000): a difference that needs more is at its margin

_ONE_CLASS = Limit(0.05, "AP", "chosen: five points, which the mean over 80 classes would not show")
_ONE_THRESHOLD = "chosen: twice the margin of AP, since one threshold is noisier than the mean over all"
MARGINS = {
    "fp16": Margins(
        Limit(0.005, "AP", "chosen: half a point, half of what 8 bits may cost"), _ONE_CLASS, Limit(0.01, "F1", _ONE_THRESHOLD)
    ),
    "int8": Margins(
        Limit(0.01, "AP", "chosen: one point, which is called good above; MLPerf allows 8 bits 1 % of the reference's AP"),
        _ONE_CLASS,
        Limit(0.02, "F1", _ONE_THRESHOLD),
    ),
}
