"""What an INT8 file says of its making: what was tried, what each try cost, and what the ranges were taken from."""

from __future__ import annotations

from dataclasses import dataclass

from parity.spec import STRICT


@dataclass(frozen=True, slots=True)
class Step:
    """One try: how many layers were returned to float, and what the file then gave on the judged images.

    ``drop`` is the checkpoint's AP less the file's, ``speedup`` the time of the float32 file of the same runtime over that of this one,
    both with their 95 % interval.
    """

    returned: int
    ap: float | None
    drop: float
    drop_ci95: tuple[float, float] | None
    speedup: float
    speedup_ci95: tuple[float, float]
    size_mb: float
    verdict: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """The images that ranges were taken from; ``sha256`` covers their bytes, whatever their order and names."""

    images: int
    sha256: str
    source: str
    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How a file came to calculate in INT8.

    Of its ``layers``, those that are ``always_float`` make the numbers that the head's arithmetic reads, and the ``returned`` went back
    to float for the budget, the largest drop of AP that was asked for. ``warnings`` say what its detections and speed depend on.
    """

    calibration: CalibrationSet
    ranges: str
    layers: int
    always_float: tuple[str, ...]
    returned: tuple[str, ...]
    budget: float
    verdict: str
    judged_images: int
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    __pydantic_config__ = STRICT
