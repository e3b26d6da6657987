"""What a report shows, made by hand: one image with a difference of every kind and one that agrees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from oracles.results import COUNTS, check, config, result
from PIL import Image

from parity.accuracy import Accuracy, OperatingPoints
from parity.comparison import Rounding, compare_image
from parity.datasets import DatasetImage
from parity.detections import Detections
from parity.doubts import Cause, Doubt
from parity.exhibits import Exhibit, PrecisionRecall
from parity.limits import BOOTSTRAP, FLOAT32
from parity.operating import OperatingPoint
from parity.report.gallery import gallery
from parity.report.html import render, within
from parity.report.page import page
from parity.request import GateRequest
from parity.spec import ExifPolicy, Suppress
from parity.statistics import ClassEstimate, Estimate, PairedStatistics
from parity.verdict import Diagnosis, Result, Status, Verdict

if TYPE_CHECKING:
    from parity.comparison import ImageComparison

NAMES = ("cat", "dog")
THRESHOLDS = Suppress()
# matched, missed, class flip, shifted, rescored, edge
REFERENCE = [(5, 5, 45, 45), (60, 5, 90, 40), (5, 60, 40, 95), (60, 60, 100, 100), (110, 60, 150, 100), (110, 5, 140, 40)]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.2500001]
CANDIDATE = [(5, 5, 45, 45), (5, 60, 40, 95), (62, 60, 102, 100), (110, 60, 150, 100), (20, 20, 40, 58)]
DOUBT = Doubt((110.0, 5.0, 140.0, 40.0), 0.2500001, 0, kept=True, cause=Cause.CONFIDENCE, margin=0.1)
CAUSE = Diagnosis(
    "m-onnx-640",
    "channel_order_bgr",
    "preprocess",
    {"order": "bgr"},
    1.0,
    "confirmed",
    "restore",
    "Red and blue were exchanged. Proof: so.",
    "Swap.",
)


POINTS = OperatingPoints(OperatingPoint.counted(0.25, hits=1, claims=1, objects=1), None)
LOST, KEPT = Estimate(0.5, 0.4, -0.1, (-0.15, -0.05), 0.02), Estimate(0.5, 0.5, 0.0, None, None)
UNDEFINED = Estimate(None, None, None, None, None)


def accuracy(*, units: int = 40, lost: str = "lost") -> Accuracy:
    """What labelled data say of two classes, one of which lost."""
    classes = (
        ClassEstimate("kept", "all", 30, 20, KEPT),
        ClassEstimate(lost, "all", 50, 20, LOST),
        ClassEstimate(lost, "small", 20, 10, LOST),
    )
    found = PairedStatistics(40, units, BOOTSTRAP, {"AP": LOST, "APs": UNDEFINED}, classes)
    return Accuracy(found, classes[2], POINTS, POINTS)


def compared(reference: Detections, candidate: Detections, *, doubts: tuple[Doubt, ...] = ()) -> ImageComparison:
    """One image held against the limits of float32."""
    return compare_image(reference, candidate, FLOAT32, thresholds=THRESHOLDS, gain=1.0, rounding=Rounding(), absent=False, doubts=doubts)


def different() -> ImageComparison:
    """One of every kind, and one that matches."""
    reference = Detections.best_first(REFERENCE, SCORES, [0, 0, 0, 0, 0, 0])
    return compared(reference, Detections.best_first(CANDIDATE, [0.9, 0.7, 0.6, 0.45, 0.4], [0, 1, 0, 0, 1]), doubts=(DOUBT,))


def only_reference(label: int) -> ImageComparison:
    """One box of a class, which the candidate does not have."""
    return compared(Detections.best_first(REFERENCE[:1], [0.9], [label]), Detections.none())


def agreeing() -> ImageComparison:
    """The same on both sides."""
    both = Detections.best_first(REFERENCE[:2], SCORES[:2], [0, 1])
    return compared(both, both)


def exhibit(folder: Path, comparisons: list[ImageComparison], *, names: tuple[str, ...] = NAMES, files: tuple[str, ...] = ()) -> Exhibit:
    """These comparisons on images of 160 x 120 px; ``files`` are their names in the data set."""
    images = []
    for place in range(len(comparisons)):
        path = folder / f"{place}.png"
        Image.fromarray(np.full((120, 160, 3), 40 * (place % 6), np.uint8)).save(path)
        images.append(DatasetImage(place + 1, files[place] if files else path.name, path))
    curve = np.linspace(1, 0, 101)
    return Exhibit(
        "m-onnx-640", tuple(images), tuple(comparisons), names, ExifPolicy.APPLY, FLOAT32, (PrecisionRecall(0.5, curve, curve**2),)
    )


def failing() -> Result:
    """A result that fails for a named cause."""
    failed = check(Status.FAIL, measured=1, detail="0.png: cat 0.8; …")
    far = check(Status.FAIL, name="shifted", measured=2.0, limit=0.01, origin="2 x noise", floor=4.8e-3)
    return replace(
        result(), verdict=Verdict.FAIL, checks=(check(name="images"), failed, far), diagnosis=(CAUSE,), configs=(config(parity=COUNTS),)
    )


def built(found: Result, exhibits: list[Exhibit], *, request: GateRequest | None = None) -> str:
    """The page of a result."""
    shown = gallery(exhibits, most=128, picture=within(20_000))
    asked = request or GateRequest(Path("m.pt"), candidates=("m.onnx",), data=Path("data.yaml"))
    return render(page(asked, found, exhibits, shown=shown, sizes={"m.pt": 6_000_000}, made="2026-01-01 00:00 UTC"))
