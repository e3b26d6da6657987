"""The one table of limits: what a measurement may be, in which unit, and where the number comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from parity.spec import STRICT


class Profile(StrEnum):
    """How precisely a candidate calculates."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"

    @property
    def exact(self) -> bool:
        """Whether every single detection may be held against limits; what was rounded further is judged by AP with its statistics."""
        return self is Profile.FP32


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
    logit=Limit(6.3e-4, "logit", "10 x the largest difference of float32 raw heads, scores above 0.25 (YOLOv8n at 320: 6.3e-5)", 6.3e-5),
    edge_rate=Limit(1.5e-4, "edges of a detection", "none of 20,556 detections appeared or disappeared between runtimes: rule of three"),
    ap_reference=Limit(1e-3, "AP", "a tenth of a point, either way: a bug can raise AP (a second sigmoid: +9 points)"),
    ap_baseline=Limit(0.002, "AP", "float32 AP on other processors and library versions"),
    none=Limit(0, "count", "every one is a difference between what was trained and what would be shipped"),
)

PROFILES = {
    Profile.FP32: FLOAT32,
    Profile.FP16: replace(
        FLOAT32,
        box=Limit(0.5, "network px", "a step of half precision from 512 to 1024 px; shown, not held", 0.25),
        score=Limit(4.9e-4, "score", "a step of half precision from 0.5 to 1; shown, not held", 2.4e-4),
        logit=Limit(2e-3, "logit", "a step of half precision from 2 to 4; shown, not held", 1e-3),
    ),
    Profile.INT8: replace(
        FLOAT32,
        box=Limit(2.5, "network px", "a step of 255 over 640 px; shown, not held", 1.25),
        score=Limit(3.9e-3, "score", "a step of 255 from 0 to 1; shown, not held", 2e-3),
        logit=Limit(0.063, "logit", "a step of 255 from -8 to 8; shown, not held", 0.031),
    ),
}

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
MIN_EDGE_DETECTIONS = 300  # to measure a rate of edges on: none seen leaves 1 % (rule of three), and fewer let any number of edges pass
SAME_BOX_IOU = 0.95  # rounding moves a box by far less; below it, suppression kept another box
EDGE_CONFIDENCE = 0.95  # that the true rate of edges is no larger than what is taken for it
EDGE_QUANTILE = 0.999  # of the number of edges at that rate: more fail, so one healthy run in a thousand at worst
MATCH_IOU = 0.5  # the least overlap of two detections that are taken for the same object
MAX_ROUNDING_PX = 0.1  # a coarser grid of a predictions file is not formatting but a fault, and is not excused
MAX_ROUNDING_SCORE = 0.001
LATENCY_FLOOR = 0.03  # never enforced below: sessions of one file are apart by how they lie in memory (YOLOv8n, 2 % at 96, 3 % at 64)
DRIFT_ERROR = 0.05  # how often runs that differ by chance alone may be said to drift, all trends of a listing together
# fewer are too few: 8 in strict order happen once in 20,160 by chance (2 / 8!), which still counts among the trends of 8 configurations
MIN_DRIFT_RUNS = 8
MOST_DRIFT_RUNS = 1_000  # the latest that a trend is taken over: half a million pairs of them are looked at in a tenth of a second
EVALUATION_CONFIDENCE = 0.001  # AP is taken down to this score, as `yolo val` does


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest differences of two raw outputs, in network pixels and score."""

    box_px: float
    score: float


# ten times what float32 rounding was measured to do to a raw head (YOLOv8n at 640 against float64: 4.8e-3 px, 5.7e-6), and more for
# scores; a wrong weight, a lost layer or a swapped head is off by whole pixels and tenths
SAME_NETWORK = Tolerance(box_px=0.05, score=1e-3)
# by what a file calculates in. Half precision: 3 and 10 times the largest of all anchors, most of them without an object (YOLO11n at
# 640: 6.6 px; the embedded YOLOv8n at 320: 3.9e-3)
SAME_NETWORK_IN = {Profile.FP32: SAME_NETWORK, Profile.FP16: Tolerance(box_px=20.0, score=0.04)}

# the largest that a calibrated limit may be; a model with more noise than a tenth of these cannot be held box by box
CEILINGS = {
    "box": Limit(0.25, "network px", "half of what the smallest fault of a pipeline moves boxes by: half a pixel of padding or resizing"),
    "score": Limit(SAME_NETWORK.score, "score", "what two runs of one network may differ by; a wrong weight changes tenths"),
    "logit": Limit(4 * SAME_NETWORK.score, "logit", "that of the score where it is least of a logit: s (1 - s) is 1 / 4 at most"),
    "edge_rate": Limit(0.01, "edges of a detection", "more would excuse a fault that loses one detection in a hundred"),
}


# how far a measure may move over all runs of a history before it is called a drift, if chance does not explain it
DRIFT = {
    "AP": Limit(0.002, "AP", "that of a baseline: float32 AP on other processors and library versions"),
    "AP change": Limit(0.001, "AP", "that of a candidate against its reference: a tenth of a point"),
    "agreement": Limit(0.01, "of the images", "chosen: one image in a hundred"),
    "latency": Limit(LATENCY_FLOOR, "of the first", "sessions of one file are apart by that much"),
}


def limits_of(family: str, profile: Profile) -> Limits:
    """The limits of a model that was not calibrated; a family's own are those of float32."""
    return BY_FAMILY.get(family, FLOAT32) if profile is Profile.FP32 else PROFILES[profile]


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


@dataclass(frozen=True, slots=True)
class Typical:
    """What rounding may do to most detections, though not to each: medians of matched ones, and shares of the reference's number.

    A stretched image, another value range or exchanged classes move the middle; quantisation moves the ends.
    """

    box: Limit
    score: Limit
    missed: Limit
    ghosts: Limit
    class_flips: Limit


_HALVED = "of YOLOv8n with float16 weights at 320"
_EIGHT_BITS = "of a YOLOv8n in INT8 at 320 that loses 4.5 points of AP"
TYPICAL = {
    Profile.FP16: Typical(
        box=Limit(0.25, "network px, median", f"5 x that {_HALVED}", 0.054),
        score=Limit(5e-3, "score, median", f"7 x that {_HALVED}", 7.2e-4),
        missed=Limit(0.02, "of the reference's", f"none {_HALVED}"),
        ghosts=Limit(0.02, "of the reference's", f"none {_HALVED}"),
        class_flips=Limit(0.01, "of the reference's", f"none {_HALVED}"),
    ),
    Profile.INT8: Typical(
        box=Limit(2.0, "network px, median", f"2 x that {_EIGHT_BITS}", 1.05),
        score=Limit(0.06, "score, median", f"2 x that {_EIGHT_BITS}", 0.03),
        missed=Limit(0.2, "of the reference's", f"0.16 {_EIGHT_BITS}"),
        ghosts=Limit(0.2, "of the reference's", f"0.09 {_EIGHT_BITS}"),
        class_flips=Limit(0.03, "of the reference's", f"0.013 {_EIGHT_BITS}"),
    ),
}
SURE = 0.5  # a score that no rounding takes below a deployed threshold: an image with one on one side has an answer on the other

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
